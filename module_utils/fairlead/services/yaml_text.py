"""YAML text that every reader takes for the same values: YAML 1.1 and 1.2, PyYAML and the API server's Go parser."""
from __future__ import annotations

import re
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.fairlead.errors import FairleadError

try:
    import yaml
except ImportError:  # it comes with ansible-core, but another interpreter may run the module
    yaml = None

_ENDLESS = 2**31 - 1  # never fold a line: a folded one is hard to search and to compare


def _dumper() -> Any:
    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    # A string that any reader could take for something else is quoted. PyYAML quotes what it would mistype itself;
    # the Go parser also knows single letters as truth values, and numbers with an exponent, a leading 0 or 0o.
    for pattern, first in (
            (r"[yYnN]$", "yYnN"),
            (r"[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
            (r"[-+]?0(?:[oO][0-7_]+|[xX][0-9a-fA-F_]+|[bB][01_]+)$", "-+0")):
        Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(pattern), list(first))
    Dumper.add_representer(str, _string)
    return Dumper


def _string(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_DUMPER: Any = None


def dump(value: Any) -> str:
    """Block style, keys in the order in which they come, no anchors, LF."""
    global _DUMPER  # noqa: PLW0603 - made once, since making it costs more than a small object
    if yaml is None:
        raise FairleadError("PyYAML", missing_required_lib("PyYAML").rstrip("."),
                            "install it for the interpreter of this host")
    _DUMPER = _DUMPER or _dumper()
    return yaml.dump(value, Dumper=_DUMPER, default_flow_style=False, sort_keys=False, allow_unicode=True,
                     width=_ENDLESS, line_break="\n")
