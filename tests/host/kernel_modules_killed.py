"""Run on a node with a kernel of its own, as root: the module kernel_modules killed right before each of its effects.

Asks for ipvs mode and gives it back, so no ip_vs module may be in use there; what the node itself asks for is put back
by its next run. The first argument is the stride, how many effects apart the kills are.
"""
from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import ansible.module_utils

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "module_utils"))
from modules import Killed, run_module  # noqa: E402

JOURNAL = Path("/var/lib/fairlead/kernel_modules.json")
FILES = (Path("/etc/modules-load.d/fairlead.conf"), Path("/etc/modprobe.d/fairlead.conf"), JOURNAL)
WANTED = {"mode": "ipvs", "scheduler": "wlc", "parameters": {"ip_vs": {"conn_tab_bits": 10}}}
GONE = {"mode": "ipvs", "state": "absent", "unload": True}


def settle(arguments: dict) -> dict:
    result = run_module("kernel_modules", arguments)
    assert not result.get("failed"), result["msg"]
    return result


def loaded() -> set[str]:
    names = {line.split()[0] for line in Path("/proc/modules").read_text(encoding="utf-8").splitlines()}
    return {name for name in names if name.startswith("ip_vs")}


def assert_as_asked(arguments: dict, where: str) -> None:
    if JOURNAL.exists():
        json.loads(JOURNAL.read_text(encoding="utf-8"))
    settle(arguments)
    again = settle(arguments)
    assert not again["changed"] and not again["findings"], (where, again)
    if arguments is WANTED:
        assert {"ip_vs", "ip_vs_rr", "ip_vs_wlc"} <= loaded(), where
        bits = Path("/sys/module/ip_vs/parameters/conn_tab_bits").read_text(encoding="utf-8").strip()
        assert bits == "10", (where, bits)
        settle(GONE)
    left = [str(path) for path in FILES if path.exists()]
    assert not left and not loaded(), (where, left, loaded())


def main(stride: int) -> None:
    settle(GONE)
    kills = 0
    for before, arguments in ((GONE, WANTED), (WANTED, GONE)):
        for number in itertools.count(1, stride):
            settle(before)
            try:
                run_module("kernel_modules", arguments, kill_at=number)
                break
            except Killed:
                kills += 1
            assert_as_asked(arguments, f"killed before effect {number} of {arguments}")
        settle(GONE)
    print(kills, "kills")


if __name__ == "__main__":
    main(int(sys.argv[1]))
