"""Which endpoints kube-proxy sends a Service port's traffic to, from Services and EndpointSlices alone. Pure.

Source: CategorizeEndpoints in pkg/proxy/topology.go and pkg/proxy/{serviceport,endpointslicecache}.go of 1.37.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]  # as the API server sends it

SERVICE_NAME = "kubernetes.io/service-name"
# Who carries these is none of kube-proxy's: it selects its Services and EndpointSlices without them.
NOT_OURS = ("service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless")
FAMILIES = ("IPv4", "IPv6")


@dataclass(frozen=True)
class Endpoint:
    """One address and port; zones and nodes: its topology hints."""

    address: str
    port: int
    ready: bool
    serving: bool
    terminating: bool
    local: bool
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def draining(self) -> bool:
        """Going, but still good enough when nothing better is left."""
        return self.serving and self.terminating


@dataclass(frozen=True)
class Choice:
    """(address, port) pairs in the order of their text.

    cluster: for policy Cluster; local: for policy Local; anywhere: whether any endpoint exists at all, so that
    traffic to an empty list is dropped (somebody else has some) instead of rejected (nobody has)
    """

    cluster: tuple[tuple[str, int], ...]
    local: tuple[tuple[str, int], ...]
    anywhere: bool


def is_ours(item: Object) -> bool:
    """Whether kube-proxy looks at this Service or EndpointSlice."""
    labels = item["metadata"].get("labels") or {}
    return not any(name in labels for name in NOT_OURS)


def service_name(item: Object) -> str:
    """namespace/name of a Service, or of the Service that an EndpointSlice belongs to."""
    metadata = item["metadata"]
    own = metadata["name"] if "spec" in item else (metadata.get("labels") or {}).get(SERVICE_NAME, "")
    return f"{metadata['namespace']}/{own}"


def read(slices: Iterable[Object], family: str, port: Object, node: str) -> list[Endpoint]:
    """The endpoints of one Service port in one family; one address and port counts once."""
    found: dict[tuple[str, int], Endpoint] = {}
    name, protocol = port.get("name") or "", port.get("protocol", "TCP")
    for each in slices:
        if each.get("addressType") != family:
            continue
        numbers = [one["port"] for one in each.get("ports") or () if (one.get("name") or "") == name
                   and (one.get("protocol") or "TCP") == protocol and one.get("port")]
        for number in numbers[:1]:
            for one in each.get("endpoints") or ():
                if one.get("addresses"):
                    endpoint = _endpoint(one, number, node)
                    found.setdefault((endpoint.address, number), endpoint)
    return list(found.values())


def choose(endpoints: list[Endpoint], *, external: bool, internal_local: bool, external_local: bool, node: str,
           zone: str) -> Choice:
    """external: whether the port also listens on addresses for the outside; *_local: that policy is Local."""
    cluster: list[Endpoint] = []
    anywhere = False
    if not internal_local or external:
        fits = _topology(endpoints, node, zone)
        cluster = [one for one in endpoints if one.ready and fits(one)] or [one for one in endpoints if one.draining]
        anywhere = bool(cluster)
    local: list[Endpoint] = []
    if internal_local or (external_local and external):
        anywhere = anywhere or any(one.ready or one.draining for one in endpoints)
        near = [one for one in endpoints if one.local]
        local = [one for one in near if one.ready] or [one for one in near if one.draining]
    return Choice(_pairs(cluster), _pairs(local), anywhere)


def _pairs(endpoints: list[Endpoint]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((one.address, one.port) for one in endpoints))


def _topology(endpoints: list[Endpoint], node: str, zone: str) -> Any:
    """A filter by hints: they count only when every ready endpoint has them and one names this node or zone."""
    ready = [one for one in endpoints if one.ready]
    if ready and all(one.nodes for one in ready) and any(node in one.nodes for one in ready):
        return lambda one: node in one.nodes
    if zone and ready and all(one.zones for one in ready) and any(zone in one.zones for one in ready):
        return lambda one: zone in one.zones
    return lambda _one: True


def _endpoint(one: Object, number: int, node: str) -> Endpoint:
    conditions, hints = one.get("conditions") or {}, one.get("hints") or {}
    ready = conditions.get("ready")
    ready = True if ready is None else ready
    serving = conditions.get("serving")
    return Endpoint(
        address=one["addresses"][0], port=number, ready=ready, serving=ready if serving is None else serving,
        terminating=bool(conditions.get("terminating")), local=one.get("nodeName") == node,
        zones=tuple(hint["name"] for hint in hints.get("forZones") or ()),
        nodes=tuple(hint["name"] for hint in hints.get("forNodes") or ()))
