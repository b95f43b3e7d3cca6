"""EndpointSlices for a Service without selector, from the addresses that its compact form names.

endpoints: [10.0.0.5, {addresses: [10.0.0.6], nodeName: node2}]
"""
from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

SERVICE_NAME = "kubernetes.io/service-name"  # on an EndpointSlice: whose it is
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "fairlead"
_TYPES = ("IPv4", "IPv6", "FQDN")


def of(service: dict[str, Any], endpoints: Any) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """One slice for each kind of address, with the numbers of the entries that are in it.

    What is no address is kept as FQDN, where the rules refuse it with its place.
    """
    metadata, spec = service["metadata"], service["spec"]
    kinds: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, entry in enumerate(endpoints if isinstance(endpoints, list) else [endpoints]):
        endpoint = entry if isinstance(entry, dict) else {"addresses": [entry]}
        kinds.setdefault(_type(endpoint), []).append((number, endpoint))
    for kind in sorted(kinds, key=_TYPES.index):
        manifest = {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": f"{metadata.get('name')}-{kind.lower()}", "namespace": metadata.get("namespace"),
                "labels": {SERVICE_NAME: metadata.get("name"), MANAGED_BY: MANAGER}},
            "addressType": kind, "endpoints": [endpoint for _number, endpoint in kinds[kind]],
            "ports": list(_ports(spec.get("ports")))}
        yield manifest, [number for number, _endpoint in kinds[kind]]


def _type(endpoint: dict[str, Any]) -> str:
    addresses = endpoint.get("addresses")
    first = addresses[0] if isinstance(addresses, list) and addresses else ""
    try:
        return f"IPv{ipaddress.ip_address(first).version}" if isinstance(first, str) else "FQDN"
    except ValueError:
        return "FQDN"


def _ports(ports: Any) -> Iterator[dict[str, Any]]:
    """A slice's ports are those that the backends listen on, under the names of the Service's."""
    for port in ports if isinstance(ports, list) else []:
        if not isinstance(port, dict):
            continue
        target = port.get("targetPort")
        number = target if isinstance(target, int) and target else port.get("port")
        named = {"name": port.get("name") or "", "port": number, "protocol": port.get("protocol") or "TCP"}
        yield {**named, "appProtocol": port["appProtocol"]} if port.get("appProtocol") else named
