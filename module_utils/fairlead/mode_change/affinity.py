"""Which client stays with which endpoint, read from one mode's state and written into another's.

iptables mode keeps one list per endpoint under /proc/net/xt_recent, with the time of the last connection in jiffies; a
list can be written to, but stamps the present moment. nftables mode keeps one set per endpoint with the time that is
left. Both are named by hashes. Sources: pkg/proxy/iptables/proxier.go (servicePortEndpointChainName),
pkg/proxy/nftables/proxier.go (servicePortEndpointChainNameBase) of 1.37.
"""
from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterable
from pathlib import Path

from ansible.module_utils.fairlead.bridge.layout import Pin
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError

LISTS = Path("/proc/net/xt_recent")
TABLE = "kube-proxy"
CAPACITY = 100  # xt_recent's ip_list_tot unless the module was loaded with another: the oldest client then falls out
_SEEN = re.compile(r"^src=(\S+) .*last_seen: (\d+)", re.MULTILINE)
_TICKS = re.compile(r"\.(?:idle_jiffies|last_jiffies)\s*: (\d+)")
_HZ = (100, 250, 300, 1000)
Clients = dict[str, dict[str, int]]  # pin -> client address -> remaining seconds


def chain_name(pin: Pin) -> str:
    """iptables mode's name of the endpoint's chain and list."""
    return "KUBE-SEP-" + _hash(f"{pin.port}{pin.protocol}{_place(pin)}")[:16]


def set_name(pin: Pin) -> str:
    """nftables mode's name of the endpoint's set."""
    service, _, port = pin.port.partition(":")
    text = f"{service}/{pin.protocol}/{port}__{pin.address.replace(':', '.')}/{pin.endpoint_port}"
    return f"affinity-{_hash(text)[:8]}-{text}"


def of_iptables(pins: dict[str, Pin], lists: Path = LISTS) -> Clients:
    """What iptables mode remembers."""
    found: Clients = {}
    hz = 0
    for name, pin in pins.items():
        try:
            text = (lists / chain_name(pin)).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        if text:
            hz = hz or ticks_per_second(Path("/proc/timer_list").read_text(encoding="utf-8"),
                                        time.clock_gettime(time.CLOCK_MONOTONIC))
            now = time.clock_gettime(time.CLOCK_MONOTONIC)
            left = {client: pin.seconds - int(now - seconds_since_boot(int(ticks), hz))
                    for client, ticks in _SEEN.findall(text)}
            found[name] = {_plain(client): seconds for client, seconds in left.items() if seconds > 0}
    return found


def seconds_since_boot(ticks: int, hz: int) -> float:
    """When a jiffies value was: the counter begins 300 s before its lower half overflows."""
    return ((ticks - (2**32 - 300 * hz)) % 2**64) / hz


def ticks_per_second(timer_list: str, uptime: float) -> int:
    """The kernel's HZ, which nothing prints: the one by which the newest tick in /proc/timer_list is about now."""
    ticks = [int(each) for each in _TICKS.findall(timer_list)]
    if not ticks:
        raise FairleadError("/proc/timer_list", "names no tick, so the age of affinity entries cannot be told",
                            "change this node's mode without affinity, or reboot into a kernel that has it")
    return min(_HZ, key=lambda hz: abs(uptime - seconds_since_boot(max(ticks), hz)))


def of_sets(pins: dict[str, Pin], names: dict[str, str], table: str, commands: Commands) -> Clients:
    """What nftables sets remember. names: pin -> set. One nft for all sets of a table, without its rules and maps."""
    found: Clients = {}
    for family, ip in (("IPv4", "ip"), ("IPv6", "ip6")):
        own = {names[name]: name for name, pin in pins.items() if pin.family == family}
        listed = commands.run(["nft", "--json", "list", "sets", "table", ip, table], timeout=60) if own else None
        if listed is None or not listed.ok:
            continue  # no such table, so nobody is remembered
        for item in json.loads(listed.stdout)["nftables"]:
            name = own.get(item.get("set", {}).get("name", ""))
            if name and item["set"].get("elem"):
                found[name] = {entry["elem"]["val"]: entry["elem"]["expires"] for entry in item["set"]["elem"]}
    return found


def into_iptables(clients: Clients, pins: dict[str, Pin], lists: Path = LISTS) -> int:
    """Write them, the youngest last, since a full list forgets the oldest; how many. Their time begins anew: the
    kernel takes no other."""
    written = 0
    for name, held in clients.items():
        path = lists / chain_name(pins[name])
        if not path.exists():
            continue  # the endpoint is gone
        for client in sorted(held, key=held.__getitem__):
            path.write_text(f"+{client}\n", encoding="utf-8")
            written += 1
    return written


def into_sets(clients: Clients, pins: dict[str, Pin]) -> str:
    """The nftables commands that put them into kube-proxy's sets. `add` leaves a client alone who is there."""
    return "".join(
        f"add element {'ip' if pins[name].family == 'IPv4' else 'ip6'} {TABLE} {set_name(pins[name])} "
        f"{{ {', '.join(_timed(client, left, pins[name].seconds) for client, left in sorted(held.items()))} }}\n"
        for name, held in sorted(clients.items()) if held)


def newer(clients: Clients, known: Clients) -> Clients:
    """The clients that are not known yet."""
    return {name: fresh for name, held in clients.items()
            if (fresh := {client: left for client, left in held.items() if client not in known.get(name, {})})}


def count(clients: Iterable[dict[str, int]]) -> int:
    return sum(len(held) for held in clients)


def _timed(client: str, left: int, seconds: int) -> str:
    return f"{client} timeout {seconds}s expires {max(1, min(left, seconds))}s"


def _place(pin: Pin) -> str:
    return f"[{pin.address}]:{pin.endpoint_port}" if ":" in pin.address else f"{pin.address}:{pin.endpoint_port}"


def _plain(address: str) -> str:
    from ipaddress import ip_address  # noqa: PLC0415 - xt_recent prints IPv6 in full length

    return str(ip_address(address))


def _hash(text: str) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()
