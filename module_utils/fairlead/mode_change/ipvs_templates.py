"""Affinity clients written into IPVS as persistence templates, by its own synchronisation protocol.

No program can add a template; but a director that is told of one by another director takes it. So IPVS on this node
listens for a moment (its backup daemon), and is told. The messages go to the daemon's multicast group with a time to
live of 0: they never leave the node. Source: net/netfilter/ipvs/ip_vs_sync.c of Linux 6.12, version 1 of the protocol.
"""
from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from ansible.module_utils.fairlead.bridge.layout import Part, Pin
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.mode_change import ipvs

GROUP, PORT = "224.0.0.81", 8848
VERSION, TEMPLATE = 1, 0x1000
NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}
MESSAGE_BYTES = 1200  # IPVS's buffer is a little less than the link's frame
WAIT_SECONDS, POLL_SECONDS, PAUSE_SECONDS = 5.0, 0.05, 0.002
MOST = 60_000


@dataclass(frozen=True)
class Template:
    """A client that one address of a Service sends to one endpoint."""

    protocol: str
    client: str
    address: str
    port: int
    endpoint: str
    endpoint_port: int
    seconds: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.protocol, self.client, self.address, self.port


def wanted(clients: dict[str, dict[str, int]], pins: dict[str, Pin], parts: Iterable[Part],
           node_addresses: tuple[str, ...]) -> list[Template]:
    """IPVS remembers a client at each address of its Service, so there is one for each. Pure."""
    found = []
    reached = tuple(each for each in node_addresses if not ip_address(each).is_loopback
                    and not ip_address(each).is_link_local)
    for part in parts:
        if not part.pins:
            continue
        for (protocol, address, port), behind in ipvs.fronts(part, reached).items():
            for name in behind.values():
                pin = pins.get(name)
                if pin and (":" in address) == (pin.family == "IPv6"):
                    found += [Template(protocol, client, address, port, pin.address, pin.endpoint_port, seconds)
                              for client, seconds in clients.get(name, {}).items()]
    return found


def messages(templates: Sequence[Template], sync_id: int) -> Iterator[bytes]:
    """As one director sends them to another. Pure."""
    batch: list[bytes] = []
    for each in templates:
        entry = _entry(each)
        if batch and 8 + sum(map(len, batch)) + len(entry) > MESSAGE_BYTES:
            yield _message(batch, sync_id)
            batch = []
        batch.append(entry)
    if batch:
        yield _message(batch, sync_id)


def write(templates: list[Template], node_address: str, commands: Commands) -> int:
    """How many of them IPVS lists afterwards. 0 where a daemon of somebody else's runs, which is left alone."""
    templates = templates[:MOST]
    device = _device(node_address, commands)
    if not templates or not device or commands.run(["ipvsadm", "--list", "--daemon"]).stdout.strip():
        return 0
    sync_id = 1 + os.urandom(1)[0] % 255
    started = commands.run(["ipvsadm", "--start-daemon", "backup", "--mcast-interface", device, "--syncid",
                            str(sync_id)])
    if not started.ok:
        return 0
    try:
        _send(messages(templates, sync_id), device, node_address)
        return _listed(templates)
    finally:
        commands.run(["ipvsadm", "--stop-daemon", "backup"])


def _entry(of: Template) -> bytes:
    six = ":" in of.client
    family = socket.AF_INET6 if six else socket.AF_INET
    addresses = b"".join(socket.inet_pton(family, each) for each in (of.client, of.address, of.endpoint))
    size = 24 + len(addresses)
    return struct.pack(">BBHIHHHHII", int(six), NUMBERS[of.protocol], size, TEMPLATE, 0, 0, of.port, of.endpoint_port,
                       0, max(1, of.seconds)) + addresses


def _message(entries: list[bytes], sync_id: int) -> bytes:
    body = b"".join(entries)
    return struct.pack(">BBHBbH", 0, sync_id, 8 + len(body), len(entries), VERSION, 0) + body


def _send(prepared: Iterable[bytes], device: str, node_address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        index = socket.if_nametoindex(device)
        local = socket.inet_aton(node_address if ":" not in node_address else "0.0.0.0")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("0.0.0.0") + local
                        + struct.pack("=i", index))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        for message in prepared:
            sock.sendto(message, (GROUP, PORT))
            time.sleep(PAUSE_SECONDS)  # nothing tells when the daemon's buffer is full


def _listed(templates: list[Template]) -> int:
    asked, deadline = {each.key for each in templates}, time.monotonic() + WAIT_SECONDS
    while True:
        there = {(row.protocol, row.client, row.address, row.port) for row in ipvs.rows(ipvs.read()) if row.template}
        if asked <= there or time.monotonic() > deadline:
            return len(asked & there)
        time.sleep(POLL_SECONDS)


def _device(node_address: str, commands: Commands) -> str:
    """The link that has this address."""
    shown = commands.run(["ip", "--brief", "address", "show", "to", node_address]).stdout.split()
    return shown[0].partition("@")[0] if shown else ""
