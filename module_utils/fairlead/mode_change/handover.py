"""Established IPVS connections handed over to connection tracking, so that they outlive their virtual servers.

Two facts rule the order. When an IPVS connection goes, IPVS deletes the connection-tracking entry of its addresses,
also one that was made anew meanwhile: so entries are made after the last one has gone. And a packet that comes between
makes a wrong entry or is answered with a reset: so these flows, and no others, are dropped for that moment; TCP sends
again.

kube-proxy must not run meanwhile, and the bridge must be in place: IPVS then gets no new connections.
"""
from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6

from ansible.module_utils.fairlead import netfilter_conntrack as conntrack
from ansible.module_utils.fairlead import netfilter_conntrack_create as create
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import leftovers, rules
from ansible.module_utils.fairlead.mode_change import ipvs

TABLE = "fairlead-freeze"
FROZEN_SECONDS = 20  # after which the kernel lets the flows go by itself, should this process be killed meanwhile
GONE_SECONDS = 5.0
POLL_SECONDS = 0.002
PASSES = 6
URGENT = -20  # nice value for the pause: everybody on these flows waits for it
# Of TCP every state in which data may still come; what is closed on both sides needs nothing.
LIVING = {"ESTABLISHED": create.ESTABLISHED, "FIN_WAIT": create.FIN_WAIT, "CLOSE_WAIT": create.CLOSE_WAIT,
          "LAST_ACK": create.LAST_ACK, "SYN_RECV": create.SYN_RECV, "SYNACK": create.SYN_RECV}
# IPVS lists an association of SCTP for a minute after its end (sctp_timeouts in ip_vs_proto_sctp.c of Linux 6.12).
ENDED = {"sctp": ("CLOSED", "REJECTED", "NONE")}
FULL = 0.95  # of the connection table: what IPVS lets go, new connections would take before it is made anew
EXPIRE = Path("/proc/sys/net/ipv4/vs/expire_nodest_conn")
_TRACKING = Path("/proc/sys/net/netfilter")
_SERVICE = {"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service"}


@dataclass(frozen=True)
class Handover:
    """flows: what is handed over; keys: how IPVS lists them; orphans: living rows without an entry of connection
    tracking, which tells how they are masqueraded: they are lost."""

    flows: tuple[create.Flow, ...]
    keys: frozenset[str]
    orphans: int


@dataclass(frozen=True)
class Outcome:
    flows: int
    orphans: int
    paused: float
    refused: int
    words: str


def plan(rows: Iterable[ipvs.Row], entries: Iterable[conntrack.Entry], ours: set[ipvs.Place],
         timeouts: dict[str, int]) -> Handover:
    """ours: kube-proxy's virtual servers; timeouts: protocol -> seconds of an established flow. Pure."""
    living = {(row.protocol, row.client, row.client_port, row.address, row.port): row for row in rows
              if not row.template and row.place in ours and _lives(row)}
    flows, keys = [], set()
    for entry in entries:
        first, answer = entry.original, entry.reply
        row = living.pop((first.protocol, first.source, first.source_port, first.target, first.target_port), None)
        if row is None:
            continue
        source = (answer.target, answer.target_port)
        flows.append(create.Flow(
            original=first, endpoint=(row.endpoint, row.endpoint_port),
            source=None if source == (first.source, first.source_port) else source,
            state=LIVING.get(row.state, create.ESTABLISHED),
            seconds=timeouts.get(row.protocol, row.seconds) if row.state in ("ESTABLISHED", "UDP") else (
                max(10, row.seconds)), protocol_info=entry.protocol_info))
        keys.add(row.key)
    return Handover(tuple(flows), frozenset(keys), len(living))


def _lives(row: ipvs.Row) -> bool:
    return row.state in LIVING if row.protocol == "tcp" else row.state not in ENDED.get(row.protocol, ())


def freeze(flows: Iterable[create.Flow], seconds: int = FROZEN_SECONDS) -> str:
    """The table that drops the packets of these flows in both directions, before connection tracking sees them. Pure.

    Its elements end by themselves, so that a process that is killed freezes nobody for long.
    """
    of: dict[str, list[str]] = {"ip": [], "ip6": []}
    for flow in flows:
        first, (endpoint, endpoint_port) = flow.original, flow.endpoint
        back = flow.source or (first.source, first.source_port)
        of["ip6" if ":" in first.source else "ip"] += [
            f"{first.protocol} . {first.source} . {first.source_port} . {first.target} . {first.target_port}",
            f"{first.protocol} . {endpoint} . {endpoint_port} . {back[0]} . {back[1]}"]
    text = ""
    for ip, elements in of.items():
        if elements:
            kind = "ipv4_addr" if ip == "ip" else "ipv6_addr"
            look = f"meta l4proto . {ip} saddr . th sport . {ip} daddr . th dport @flows drop"
            text += (f"table {ip} {TABLE}\ndelete table {ip} {TABLE}\ntable {ip} {TABLE} {{\nset flows {{\n"
                     f"type inet_proto . {kind} . inet_service . {kind} . inet_service; timeout {seconds}s\n"
                     f"elements = {{ {', '.join(dict.fromkeys(elements))} }}\n}}\n"
                     f"chain prerouting {{ type filter hook prerouting priority -310; {look}; }}\n"
                     f"chain output {{ type filter hook output priority -310; {look}; }}\n}}\n")
    return text


def thaw() -> str:
    return "".join(f"table {ip} {TABLE}\ndelete table {ip} {TABLE}\n" for ip in ("ip", "ip6"))


def apply(node_addresses: tuple[str, ...], commands: Commands, say: Callable[[str], None] = lambda _text: None,
          ) -> Outcome:
    """Hand over everything that kube-proxy's virtual servers carry, and remove those."""
    kernel = rules.observe_ipvs(commands)
    own = leftovers.ours(kernel, node_addresses)
    if not own:
        return Outcome(0, 0, 0.0, 0, "IPVS has no virtual servers of kube-proxy's")
    removal = _removal(own, bool(leftovers.foreign(kernel, node_addresses)))
    found = ipvs.rows(ipvs.read())
    # IPVS alters an entry's reply without calling it translated.
    entries = [entry for family in (AF_INET, AF_INET6) for translated in (False, True)
               for entry in conntrack.entries(family, translated=translated)] if found else []
    planned = plan(found, entries, {(each.protocol.lower(), each.address, each.port) for each in own}, _timeouts())
    messages, frozen = create.messages(planned.flows), freeze(planned.flows)
    say(f"{len(planned.flows)} connections of IPVS are handed over; {planned.orphans} are not tracked and are lost")
    # With 0 the connections would stay in IPVS and go nowhere; kube-proxy itself sets 1.
    EXPIRE.write_text("1\n", encoding="ascii")
    begun, usual = time.monotonic(), os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, URGENT)
    try:
        if frozen:
            commands.check(["nft", "-f", "-"], timeout=60, stdin=frozen)
        commands.check(removal[0], timeout=60, stdin=removal[1])
        _wait_until_gone(planned.keys)
        refused = _create(planned.flows, messages)
    finally:
        try:
            commands.check(["nft", "-f", "-"], timeout=60, stdin=thaw())
        finally:
            os.setpriority(os.PRIO_PROCESS, 0, usual)
    paused = time.monotonic() - begun
    return Outcome(len(planned.flows), planned.orphans, paused, refused,
                   f"{len(planned.flows)} connections of IPVS were handed over within {paused:.2f} s; "
                   f"{refused} were refused, {planned.orphans} were not tracked")


def require_room() -> None:
    """Raises FairleadError when the connection table is nearly full. A limit of 0 is none."""
    used, limit = _tracking("nf_conntrack_count"), _tracking("nf_conntrack_max")
    if limit and used > FULL * limit:
        raise FairleadError("nf_conntrack_max", f"{used} entries are used, so those of IPVS cannot be made anew",
                            "raise it, or wait until the table has room, and run again", str(limit))


def _removal(own: list[rules.Server], foreign: bool) -> tuple[list[str], str | None]:
    """How all of kube-proxy's virtual servers go at once: one program, however many they are."""
    if not foreign:
        return ["ipvsadm", "--clear"], None
    return ["ipvsadm", "--restore"], "".join(
        f"-D {_SERVICE[each.protocol]} {f'[{each.address}]' if ':' in each.address else each.address}:{each.port}\n"
        for each in own)


def _wait_until_gone(keys: frozenset[str]) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while keys & ipvs.keys(ipvs.read()):
        if time.monotonic() > deadline:
            raise FairleadError("IPVS", f"still lists connections {GONE_SECONDS:g} s after their virtual servers went",
                                "look at ipvsadm -Lnc on the node")
        time.sleep(POLL_SECONDS)


def _create(flows: tuple[create.Flow, ...], messages: list[bytes]) -> int:
    """Make every entry; how many the kernel refused.

    IPVS unlists a connection a moment before it deletes its entry. So an entry that is in the way is deleted, and all
    are made again until nothing is left to make.
    """
    answers = create.send(messages)
    for flow, answer in zip(flows, answers):
        if answer == errno.EEXIST:
            conntrack.delete_tuple(flow.original)
    for _pass in range(PASSES):
        answers = create.send(messages)
        if 0 not in answers:
            break
    return sum(answer not in (0, errno.EEXIST) for answer in answers)


def _timeouts() -> dict[str, int]:
    """As long as the kernel keeps such a flow that was opened without IPVS."""
    names = {"tcp": "nf_conntrack_tcp_timeout_established", "udp": "nf_conntrack_udp_timeout_stream"}
    return {protocol: _tracking(name) for protocol, name in names.items()}


def _tracking(name: str) -> int:
    return int((_TRACKING / name).read_text(encoding="ascii"))
