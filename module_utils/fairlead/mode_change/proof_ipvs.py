"""What of the Services' path is not yet there in ipvs mode.

Virtual servers exist seconds before the address sets and the masquerade rule: looking at the servers alone lost
connections. So the proof wants the address on kube-ipvs0, the virtual server with its endpoints, the entry in one of
kube-proxy's ipsets, and the masquerade rule.
"""
from __future__ import annotations

import re

from ansible.module_utils.fairlead.bridge.layout import Part
from ansible.module_utils.fairlead.bridge.node import Family
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kube_proxy.rules import DUMMY, parse_addresses
from ansible.module_utils.fairlead.mode_change import ipvs

SECONDS = 120.0
_MEMBER = re.compile(r"^add KUBE-\S+ (\S+)", re.MULTILINE)
Place = tuple[str, str, int]


def missing(family: Family, parts: dict[str, Part], commands: Commands) -> str:
    """"" when nothing is missing."""
    program = "iptables-save" if family.name == "IPv4" else "ip6tables-save"
    saved = commands.check([program, "-t", "nat"], timeout=SECONDS).stdout
    for wanted, words in (("-j MASQUERADE", "the masquerade rule"), ("-j KUBE-SERVICES", "the jump to KUBE-SERVICES")):
        if wanted not in saved:
            return words
    shown = commands.run(["ip", "--json", "address", "show", "dev", DUMMY])
    members = set(_MEMBER.findall(commands.check(["ipset", "save"], timeout=SECONDS).stdout))
    return lacking(parts, ipvs.servers(read_text(str(ipvs.SERVERS)) or ""),
                   set(parse_addresses(shown.stdout)) if shown.ok else set(), members, family.node_ports)


def lacking(parts: dict[str, Part], servers: dict[Place, set[tuple[str, int]]], bound: set[str], members: set[str],
            node_addresses: tuple[str, ...] | None) -> str:
    """node_addresses: those that must answer on node ports; None: that is not known, so any address is taken. Pure."""
    node_ports = {(protocol, port) for protocol, _address, port in servers}
    for name, part in parts.items():
        for table, key in sorted(part.elements):
            *address, protocol, port = key.split(" . ") if table.endswith("frontends") else (["", ""])
            if table == "frontends":
                place = protocol, address[0], int(port)
                if address[0] not in bound:
                    return f"{name}'s address {address[0]} on {DUMMY}"
                if f"{address[0]},{protocol}:{port}" not in members:
                    return f"{name} at {key} in an ipset"
                absent = _endpoints(part, key) - servers.get(place, set())
                if place not in servers or (absent if not part.pins else not servers[place]):
                    return f"{name} at {key}" + (f" with endpoint {min(absent)[0]}" if absent else "")
            elif table == "node-frontends":
                listed = port in members or any(each.endswith(f",sctp:{port}") for each in members)
                if not listed or (protocol, int(port)) not in node_ports:
                    return f"{name} at node port {port}"
                late = [each for each in node_addresses or () if not servers.get((protocol, each, int(port)))]
                if late:
                    return f"{name} at {late[0]} port {port}"
    return ""


def _endpoints(part: Part, key: str) -> set[tuple[str, int]]:
    """Of a Service without affinity; one with affinity has them in chains, and any of them is taken for proof."""
    found = set()
    for (table, words), value in part.elements.items():
        if table == "endpoints" and words.rpartition(" . ")[0] == key:
            address, _dot, port = value.partition(" . ")
            found.add((address, int(port)))
    return found
