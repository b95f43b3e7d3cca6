"""What is asked of a machine beside what is found there, as the node modules return it and the proof shows it. Pure."""
from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def row(setting: str, wished: str, found: str | None, same: bool | None) -> Row:
    """found: None for what is not there. same: None when that cannot be told."""
    return {"setting": setting, "wished": wished, "found": "not there" if found is None else found, "same": same}
