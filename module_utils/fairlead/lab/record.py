"""Which labs exist on this machine: a directory each under /run, so that a reboot, which ends them, forgets them."""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import read_text, write_text
from ansible.module_utils.fairlead.plan import Plan, Step

RUN = Path("/run/fairlead-lab")
MOST_LABS = 200  # each has one /24 of 198.18.0.0/16


def load_all(run: Path = RUN) -> dict[str, dict[str, Any]]:
    """The records of all labs by name: {"name", "index", "checkout", "inputs"}."""
    records = {}
    for path in sorted(run.glob("*/lab.json")):
        text = read_text(str(path))
        if text:
            records[path.parent.name] = json.loads(text)
    return records


@contextlib.contextmanager
def locked(run: Path = RUN) -> Iterator[None]:
    """Two labs that come up at once must not take the same index."""
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    with open(run / "lock", "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def plan_reserve(name: str, checkout: str, inputs: dict[str, Any], records: dict[str, dict[str, Any]],
                 taken: set[int]) -> Plan:
    """Reserve the name and the lowest free index; refuse a name that is in use for something else.

    taken: indices whose addresses this machine already has routes to
    """
    mine = records.get(name)
    if mine:
        if mine["checkout"] != checkout:
            raise FairleadError("LAB", f"a lab of this name belongs to {mine['checkout']}",
                                "choose another name, or run make lab-down there", name)
        differing = sorted(key for key in {*inputs, *mine["inputs"]} if inputs.get(key) != mine["inputs"].get(key))
        if differing:
            was = ", ".join(f"{key} {mine['inputs'].get(key)} (wanted: {inputs.get(key)})" for key in differing)
            raise FairleadError("LAB", f"a lab of this name runs with other inputs: {was}. It was left as it is",
                                f"run make lab-down LAB={name} first, or choose another name", name)
        return Plan(unchanged=f"lab {name} is reserved with index {mine['index']}")
    used = {record["index"] for record in records.values()} | taken
    index = next((number for number in range(MOST_LABS) if number not in used), None)
    if index is None:
        raise FairleadError("LAB", f"{MOST_LABS} labs exist", "take one down", name)
    record = {"name": name, "index": index, "checkout": checkout, "inputs": inputs}
    return Plan((Step("reserve", f"lab {name}", after=f"index {index}", data=record),))


def apply_reserve(step: Step, run: Path = RUN) -> None:
    directory = run / step.data["name"]
    directory.mkdir(mode=0o755, exist_ok=True)
    write_text(str(directory / "lab.json"), json.dumps(step.data, indent=2, sort_keys=True) + "\n")


def indices_with_routes(routes: list[dict[str, Any]]) -> set[int]:
    """Lab indices whose node network appears in `ip -json route`, so that a foreign route is not shadowed."""
    found = set()
    for route in routes:
        parts = str(route.get("dst", "")).split(".")
        if parts[0] == "198" and len(parts) == 4 and parts[1] in ("18", "19"):
            found.add(int(parts[2]))
    return found


def forget(name: str, run: Path = RUN) -> None:
    """Remove the record last of all, when everything it leads to is gone."""
    directory = run / name
    for path in sorted(directory.rglob("*"), reverse=True):
        path.unlink() if path.is_file() or path.is_symlink() or path.is_socket() else path.rmdir()
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(directory)
