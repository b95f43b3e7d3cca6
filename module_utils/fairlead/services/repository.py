"""What only shows when all objects are seen together, and would stop a delivery half way: names, ports and addresses
that two objects claim, and external addresses that nobody allowed. Pure.
"""
from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Union

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services.findings import Finding, duplicate, forbidden, invalid, required
from ansible.module_utils.fairlead.services.model import Item, is_service
from ansible.module_utils.fairlead.services.paths import longest_name

Placed = tuple[Item, Finding]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
_NO_ADDRESS = ("", "None")


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks in which spec.externalIPs is allowed. Raises FairleadError for what is none."""
    found = []
    for text in filter(None, (text.strip() for text in texts)):
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise FairleadError("allowed_external_ips", f"is not a network: {error}", "write it like 192.0.2.0/24",
                                text) from error
    return tuple(found)


def refusals(items: Iterable[Item], external_ips: Collection[Network] = ()) -> Iterator[Placed]:
    """Each with the item that it concerns. external_ips: networks in which spec.externalIPs is allowed."""
    names: dict[tuple[Any, ...], Item] = {}
    ports: dict[tuple[int, str], Item] = {}
    addresses: dict[str, Item] = {}
    for item in items:
        if not item.manifest["metadata"].get("name"):
            yield item, required("metadata.name", "write name instead of generateName",
                                 "with generateName every delivery would make another object")
            continue
        if len(item.manifest["metadata"]["name"]) > longest_name(item.manifest):
            yield item, invalid("metadata.name", item.manifest["metadata"]["name"],
                                "leaves no room for the kind in a file's name",
                                f"write at most {longest_name(item.manifest)} characters")
        first = names.setdefault(_identity(item.manifest), item)
        if first is not item:
            yield item, duplicate("metadata.name", item.manifest["metadata"]["name"],
                                  f"rename it: {first.origin} has the same kind, namespace and name")
        elif is_service(item.manifest):
            spec = item.manifest.get("spec") or {}
            yield from _node_ports(item, spec, ports)
            yield from _addresses(item, spec, addresses)
            yield from _external(item, spec, external_ips)


def _identity(manifest: dict[str, Any]) -> tuple[Any, ...]:
    """The version is not part of it: one object can be written in several."""
    metadata = manifest["metadata"]
    group = manifest["apiVersion"].rpartition("/")[0]
    return group, manifest["kind"], metadata.get("namespace"), metadata["name"]


def _node_ports(item: Item, spec: dict[str, Any], taken: dict[tuple[int, str], Item]) -> Iterator[Placed]:
    for index, port in enumerate(spec.get("ports") or []):
        number = port.get("nodePort")
        if number:
            owner = taken.setdefault((number, port.get("protocol") or "TCP"), item)
            if owner is not item:
                yield item, invalid(f"spec.ports[{index}].nodePort", number, "provided port is already allocated",
                                    f"write another port: {owner.origin} {owner.label} has this one")
    check = spec.get("healthCheckNodePort")
    if check:
        owner = taken.setdefault((check, "TCP"), item)
        if owner is not item:
            yield item, invalid("spec.healthCheckNodePort", check, "provided port is already allocated",
                                f"write another port: {owner.origin} {owner.label} has this one")


def _addresses(item: Item, spec: dict[str, Any], taken: dict[str, Item]) -> Iterator[Placed]:
    pinned = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
    for index, address in enumerate(pinned):
        if address in _NO_ADDRESS:
            continue
        owner = taken.setdefault(address, item)
        if owner is not item:
            yield item, invalid(f"spec.clusterIPs[{index}]", address, "provided IP is already allocated",
                                f"write another address, or none to get one: {owner.origin} {owner.label} has this one")


def _external(item: Item, spec: dict[str, Any], networks: Collection[Network]) -> Iterator[Placed]:
    for index, address in enumerate(spec.get("externalIPs") or []):
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            continue  # the API server's own rule answers
        if not any(parsed.version == network.version and parsed in network for network in networks):
            yield item, forbidden(
                f"spec.externalIPs[{index}]",
                "traffic of others to this address would end at this Service (CVE-2020-8554); deprecated in 1.36",
                f"use type: LoadBalancer, or allow {address} where it is meant")
