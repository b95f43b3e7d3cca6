"""The Go modules that the lab is built from pin the versions that inventories/lab/group_vars/all/versions.yml names."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "roles" / "lab_artifacts" / "files"
NAMED = yaml.safe_load((ROOT / "inventories/lab/group_vars/all/versions.yml").read_text(encoding="utf-8"))
LAB = NAMED["lab_versions"]
REQUIRED = re.compile(r"^\s*(?:require )?(?P<module>[\w./-]+) v(?P<version>[\w.+-]+)(?: // indirect)?$", re.MULTILINE)
REPLACED = re.compile(r"^\s*(?P<module>k8s\.io/[\w.-]+) => (?P=module) v(?P<version>\S+)$", re.MULTILINE)

PINNED = [
    ("kubernetes", "k8s.io/kubernetes", LAB["kubernetes"]),
    ("kubernetes", "go.etcd.io/etcd/server/v3", LAB["etcd"]),
    ("e2e", "k8s.io/kubernetes", LAB["kubernetes"]),
    ("coredns", "github.com/coredns/coredns", LAB["coredns"]),
    ("metallb", "go.universe.tf/metallb", LAB["metallb"]),
    *((f"older/{release}", "k8s.io/kubernetes", release)
      for release in (*NAMED["lab_parity_versions"], NAMED["lab_upgrade_from"])),
]

# Modules of our own in place of one that cannot be had. They have no version, and what they need is decided by the
# module that is built with them.
STAND_INS = {"metallb/frr-k8s": ("metallb", "github.com/metallb/frr-k8s")}


def of_module(place: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """Go module -> version, of the go.mod in this directory."""
    text = (FILES / place / "go.mod").read_text(encoding="utf-8")
    return {found["module"]: found["version"] for found in pattern.finditer(text)}


@pytest.mark.parametrize(("place", "module", "version"), PINNED)
def test_the_module_pins_the_named_version(place: str, module: str, version: str) -> None:
    assert of_module(place, REQUIRED)[module] == version


@pytest.mark.parametrize(("place", "version"), sorted({(place, version) for place, module, version in PINNED
                                                       if module == "k8s.io/kubernetes"}))
def test_the_staging_modules_are_those_of_the_same_release(place: str, version: str) -> None:
    staging = of_module(place, REPLACED)
    assert staging, "Kubernetes cannot be built as a module without replacing its staging modules"
    assert set(staging.values()) == {version.replace("1.", "0.", 1)}


def test_the_release_that_is_upgraded_is_of_the_minor_before() -> None:
    older, newer = (tuple(int(part) for part in release.split(".")[:2])
                    for release in (NAMED["lab_upgrade_from"], LAB["kubernetes"]))
    assert (older[0], older[1] + 1) == newer


def test_every_module_is_held_and_builds_with_the_named_go() -> None:
    places = {str(file.parent.relative_to(FILES)) for file in FILES.rglob("go.mod")}
    assert places == {place for place, _, _ in PINNED} | STAND_INS.keys()
    for place in places:
        text = (FILES / place / "go.mod").read_text(encoding="utf-8")
        assert re.search(r"^go (\d+\.\d+)", text, re.MULTILINE)[1] == LAB["go"]


@pytest.mark.parametrize(("stand_in", "user", "module"), [(place, *of) for place, of in STAND_INS.items()])
def test_a_stand_in_is_used_and_changes_no_version(stand_in: str, user: str, module: str) -> None:
    text = (FILES / user / "go.mod").read_text(encoding="utf-8")
    assert f"replace {module} => ./{Path(stand_in).relative_to(user)}" in text
    asked = of_module(stand_in, REQUIRED)
    assert asked.items() <= of_module(user, REQUIRED).items()
