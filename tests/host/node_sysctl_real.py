"""Run in namespaces: the module node_sysctl on this machine's kernel. Each function is one proof; the first argument names it."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from namespaces import cover, fresh_devices
from modules import every_kill, run_module

DROPIN = Path("/etc/sysctl.d/90-fairlead.conf")
JOURNAL = Path("/var/lib/fairlead/node_sysctl.json")
SETTINGS = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net/ipv4/conf/b.10/rp_filter": 2,
    "net.ipv4.conf.all.arp_ignore": 1,
    "net.ipv4.tcp_fin_timeout": {"value": 45, "compare": "at_most"},
    "net.core.somaxconn": {"value": 8192, "compare": "at_least"},
    "net.ipv4.tcp_rmem": "4096 131072 7000000",
    "net.ipv4.ip_local_reserved_ports": {"value": "30000-32767", "compare": "includes"},
    "net.netfilter.nf_conntrack_tcp_timeout_established": 86400,
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait": "0x0e10",
}


def everything() -> dict[str, str]:
    """All keys of this network namespace that can be read."""
    values = {}
    for path in sorted(Path("/proc/sys/net").rglob("*")):
        if path.is_file() and path.name not in ("nf_conntrack_count", "nr_open", "random", "stable_secret"):
            try:
                values[str(path)] = path.read_text()
            except OSError:
                continue
    return values


def restore() -> None:
    """A key set by the node's owner comes back, and so does every other one of 600."""
    Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text("8080,9000-9100")
    Path("/proc/sys/net/ipv4/conf/a/forwarding").write_text("1")
    before = everything()
    first = run_module("node_sysctl", {"settings": SETTINGS})
    assert first["changed"], first
    assert Path("/proc/sys/net/ipv4/ip_local_reserved_ports").read_text().strip() == "8080,9000-9100,30000-32767"
    assert Path("/proc/sys/net/ipv4/conf/b.10/rp_filter").read_text().strip() == "2"
    second = run_module("node_sysctl", {"settings": SETTINGS})
    assert not second["changed"] and not second["findings"], second
    gone = run_module("node_sysctl", {"settings": SETTINGS, "state": "absent"})
    assert gone["changed"], gone
    after = everything()
    assert after == before, {key: (before.get(key), after.get(key)) for key in after if after[key] != before.get(key)}
    assert not DROPIN.exists() and not JOURNAL.exists()
    assert not run_module("node_sysctl", {"state": "absent"})["changed"]
    print(len(before), "keys compared")


def predicted() -> None:
    """The difference of check mode is the one of the real run, to the letter, and check mode changes nothing."""
    before = everything()
    check = run_module("node_sysctl", {"settings": SETTINGS}, check=True)
    assert everything() == before and not DROPIN.exists() and not JOURNAL.exists()
    real = run_module("node_sysctl", {"settings": SETTINGS})
    assert check["diff"] == real["diff"] and check["plan"] == real["plan"], (check, real)
    back = run_module("node_sysctl", {"state": "absent"}, check=True)
    assert back["diff"] == run_module("node_sysctl", {"state": "absent"})["diff"]
    print(len(check["diff"]), "differences")


def killed() -> None:
    """Killed right before each effect, on the way in, on a change of mind and on the way out: the next run converges, and the
    node's own values come back in the end."""
    Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text("8080")
    before, kills = everything(), 0
    other = {**SETTINGS, "net.ipv4.ip_local_reserved_ports": {"value": "31000-31010", "compare": "includes"},
             "net.ipv4.conf.all.arp_announce": 2}
    del other["net.ipv4.conf.all.arp_ignore"]
    for arguments in ({"settings": SETTINGS}, {"settings": other}, {"state": "absent"}):
        number = 0
        while True:
            # Every round starts from the state before this call.
            reset(before, arguments, SETTINGS)
            number += 1
            done = next((n for n in every_kill_from("node_sysctl", arguments, number)), None)
            if done is None:
                break
            kills += 1
            if JOURNAL.exists():
                json.loads(JOURNAL.read_text())
            result = run_module("node_sysctl", arguments)
            assert "failed" not in result, (arguments, number, result)
            again = run_module("node_sysctl", arguments)
            assert not again["changed"] and not again["findings"], (arguments, number, again)
            run_module("node_sysctl", {"state": "absent"})
            after = everything()
            assert after == before, (arguments, number, {k: (before[k], after[k]) for k in after if after[k] != before[k]})
            leftover = [str(p) for d in (DROPIN.parent, JOURNAL.parent) for p in d.iterdir() if not p.name.startswith(".")]
            assert not leftover, (number, leftover)
    print(kills, "kills")


def every_kill_from(name, arguments, number):
    from modules import Killed
    try:
        run_module(name, arguments, kill_at=number)
    except Killed:
        yield number


def reset(before, arguments, settings) -> None:
    assert not run_module("node_sysctl", {"state": "absent"}).get("failed")
    assert everything() == before
    if arguments != {"settings": settings}:
        run_module("node_sysctl", {"settings": settings})


if __name__ == "__main__":
    cover()
    fresh_devices("a", "b.10")
    subprocess.run(["sysctl", "-qw", "net.ipv4.ip_local_reserved_ports="], check=True, timeout=10)
    globals()[sys.argv[1]](*sys.argv[2:])
