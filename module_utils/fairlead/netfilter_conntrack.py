"""Connection-tracking entries over netlink: list them, delete one by one. Standard library only.

Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
"""
from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ansible.module_utils.fairlead.errors import FairleadError

NETLINK_NETFILTER, SUBSYSTEM = 12, 1
GET, DELETE = 1, 2
REQUEST, ACK, DUMP = 1, 4, 0x300
DONE, ERROR = 3, 2
NESTED, TYPE = 0x8000, 0x3FFF
TUPLE_ORIG, TUPLE_REPLY, STATUS, PROTOCOL_INFO, ZONE, STATUS_MASK = 1, 2, 3, 4, 18, 26
DST_NAT = 1 << 5  # of enum ip_conntrack_status
TUPLE_IP, TUPLE_PROTO = 1, 2
IP_SOURCE, IP_TARGET = {2: 1, 10: 3}, {2: 2, 10: 4}
PROTO_NUMBER, PROTO_SOURCE, PROTO_TARGET = 1, 2, 3
BUFFER = 1 << 18
PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
NUMBERS = {name: number for number, name in PROTOCOLS.items()}
SECONDS = 20.0
# Where the protocol's number stands in a message: after the headers and the two addresses of the original tuple, which
# the kernel writes first.
_PROTOCOL_AT = {socket.AF_INET: 36, socket.AF_INET6: 60}


@dataclass(frozen=True)
class Tuple:
    """One direction of an entry."""

    protocol: str
    source: str
    source_port: int
    target: str
    target_port: int


@dataclass(frozen=True)
class Entry:
    """original: the first packet's direction; reply: the answer's, which shows the translation; raw: the original
    tuple as the kernel sent it, by which the entry is deleted; protocol_info: the protocol's own state."""

    family: int
    original: Tuple
    reply: Tuple
    raw: bytes
    status: int = 0
    zone: bytes = b""
    protocol_info: bytes = b""

    @property
    def translated(self) -> bool:
        """Whether the answer comes from elsewhere than where the first packet went to."""
        return (self.original.target, self.original.target_port) != (self.reply.source, self.reply.source_port)


def entries(family: int, *, translated: bool, protocol: int = 0) -> Iterator[Entry]:
    """TCP, UDP and SCTP entries of this network namespace whose target is translated, or is not; with `protocol` of
    that one alone. family: socket.AF_INET or AF_INET6.

    The kernel sorts them out where it can (5.15 and newer); an older one sends all, and they are sorted out here.
    """
    wanted = attribute(STATUS, struct.pack(">I", DST_NAT if translated else 0))
    wanted += attribute(STATUS_MASK, struct.pack(">I", DST_NAT))
    with open_socket() as sock:
        _send(sock, GET, REQUEST | DUMP, family, wanted)
        while True:
            data = sock.recv(BUFFER)
            for kind, body in _messages(data):
                if kind == DONE:
                    return
                if kind == ERROR:
                    _raise(struct.unpack_from("=i", body)[0])
                if protocol and body[_PROTOCOL_AT[family]] != protocol:
                    continue  # most are TCP: not worth reading
                found = _entry(body)
                if found and bool(found.status & DST_NAT) == translated:
                    yield found


def delete(entry: Entry) -> bool:
    """Whether it was still there."""
    return _delete(entry.family, entry.raw, entry.zone)


def delete_tuple(first: Tuple) -> bool:
    """The same, by the first packet's direction alone."""
    return _delete(socket.AF_INET6 if ":" in first.source else socket.AF_INET, tuple_bytes(first), b"")


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def tuple_bytes(of: Tuple) -> bytes:
    """A tuple as the kernel takes it."""
    family = socket.AF_INET6 if ":" in of.source else socket.AF_INET
    addresses = attribute(IP_SOURCE[family], packed(of.source)) + attribute(IP_TARGET[family], packed(of.target))
    ports = (attribute(PROTO_NUMBER, bytes((NUMBERS[of.protocol],)))
             + attribute(PROTO_SOURCE, struct.pack(">H", of.source_port))
             + attribute(PROTO_TARGET, struct.pack(">H", of.target_port)))
    return attribute(TUPLE_IP | NESTED, addresses) + attribute(TUPLE_PROTO | NESTED, ports)


def _delete(family: int, raw: bytes, zone: bytes) -> bool:
    with open_socket() as sock:
        attributes = attribute(TUPLE_ORIG | NESTED, raw) + (attribute(ZONE, zone) if zone else b"")
        _send(sock, DELETE, REQUEST | ACK, family, attributes)
        for _kind, body in _messages(sock.recv(BUFFER)):
            code = -struct.unpack_from("=i", body)[0]
            if code == errno.ENOENT:
                return False
            _raise(-code)
    return True


def open_socket() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    sock.settimeout(SECONDS)
    sock.bind((0, 0))
    return sock


def _send(sock: socket.socket, kind: int, flags: int, family: int, attributes: bytes) -> None:
    body = struct.pack("=BBH", family, 0, 0) + attributes
    sock.send(struct.pack("=IHHII", 16 + len(body), SUBSYSTEM << 8 | kind, flags, 1, 0) + body)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if length < 16:
            return
        yield (kind if kind < 16 else 0), data[offset + 16:offset + length]
        offset += (length + 3) & ~3


def _attributes(data: bytes) -> dict[int, bytes]:
    found, offset = {}, 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & TYPE] = data[offset + 4:offset + length]
        offset += (length + 3) & ~3
    return found


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _entry(body: bytes) -> Entry | None:
    family, found = body[0], _attributes(body[4:])
    original, reply = (_tuple(family, found.get(kind, b"")) for kind in (TUPLE_ORIG, TUPLE_REPLY))
    if original is None or reply is None:
        return None
    return Entry(family, original, reply, found[TUPLE_ORIG], struct.unpack(">I", found[STATUS])[0],
                 found.get(ZONE, b""), found.get(PROTOCOL_INFO, b""))


def _tuple(family: int, data: bytes) -> Tuple | None:
    parts = _attributes(data)
    addresses, ports = _attributes(parts.get(TUPLE_IP, b"")), _attributes(parts.get(TUPLE_PROTO, b""))
    protocol = PROTOCOLS.get(ports.get(PROTO_NUMBER, b"\0")[0])
    if protocol is None or family not in IP_SOURCE or PROTO_SOURCE not in ports:
        return None
    return Tuple(protocol, socket.inet_ntop(family, addresses[IP_SOURCE[family]]),
                 struct.unpack(">H", ports[PROTO_SOURCE])[0], socket.inet_ntop(family, addresses[IP_TARGET[family]]),
                 struct.unpack(">H", ports[PROTO_TARGET])[0])


def _raise(code: int) -> None:
    if code:
        raise FairleadError("ctnetlink", f"the kernel refuses: {os.strerror(-code)}", "run as root on the node")
