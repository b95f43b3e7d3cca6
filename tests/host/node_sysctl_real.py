"""Run in namespaces: the module node_sysctl on this machine's kernel. Each function is one proof; the first argument
names it."""
from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

from modules import Killed, run_module
from namespaces import cover, fresh_devices
from settings import DROPIN, JOURNAL, WANTED, everything, settle


def restore() -> None:
    """A key set by the node's owner comes back, and so does every other one of 600."""
    Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text("8080,9000-9100")
    Path("/proc/sys/net/ipv4/conf/a/forwarding").write_text("1")
    before = everything()
    assert settle(WANTED)["changed"]
    assert Path("/proc/sys/net/ipv4/ip_local_reserved_ports").read_text().strip() == "8080,9000-9100,30000-32767"
    assert Path("/proc/sys/net/ipv4/conf/b.10/rp_filter").read_text().strip() == "2"
    second = settle(WANTED)
    assert not second["changed"] and not second["findings"], second
    gone = run_module("node_sysctl", {**WANTED, "state": "absent"})
    assert gone["changed"], gone
    after = everything()
    assert after == before, {key: (before.get(key), after.get(key)) for key in after if after[key] != before.get(key)}
    assert not DROPIN.exists() and not JOURNAL.exists()
    assert not run_module("node_sysctl", {"state": "absent"})["changed"]
    print(len(before), "keys compared")


def predicted() -> None:
    """The difference of check mode is the one of the real run, to the letter, and check mode changes nothing."""
    before = everything()
    check = settle(WANTED, check=True)
    assert everything() == before and not DROPIN.exists() and not JOURNAL.exists()
    real = settle(WANTED)
    assert check["diff"] == real["diff"] and check["plan"] == real["plan"], (check, real)
    back = run_module("node_sysctl", {"state": "absent"}, check=True)
    assert back["diff"] == run_module("node_sysctl", {"state": "absent"})["diff"]
    print(len(check["diff"]), "differences")


def killed(stride: str = "1") -> None:
    """Killed right before each effect, on the way in, on a change of mind and on the way out: the next run converges,
    and the node's own values come back in the end."""
    Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text("8080")
    before, kills = everything(), 0
    other = {**WANTED["settings"], "net.ipv4.ip_local_reserved_ports": {"value": "31000-31010", "compare": "includes"},
             "net.ipv4.conf.all.arp_announce": 2}
    del other["net.ipv4.conf.all.arp_ignore"]
    for first, arguments in ((None, WANTED), (WANTED, {**WANTED, "settings": other}), (WANTED, {"state": "absent"})):
        for number in itertools.count(1, int(stride)):
            if first:
                settle(first)
            try:
                run_module("node_sysctl", arguments, kill_at=number)
                break
            except Killed:
                kills += 1
            assert_converges(arguments, before, f"{arguments} killed before effect {number}")
        settle({"state": "absent"})
    print(kills, "kills")


def assert_converges(arguments: dict, before: dict[str, str], where: str) -> None:
    if JOURNAL.exists():
        json.loads(JOURNAL.read_text())
    settle(arguments)
    again = settle(arguments)
    assert not again["changed"] and not again["findings"], (where, again)
    settle({"state": "absent"})
    after = everything()
    assert after == before, (where, {key: (before[key], after[key]) for key in after if after[key] != before[key]})
    left = [str(path) for file in (DROPIN, JOURNAL) for path in file.parent.iterdir()]
    # A temporary file of a killed run may lie about; its name begins with a dot, so nobody reads it.
    assert all(Path(path).name.startswith(".") for path in left), (where, left)


if __name__ == "__main__":
    cover()
    fresh_devices("a", "b.10")
    subprocess.run(["sysctl", "-qw", "net.ipv4.ip_local_reserved_ports="], check=True, timeout=10)
    globals()[sys.argv[1]](*sys.argv[2:])
