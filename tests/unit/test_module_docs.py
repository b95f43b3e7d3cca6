"""Each module's documentation and argument spec say the same, and each role's defaults and argument specs."""
from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FIELDS = ("type", "default", "choices", "required", "elements")
MODULES = sorted(path for path in (ROOT / "library").glob("*.py"))
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if (path / "defaults/main.yml").exists())


def differences(documented: dict[str, Any], spec: dict[str, Any], where: str) -> list[str]:
    found = [f"{where}.{name}: only on one side" for name in sorted(set(documented) ^ set(spec))]
    for name in sorted(set(documented) & set(spec)):
        doc, real = documented[name], spec[name]
        found += [f"{where}.{name}: {field} is {doc.get(field)!r} in the text and {real.get(field)!r} in the spec"
                  for field in FIELDS if (doc.get(field) or None) != (real.get(field) or None)]
        if "options" in real:
            found += differences(doc.get("suboptions", {}), real["options"], f"{where}.{name}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module(path):
    module = runpy.run_path(str(path))
    documented = yaml.safe_load(module["DOCUMENTATION"])["options"]
    assert differences(documented, module["get_argument_spec"](), path.stem) == []
    assert yaml.safe_load(module["EXAMPLES"])
    assert yaml.safe_load(module["RETURN"])


@pytest.mark.parametrize("path", ROLES, ids=lambda path: path.name)
def test_role(path):
    defaults = yaml.safe_load((path / "defaults/main.yml").read_text(encoding="utf-8")) or {}
    entries = yaml.safe_load((path / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    specs = {name: spec for entry in entries.values() for name, spec in entry.get("options", {}).items()}
    assert set(defaults) <= set(specs)
    for name, value in defaults.items():
        if "default" in specs[name]:
            assert specs[name]["default"] == value, name
    assert not [name for name in set(specs) - set(defaults) if "default" in specs[name]]


def test_a_difference_is_found():
    assert differences({"a": {"type": "str"}}, {"a": {"type": "int"}, "b": {}}, "m") == [
        "m.b: only on one side", "m.a: type is 'str' in the text and 'int' in the spec"]
