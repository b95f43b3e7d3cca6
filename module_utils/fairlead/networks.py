"""The three networks of a cluster - nodes, pods, Services - and whether any of them overlap. Pure but for the readers
of the kernel's routing tables."""
from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Union

from ansible.module_utils.fairlead.files import read_text

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

NODES, PODS, SERVICES, ROUTE = "node", "pod", "Service", "route"

# Kernel flags of a route (linux/route.h, linux/ipv6_route.h).
_UP, _GATEWAY, _REJECT, _LOCAL = 0x1, 0x2, 0x200, 0x80000000


@dataclass(frozen=True)
class Range:
    """Addresses with one use: what for, and whose or from where."""

    kind: str
    network: Network
    owner: str

    def __str__(self) -> str:
        return f"{self.kind} range {self.network} ({self.owner})"


@dataclass(frozen=True)
class Route:
    """One way out of a machine; `direct` when its addresses are on the link itself, not behind a gateway."""

    network: Network
    device: str
    direct: bool


def read_ranges(nodes: list[dict[str, Any]], service_cidrs: list[dict[str, Any]]) -> list[Range]:
    """The ranges that the API objects name: Node addresses and spec.podCIDRs, and ServiceCIDR objects."""
    found = []
    for node in nodes:
        name = node["metadata"]["name"]
        found += [Range(NODES, ipaddress.ip_network(a["address"]), f"address of {name}")
                  for a in node.get("status", {}).get("addresses", []) if a["type"] == "InternalIP"]
        found += [Range(PODS, ipaddress.ip_network(cidr), f"pods of {name}")
                  for cidr in node.get("spec", {}).get("podCIDRs") or []]
    for item in service_cidrs:
        found += [Range(SERVICES, ipaddress.ip_network(cidr), f"ServiceCIDR {item['metadata']['name']}")
                  for cidr in item.get("spec", {}).get("cidrs") or []]
    return found


def overlaps(ranges: Iterable[Range]) -> list[str]:
    """A sentence for every two ranges that share addresses and must not. Two ServiceCIDRs may."""
    return [
        f"{one} overlaps {other}: {_remedy(one, other)}"
        for one, other in combinations(ranges, 2)
        if not (one.kind == other.kind == SERVICES) and _meet(one.network, other.network)
    ]


def route_overlaps(ranges: Iterable[Range], routes: Iterable[Route], machine: str, of_node: bool = False) -> list[str]:
    """A sentence for every link of this machine that has addresses of a pod or Service range.

    Default routes, and routes through a gateway, are the ways by which these ranges may well be reached. A link that
    is exactly the pod range of a node is that node's own. On a node (`of_node`) the pod network may cut its range into
    smaller links, one for each pod even, and kube-proxy holds Services' addresses one by one.
    """
    ranges = [r for r in ranges if r.kind in (PODS, SERVICES)]
    own = {r.network for r in ranges if r.kind == PODS}
    return [
        f"{r} overlaps the link {route.network} of {machine} ({route.device}): use another range for that link, or "
        f"build the cluster with another {r.kind} range"
        for r in ranges for route in routes
        if route.direct and route.network.prefixlen and route.network not in own and _meet(r.network, route.network)
        and not (of_node and _ours(route.network, own))
    ]


def _ours(network: Network, pods: set[Network]) -> bool:
    return network.prefixlen == network.max_prefixlen or any(
        network.version == other.version and network.subnet_of(other) for other in pods)


def as_data(ranges: Iterable[Range]) -> list[dict[str, str]]:
    return [{"kind": r.kind, "network": str(r.network), "owner": r.owner} for r in ranges]


def from_data(given: Iterable[dict[str, str]]) -> list[Range]:
    return [Range(each["kind"], ipaddress.ip_network(each["network"]), each["owner"]) for each in given]


def _meet(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _remedy(one: Range, other: Range) -> str:
    if one.kind == other.kind == NODES:
        return "give each node an address of its own"
    if one.kind == other.kind == PODS:
        return "give each node a pod range of its own (kube-controller-manager --allocate-node-cidrs)"
    which = SERVICES if SERVICES in (one.kind, other.kind) else PODS
    flags = {SERVICES: "kube-apiserver --service-cluster-ip-range", PODS: "kube-controller-manager --cluster-cidr"}
    return f"choose a {which} range that no other network uses ({flags[which]})"


def unknown(ranges: list[Range]) -> list[str]:
    """A sentence for every network of which the API server names nothing, so that nothing was compared."""
    found = {r.kind for r in ranges}
    reasons = {NODES: "no node has an InternalIP",
               PODS: "no Node has spec.podCIDRs; the pod network gives addresses by rules of its own",
               SERVICES: "there are no ServiceCIDR objects (Kubernetes 1.33 and later have them)"}
    return [f"the {kind} network is not known: {reason}" for kind, reason in reasons.items() if kind not in found]


def parse_ipv4_routes(text: str) -> list[Route]:
    """/proc/net/route: addresses are hexadecimal, in the byte order of the machine."""
    routes = []
    for row in (line.split() for line in text.splitlines()[1:]):
        flags = int(row[3], 16)
        if flags & _UP and not flags & _REJECT and row[0] != "lo":
            destination, mask = (ipaddress.IPv4Address(bytes.fromhex(row[column])[::-1]) for column in (1, 7))
            routes.append(Route(ipaddress.ip_network(f"{destination}/{mask}"), row[0], not flags & _GATEWAY))
    return routes


def parse_ipv6_routes(text: str) -> list[Route]:
    """/proc/net/ipv6_route: destination, prefix length, ..., flags, device; all tables in one."""
    routes = []
    for row in (line.split() for line in text.splitlines()):
        flags, address = int(row[8], 16), ipaddress.IPv6Address(bytes.fromhex(row[0]))
        skipped = not flags & _UP or flags & (_REJECT | _LOCAL) or row[9] == "lo"
        if not skipped and not address.is_link_local and not address.is_multicast:
            routes.append(Route(ipaddress.ip_network((address, int(row[1], 16))), row[9], not flags & _GATEWAY))
    return routes


def observe_routes(root: str = "/") -> list[Route]:
    return (parse_ipv4_routes(read_text(f"{root}/proc/net/route") or "")
            + parse_ipv6_routes(read_text(f"{root}/proc/net/ipv6_route") or ""))
