"""kube-proxy of the release before the lab's beside the lab's own, on the bench's node: each at a place of its own.

`ansible-playbook -i inventories/lab playbooks/kube_proxy_build.yml` builds the older one and writes down where it is.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from bench import ROOT, Bench

LISTING = ROOT / ".lab" / "kube_proxy.json"
NAMED = yaml.safe_load((ROOT / "inventories/lab/group_vars/all/versions.yml").read_text(encoding="utf-8"))
MISSING = (f"kube-proxy {NAMED['lab_upgrade_from']} is not built. Build it with: "
           "ansible-playbook -i inventories/lab playbooks/kube_proxy_build.yml")


@dataclass(frozen=True)
class Release:
    """name: without the v; program: its path on the node, by which the unit tells the two apart."""

    name: str
    program: str


OLDER = Release(NAMED["lab_upgrade_from"], f"/usr/local/bin/kube-proxy-{NAMED['lab_upgrade_from']}")
LABS = Release(NAMED["lab_versions"]["kubernetes"], "/usr/local/bin/kube-proxy")


def built() -> Path | None:
    """The older program on this machine; None when it was not built, or another release was, or it was thrown away."""
    try:
        listed = json.loads(LISTING.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    program = Path(listed["kube_proxy"])
    return program if listed["release"] == OLDER.name and program.exists() else None


def put(bench: Bench, program: Path) -> None:
    """The older program onto the node."""
    bench.copy(program, OLDER.program)
    bench.on_node("chmod", "755", OLDER.program)


def run(bench: Bench, release: Release, mode: str, **more: Any) -> dict[str, Any]:
    """Run this release in the mode that the node already has, by the two calls that role kube_proxy makes: one that
    holds the restart, and the one that is due. The answer of the last."""
    held = bench.kube_proxy(mode, kubernetes_version=release.name, binary=release.program, restarts="hold", **more)
    return bench.module("kube_proxy", held["restart_due"]) if held.get("restart_due") else held


def running(bench: Bench) -> str:
    """The release that answers on the node, without the v."""
    return bench.module("kube_proxy_info", {})["version"].removeprefix("v")
