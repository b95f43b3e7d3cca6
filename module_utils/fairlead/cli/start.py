"""Start of bin/fairlead: makes our own modules importable under the name that Ansible gives them, without Ansible.

Importing ansible-core costs more than a check of a hundred files. The modules of this project only need the name
`ansible.module_utils.fairlead`, so two empty packages stand in for what is above it.
"""
from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

MODULE_UTILS = Path(__file__).resolve().parents[2]


def stand_in() -> None:
    """After this, ansible.module_utils.fairlead comes from this checkout and nothing else of Ansible is there."""
    for name, path in (("ansible", []), ("ansible.module_utils", [str(MODULE_UTILS)])):
        package = ModuleType(name)
        package.__path__ = path
        sys.modules[name] = package


if __name__ == "__main__":
    stand_in()
    from ansible.module_utils.fairlead.cli.main import main

    sys.exit(main(sys.argv[1:]))
