"""What the scripts on settings share: a wish of every kind, and all keys of this network namespace."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from modules import run_module

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
    "net.netfilter.nf_conntrack_udp_timeout": "0x3c",
}
# The size of the connection table belongs to the machine and cannot be written from here.
WANTED = {"settings": SETTINGS, "conntrack": {"owner": "node", "max_per_core": 0}}


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


def settle(arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A run that has to succeed."""
    result = run_module("node_sysctl", arguments, **more)
    assert not result.get("failed"), result["msg"]
    return result
