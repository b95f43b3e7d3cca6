"""Connection-tracking entries that lead nowhere after a change of mode, found and deleted one by one; never all.

An entry made while no rule was there has no translation: every further packet of that flow follows it past the rules,
for ever in UDP's case. A UDP entry to an endpoint that is gone does the same.
"""
from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator

from ansible.module_utils.fairlead import netfilter_conntrack as conntrack
from ansible.module_utils.fairlead.bridge.layout import Part
from ansible.module_utils.fairlead.bridge.node import Family


def stale(entries: Iterable[conntrack.Entry], part: Part, addresses: tuple[str, ...]) -> Iterator[conntrack.Entry]:
    """part: all Services of the entries' family; addresses: the node's, where node ports answer. Pure."""
    fronts, ports = ({tuple(key.split(" . ")) for name, key in part.elements if name == of}
                     for of in ("frontends", "node-frontends"))
    endpoints = {tuple(value.split(" . ")) for (name, _key), value in part.elements.items()
                 if name.endswith("endpoints")} | {(pin.address, str(pin.endpoint_port)) for pin in part.pins.values()}
    for entry in entries:
        first = entry.original
        served = (first.target, first.protocol, str(first.target_port)) in fronts or (
            first.target in addresses and (first.protocol, str(first.target_port)) in ports)
        if not served:
            continue
        answering = (entry.reply.source, str(entry.reply.source_port))
        if not entry.translated or (first.protocol == "udp" and answering not in endpoints):
            yield entry


def apply(families: tuple[Family, ...], parts: dict[str, Part], addresses: tuple[str, ...]) -> int:
    """How many entries were deleted."""
    deleted = 0
    for family in families:
        number = socket.AF_INET if family.name == "IPv4" else socket.AF_INET6
        part = parts[family.name]
        found = [*stale(conntrack.entries(number, translated=False), part, addresses),
                 *stale(conntrack.entries(number, translated=True, protocol=socket.IPPROTO_UDP), part, addresses)]
        deleted += sum(conntrack.delete(entry) for entry in found)
    return deleted
