"""kube-proxy under systemd beside its wishes: mode, unit, and each field of the configuration. Pure."""
from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.fairlead.comparison import Row, row
from ansible.module_utils.fairlead.kube_proxy import unit
from ansible.module_utils.fairlead.kube_proxy.decode import read
from ansible.module_utils.fairlead.kube_proxy.service import Desired, Observed

LEFT_OUT = "kube-proxy's default"  # of a field that is not in the file


def rows(desired: Desired, observed: Observed) -> list[Row]:
    running = observed.answer.mode
    boot = observed.unit == desired.unit and observed.enabled
    as_it_is = "as written by the role, started at boot"
    differs = "another text" if observed.unit != desired.unit else "not started at boot"
    return [
        row("kube-proxy mode", desired.mode, running or "none answers", running == desired.mode),
        row(unit.NAME, as_it_is, None if observed.unit is None else as_it_is if boot else differs, boot),
        *_configuration(desired, observed),
    ]


def _configuration(desired: Desired, observed: Observed) -> list[Row]:
    if observed.config is None:
        return [row(desired.config_path, "as written by the role", None, False)]
    try:
        found = _fields(read(observed.config))
    except ValueError:
        return [row(desired.config_path, "as written by the role", "a text of somebody else's", False)]
    wished = _fields(read(desired.config))
    return [row(f"{desired.config_path}: {path}", wished.get(path, LEFT_OUT), found.get(path, LEFT_OUT),
                wished.get(path) == found.get(path)) for path in sorted({*wished, *found})]


def _fields(value: Any, path: str = "") -> dict[str, str]:
    """Every single value by its dotted path; a list is one value."""
    if not isinstance(value, dict):
        return {path: value if isinstance(value, str) else json.dumps(value)}
    return {key: text for name, below in value.items()
            for key, text in _fields(below, f"{path}.{name}" if path else name).items()}
