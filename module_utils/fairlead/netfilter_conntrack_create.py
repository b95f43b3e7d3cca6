"""Connection-tracking entries made over netlink, with translation, for flows that are already under way.

Source: ctnetlink_create_conntrack in net/netfilter/nf_conntrack_netlink.c of Linux 6.12. Standard library only.
"""
from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ansible.module_utils.fairlead import netfilter_conntrack as conntrack
from ansible.module_utils.fairlead.netfilter_conntrack import NESTED, Tuple, attribute

NEW, FLAGS = 0, conntrack.REQUEST | conntrack.ACK | 0x600  # create, and only when there is none
PROTOCOL_INFO, NAT_SOURCE, TIMEOUT, NAT_TARGET = 4, 6, 7, 13
NAT_FROM, NAT_TO = {4: 1, 6: 4}, {4: 2, 6: 5}
NAT_PORTS, PORT_FROM, PORT_TO = 3, 1, 2
TCP, TCP_STATE, TCP_FLAGS_ORIGINAL, TCP_FLAGS_REPLY, LIBERAL = 1, 1, 4, 5, 0x08
SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK = 2, 3, 4, 5, 6
# Without CONFIRMED the kernel answers EBUSY; without the other two it would forget the flow under pressure.
SEEN_REPLY, ASSURED, CONFIRMED = 1 << 1, 1 << 2, 1 << 3
CHUNK = 100_000  # bytes of messages in one send
RECEIVE_BUFFER, SO_RCVBUFFORCE = 16 << 20, 33
SOL_NETLINK, CAP_ACK = 270, 10


@dataclass(frozen=True)
class Flow:
    """original: the first packet's direction; endpoint: where it is sent; source: the address and port with which it
    goes there, None for its own; state: TCP's; protocol_info: the kernel's own words on a flow that is not TCP."""

    original: Tuple
    endpoint: tuple[str, int]
    source: tuple[str, int] | None
    state: int
    seconds: int
    protocol_info: bytes = b""


def messages(flows: Sequence[Flow]) -> list[bytes]:
    """A message for each flow, numbered from 1. Pure."""
    return [_message(flow, number) for number, flow in enumerate(flows, 1)]


def send(prepared: Sequence[bytes]) -> list[int]:
    """Send them; for each 0 or the error number with which the kernel refused."""
    answers = [0] * len(prepared)
    with conntrack.open_socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)  # a full one loses acknowledgements
        sock.setsockopt(SOL_NETLINK, CAP_ACK, 1)  # a refusal does not repeat the message
        start = 0
        while start < len(prepared):
            end, size = start, 0
            while end < len(prepared) and (size == 0 or size + len(prepared[end]) <= CHUNK):
                size, end = size + len(prepared[end]), end + 1
            sock.send(b"".join(prepared[start:end]))
            _acknowledged(sock, answers, end - start)
            start = end
    return answers


def _acknowledged(sock: socket.socket, answers: list[int], expected: int) -> None:
    while expected > 0:
        data, offset = sock.recv(conntrack.BUFFER), 0
        while offset + 20 <= len(data):
            length, kind, _flags, number = struct.unpack_from("=IHHI", data, offset)
            if kind == conntrack.ERROR:
                answers[number - 1] = -struct.unpack_from("=i", data, offset + 16)[0]
                expected -= 1
            offset += (length + 3) & ~3


def _message(flow: Flow, number: int) -> bytes:
    first = flow.original
    reply = Tuple(first.protocol, first.target, first.target_port, first.source, first.source_port)
    family = socket.AF_INET6 if ":" in first.source else socket.AF_INET
    status = SEEN_REPLY | ASSURED | CONFIRMED
    body = struct.pack("=BBH", family, 0, 0) + b"".join((
        attribute(conntrack.TUPLE_ORIG | NESTED, conntrack.tuple_bytes(first)),
        attribute(conntrack.TUPLE_REPLY | NESTED, conntrack.tuple_bytes(reply)),
        attribute(conntrack.STATUS, struct.pack(">I", status)),
        attribute(TIMEOUT, struct.pack(">I", max(1, flow.seconds))),
        attribute(NAT_TARGET | NESTED, _translation(*flow.endpoint)),
        attribute(NAT_SOURCE | NESTED, _translation(*flow.source)) if flow.source else b"",
        _protocol_info(flow)))
    return struct.pack("=IHHII", 16 + len(body), conntrack.SUBSYSTEM << 8 | NEW, FLAGS, number, 0) + body


def _translation(address: str, port: int) -> bytes:
    version = 6 if ":" in address else 4
    packed = conntrack.packed(address)
    ports = b"".join(attribute(kind, struct.pack(">H", port)) for kind in (PORT_FROM, PORT_TO))
    return (attribute(NAT_FROM[version], packed) + attribute(NAT_TO[version], packed)
            + attribute(NAT_PORTS | NESTED, ports))


def _protocol_info(flow: Flow) -> bytes:
    """Liberal: the kernel has not seen the sequence numbers of a flow that begins in its middle."""
    if flow.original.protocol != "tcp":
        return attribute(PROTOCOL_INFO | NESTED, flow.protocol_info) if flow.protocol_info else b""
    liberal = bytes((LIBERAL, LIBERAL))
    inner = (attribute(TCP_STATE, bytes((flow.state,))) + attribute(TCP_FLAGS_ORIGINAL, liberal)
             + attribute(TCP_FLAGS_REPLY, liberal))
    return attribute(PROTOCOL_INFO | NESTED, attribute(TCP | NESTED, inner))
