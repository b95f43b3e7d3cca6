"""IPVS connections, persistence templates and virtual servers as the kernel lists them. Pure but for read().

A template is the memory of one affinity client: a row with client port 0. Sources: ip_vs_conn_seq_show in
net/netfilter/ipvs/ip_vs_conn.c and ip_vs_info_seq_show in ip_vs_ctl.c of Linux 6.12.
"""
from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.fairlead.bridge.layout import Part

CONNECTIONS, SERVERS = Path("/proc/net/ip_vs_conn"), Path("/proc/net/ip_vs")
PROTOCOLS = ("TCP", "UDP", "SCTP")
LONGEST = 1 << 31  # a timer that is overdue is printed as a number just below 2^32
_PIN = re.compile(r"goto to-(pin-\w+)")
_NEXT = re.compile(r"goto ((?:cluster|external|stay)-\S+|local-\S+)")
Place = tuple[str, str, int]  # protocol ("tcp"), address, port


@dataclass(frozen=True)
class Row:
    """One connection or template. key: the part of its line that names it, by which it is found again."""

    protocol: str
    client: str
    client_port: int
    address: str
    port: int
    endpoint: str
    endpoint_port: int
    state: str
    seconds: int
    key: str

    @property
    def family(self) -> str:
        return "IPv6" if ":" in self.client else "IPv4"

    @property
    def template(self) -> bool:
        return self.client_port == 0

    @property
    def place(self) -> Place:
        return self.protocol, self.address, self.port


def read(path: Path = CONNECTIONS) -> str:
    """The list as text; "" on a kernel that runs no IPVS."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def rows(text: str) -> list[Row]:
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 9 and words[0] in PROTOCOLS:
            seconds = int(words[8])
            found.append(Row(words[0].lower(), _address(words[1]), int(words[2], 16), _address(words[3]),
                             int(words[4], 16), _address(words[5]), int(words[6], 16), words[7],
                             seconds if seconds < LONGEST else 0, key(line)))
    return found


def key(line: str) -> str:
    """What of a line stays the same as long as the connection lives."""
    return " ".join(line.split()[:7])


def keys(text: str) -> set[str]:
    return {key(line) for line in text.splitlines()}


def servers(text: str) -> dict[Place, set[tuple[str, int]]]:
    """Virtual server -> its real servers, of /proc/net/ip_vs."""
    found: dict[Place, set[tuple[str, int]]] = {}
    current: set[tuple[str, int]] = set()
    for words in (line.split() for line in text.splitlines()):
        if words and words[0] in PROTOCOLS:
            address, port = _place(words[1])
            current = found.setdefault((words[0].lower(), address, port), set())
        elif words and words[0] == "FWM":
            current = set()
        elif len(words) >= 2 and words[0] == "->" and not words[1].startswith("Remote"):
            current.add(_place(words[1]))
    return found


def clients(templates: Iterable[Row], parts: dict[tuple[str, str], Part], node_addresses: tuple[str, ...],
            ) -> tuple[dict[str, dict[str, int]], int]:
    """Affinity clients by the bridge's pins, with the seconds left to each; and how many had to be chosen between.

    IPVS remembers a client for each address of a Service, the other modes for the Service: of a client whom two
    addresses sent to two endpoints the younger one counts.
    """
    places: dict[Place, dict[tuple[str, int], str]] = {}
    for part in parts.values():
        if part.pins:
            places.update(fronts(part, node_addresses))
    best: dict[tuple[tuple[str, int, str], str], tuple[int, str]] = {}
    ambiguous = set()
    pins = {name: pin for part in parts.values() for name, pin in part.pins.items()}
    for row in templates:
        name = places.get(row.place, {}).get((row.endpoint, row.endpoint_port))
        if name is None or not row.template or row.seconds <= 0:
            continue
        one = (pins[name].port, pins[name].number, pins[name].protocol), row.client
        known = best.get(one)
        if known and known[1] != name:
            ambiguous.add(one)
        if known is None or known[0] < row.seconds:
            best[one] = row.seconds, name
    found: dict[str, dict[str, int]] = {}
    for (_port, client), (seconds, name) in best.items():
        found.setdefault(name, {})[client] = min(seconds, pins[name].seconds)
    return found, len(ambiguous)


def fronts(part: Part, node_addresses: tuple[str, ...]) -> dict[Place, dict[tuple[str, int], str]]:
    """Where a Service with affinity is asked -> its endpoints -> their pins. Only addresses of the part's family: the
    same node port of the other family has endpoints of its own."""
    found: dict[Place, dict[tuple[str, int], str]] = {}
    for (table, words), verdict in part.elements.items():
        if table not in ("frontends", "node-frontends"):
            continue
        names = _pins(part, verdict.removeprefix("goto "))
        behind = {(part.pins[name].address, part.pins[name].endpoint_port): name for name in names}
        *address, protocol, port = words.split(" . ")
        six = any(":" in endpoint for endpoint, _port in behind)
        for each in address or node_addresses:
            if (":" in each) == six:
                found[protocol, each, int(port)] = behind
    return found


def _pins(part: Part, chain: str) -> set[str]:
    found, open_chains, seen = set(), [chain], set()
    while open_chains:
        name = open_chains.pop()
        if name in seen:
            continue
        seen.add(name)
        for rule in part.chains.get(name, ()):
            found.update(_PIN.findall(rule))
            open_chains += _NEXT.findall(rule)
    return found


def _address(word: str) -> str:
    """0A600001, or an IPv6 address in full length."""
    return str(ipaddress.ip_address(word if ":" in word else int(word, 16)))


def _place(word: str) -> tuple[str, int]:
    """0A600001:01BB or [fd00:0096:...]:01BB."""
    host, _colon, port = word.rpartition(":")
    return _address(host.strip("[]")), int(port, 16)
