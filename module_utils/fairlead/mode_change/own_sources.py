"""Connections of the node itself while Service addresses are its own, as in ipvs mode.

A socket of the node that asks a cluster address on kube-ipvs0 takes that very address as its own source: the kernel
prefers it. When the device goes, so does the address, and the connection with it. So before a node leaves ipvs mode its
routes to these addresses name the node's address as source, for all connections from then on; and addresses that open
connections have as their source move to a device that stays until those have ended.

IPv6 refuses routes over a device that is down, as kube-ipvs0 is: there only the latter holds, so a connection of the
node itself to an IPv6 cluster address that begins between the two ends with the device.
"""
from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.kube_proxy.rules import DUMMY, parse_addresses

DEVICE, KIND = "fairlead-kept", "dummy"
SOCKETS = {"IPv4": Path("/proc/net/tcp"), "IPv6": Path("/proc/net/tcp6")}
_ESTABLISHED = "01"
Routes = list[tuple[str, str]]  # family option of ip, address


def take(sources: dict[str, str], commands: Commands, device: str = DUMMY) -> int:
    """Let new connections leave with the node's own address. sources: "-4", "-6" -> that address. How many routes."""
    count = 0
    for option, source in sources.items():
        lines = [_route(address, device, source) for address in routed(option, device, commands)]
        count += len(lines)
        if lines:
            # A route that is refused costs nothing but the source of connections to it: the others are what counts.
            commands.run(["ip", option, "-force", "-batch", "-"], timeout=60, stdin="".join(lines))
    return count


def give_back(sources: dict[str, str], commands: Commands) -> None:
    """As kube-proxy's own address left it: each address is its own source."""
    for option in sources:
        lines = [_route(address, DUMMY, address) for address in routed(option, DUMMY, commands)]
        if lines:
            commands.run(["ip", option, "-force", "-batch", "-"], timeout=60, stdin="".join(lines))


def routed(option: str, device: str, commands: Commands) -> list[str]:
    """Addresses of the device that the kernel delivers to itself."""
    shown = commands.run(["ip", "--json", option, "route", "show", "table", "local", "dev", device])
    routes = json.loads(shown.stdout or "[]") if shown.ok else []
    found = {route["dst"] for route in routes if route.get("type", "local") == "local"}
    return sorted(each for each in found if "/" not in each and not _special(each))


def keep(sources: dict[str, str], commands: Commands) -> list[str]:
    """Give the addresses that open connections of the node have as source a device of their own; which these are."""
    used = in_use()
    kept = [(option, each) for option in sources for each in routed(option, DUMMY, commands) if each in used]
    if kept:
        commands.run(["ip", "link", "add", DEVICE, "type", KIND])
        commands.check(["ip", "link", "set", DEVICE, "up"])
        for option, address in kept:
            more = ["nodad"] if option == "-6" else []
            commands.run(["ip", option, "address", "add", f"{address}/{32 if option == '-4' else 128}",
                          "dev", DEVICE, *more])
        take(sources, commands, DEVICE)
    return [address for _option, address in kept]


def release(commands: Commands) -> str:
    """Remove the device once nothing needs it, or what of it nothing needs; else the sentence that says what does.

    An address that kube-ipvs0 has again is not needed here, whoever uses it. And kube-proxy in ipvs mode takes all that
    is on this device for the node's own, so it would serve node ports there.
    """
    held = _addresses(DEVICE, commands)
    if held is None:
        return ""
    waiting = sorted((held & in_use()) - (_addresses(DUMMY, commands) or set()))
    if not waiting:
        commands.check(["ip", "link", "delete", DEVICE])
        return ""
    for address in sorted(held - set(waiting)):
        commands.check(["ip", "address", "delete", f"{address}/{128 if ':' in address else 32}", "dev", DEVICE])
    return (f"connections of this node's own still have {', '.join(waiting)} as their source; device {DEVICE} "
            "stays for them, and the next run removes it when they have ended")


def _addresses(device: str, commands: Commands) -> set[str] | None:
    """None without the device; link-local ones are the kernel's own."""
    shown = commands.run(["ip", "--json", "address", "show", "dev", device])
    return set(parse_addresses(shown.stdout)) if shown.ok else None


def in_use() -> set[str]:
    """Local addresses of the node's established TCP connections."""
    return set().union(*(local_addresses(path.read_text(encoding="ascii")) for path in SOCKETS.values()
                         if path.exists()))


def local_addresses(text: str) -> set[str]:
    """Of /proc/net/tcp or tcp6: addresses in words of four bytes, each in the machine's own order. Pure."""
    found = set()
    for words in (line.split() for line in text.splitlines()[1:]):
        if len(words) > 3 and words[3] == _ESTABLISHED:
            found.add(_decoded(words[1].rpartition(":")[0]))
    return found


def _decoded(word: str) -> str:
    raw = b"".join(int(word[at:at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(word), 8))
    address = ipaddress.ip_address(raw)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def node_sources(addresses: Iterable[dict[str, str]]) -> dict[str, str]:
    """From status.addresses of the Node object: the first InternalIP of each family. Pure."""
    found: dict[str, str] = {}
    for entry in addresses:
        if entry["type"] == "InternalIP":
            found.setdefault("-6" if ":" in entry["address"] else "-4", entry["address"])
    return found


def _route(address: str, device: str, source: str) -> str:
    metric = " metric 0" if ":" in address else ""
    return f"route replace local {address} dev {device} table local proto kernel src {source}{metric}\n"


def _special(address: str) -> bool:
    return ipaddress.ip_address(address).is_link_local or ipaddress.ip_address(address).is_multicast
