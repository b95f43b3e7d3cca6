"""The API server's rules for an EndpointSlice that somebody writes by hand (pkg/apis/discovery/validation).

Addresses of the node itself are refused by the server since CVE-2021-25737: traffic would leave the cluster's rules.
"""
from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.services import names
from ansible.module_utils.fairlead.services.findings import Finding, duplicate, invalid, not_supported, required

TYPES = ("FQDN", "IPv4", "IPv6")
PROTOCOLS = ("SCTP", "TCP", "UDP")
_MOST = 100  # addresses of one endpoint


def mistakes(manifest: dict[str, Any]) -> Iterator[Finding]:
    kind = manifest.get("addressType")
    if not kind:
        yield required("addressType", "write addressType: IPv4 or IPv6")
    elif kind not in TYPES:
        yield not_supported("addressType", kind, TYPES)
    endpoints = manifest.get("endpoints")
    for index, endpoint in enumerate(endpoints if isinstance(endpoints, list) else []):
        yield from _addresses(endpoint, kind, f"endpoints[{index}].addresses")
    seen: set[str] = set()
    ports = manifest.get("ports")
    for index, port in enumerate(ports if isinstance(ports, list) else []):
        yield from _port(port, seen, f"ports[{index}]")


def _addresses(endpoint: Any, kind: Any, path: str) -> Iterator[Finding]:
    addresses = endpoint.get("addresses") if isinstance(endpoint, dict) else None
    if not isinstance(addresses, list) or not addresses:
        yield required(path, "write the addresses of the endpoint", "must contain at least 1 address")
        return
    if len(addresses) > _MOST:
        yield Finding(path, "TooMany", f"Too many: {len(addresses)}: must have at most {_MOST} items",
                      "write the rest as endpoints of their own")
    for index, address in enumerate(addresses):
        place = f"{path}[{index}]"
        if not isinstance(address, str):
            yield invalid(place, address, "must be a string", "write an address in quotes")
        elif kind == "FQDN":
            for problem in names.dns_1123_subdomain(address.rstrip(".")):
                yield invalid(place, address, problem, "write an IPv4 or IPv6 address")
        elif kind in TYPES:
            yield from _address(address, kind, place)


def _address(address: str, kind: str, place: str) -> Iterator[Finding]:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        yield invalid(place, address, f"must be a valid {kind} address", f"write an {kind} address")
        return
    if f"IPv{parsed.version}" != kind:
        yield invalid(place, address, f"must be an {kind} address", "put it into an EndpointSlice of its own family")
    refused = {"unspecified (0.0.0.0 or ::)": parsed.is_unspecified,
               "in the loopback range (127.0.0.0/8, ::1/128)": parsed.is_loopback,
               "in the link-local range (169.254.0.0/16, fe80::/10)": parsed.is_link_local,
               "in the link-local multicast range (224.0.0.0/24, ff02::/10)": parsed in _MULTICAST[parsed.version]}
    for what, so in refused.items():
        if so:
            yield invalid(place, address, f"may not be {what}", "write an address that other machines can reach")


_MULTICAST = {4: ipaddress.ip_network("224.0.0.0/24"), 6: ipaddress.ip_network("ff02::/16")}


def _port(port: Any, seen: set[str], path: str) -> Iterator[Finding]:
    if not isinstance(port, dict):
        return
    name = port.get("name") or ""
    if isinstance(name, str):
        for problem in names.dns_1123_label(name) if name else []:
            yield invalid(f"{path}.name", name, problem, "write the name of the Service's port")
        if name in seen:
            yield duplicate(f"{path}.name", name, "give each port a name of its own")
        seen.add(name)
    protocol = port.get("protocol")
    if protocol is not None and protocol not in PROTOCOLS:
        yield not_supported(f"{path}.protocol", protocol, PROTOCOLS)
