"""The rules of the API server for one v1 Service that decodes (pkg/apis/core/validation: validateService).

Each rule is given the spec and yields findings; absent fields have the server's defaults.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.services import names
from ansible.module_utils.fairlead.services.findings import (
    Finding,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)

Spec = dict[str, Any]

CLUSTER_IP, NODE_PORT, LOAD_BALANCER, EXTERNAL_NAME = "ClusterIP", "NodePort", "LoadBalancer", "ExternalName"
TYPES = (CLUSTER_IP, NODE_PORT, LOAD_BALANCER, EXTERNAL_NAME)
PROTOCOLS = ("TCP", "UDP", "SCTP")
AFFINITIES = ("ClientIP", "None")
LONGEST_AFFINITY = 86400
POLICIES = ("Cluster", "Local")
FAMILIES = ("IPv4", "IPv6")
FAMILY_POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")
DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")


def service(spec: Spec, node_ports: range) -> Iterator[Finding]:
    """Everything that the API server would say of this spec."""
    kind = spec.get("type") or CLUSTER_IP
    if kind not in TYPES:
        yield not_supported("spec.type", kind, TYPES, "write clusterIP: None and no type" if kind == "Headless" else "")
    yield from _ports(spec, kind, node_ports)
    yield from _affinity(spec)
    yield from _addresses(spec, kind)
    yield from _policies(spec, kind)


def is_headless(spec: Spec) -> bool:
    return spec.get("clusterIP") == "None" or (spec.get("clusterIPs") or [""])[0] == "None"


def ports(spec: Spec) -> list[Spec]:
    return spec.get("ports") or []


def protocol(port: Spec) -> str:
    return port.get("protocol") or "TCP"


def _ports(spec: Spec, kind: str, node_ports: range) -> Iterator[Finding]:
    if not ports(spec) and not is_headless(spec) and kind != EXTERNAL_NAME:
        yield required("spec.ports", "add at least one port, for instance ports: [{port: 80, targetPort: 8080}]")
    seen_names: set[str] = set()
    seen_ports: set[tuple[Any, str]] = set()
    seen_node_ports: set[tuple[int, str]] = set()
    for index, port in enumerate(ports(spec)):
        path = f"spec.ports[{index}]"
        yield from _port_name(port.get("name") or "", len(ports(spec)) > 1, seen_names, path)
        number = port.get("port") or 0
        for problem in names.port_number(number):
            yield invalid(f"{path}.port", number, problem, "write the port that clients connect to, 1 to 65535")
        if protocol(port) not in PROTOCOLS:
            yield not_supported(f"{path}.protocol", protocol(port), PROTOCOLS)
        yield from _target_port(port.get("targetPort"), path)
        if (number, protocol(port)) in seen_ports:
            yield duplicate(path, {"protocol": protocol(port), "port": number},
                            "give each port of a Service a number and protocol of its own")
        seen_ports.add((number, protocol(port)))
        yield from _node_port(port, kind, node_ports, seen_node_ports, f"{path}.nodePort")


def _port_name(name: str, needed: bool, seen: set[str], path: str) -> Iterator[Finding]:
    if not name:
        if needed:
            yield required(f"{path}.name", "name every port of a Service that has more than one")
        return
    for problem in names.dns_1123_label(name):
        yield invalid(f"{path}.name", name, problem, "write a name like http or dns-tcp")
    if name in seen:
        yield duplicate(f"{path}.name", name, "give each port a name of its own")
    seen.add(name)


def _target_port(target: Any, path: str) -> Iterator[Finding]:
    if not target:  # the server fills in the port
        return
    problems = names.port_number(target) if isinstance(target, int) else names.port_name(target)
    for problem in problems:
        yield invalid(f"{path}.targetPort", target, problem,
                      "write the number of the container's port, 1 to 65535, or its name")


def _node_port(port: Spec, kind: str, allowed: range, seen: set[tuple[int, str]], path: str) -> Iterator[Finding]:
    number = port.get("nodePort") or 0
    if not number:
        return
    if kind == CLUSTER_IP:
        yield forbidden(path, "may not be used when `type` is 'ClusterIP'", "write type: NodePort, or drop nodePort")
    elif number not in allowed:
        span = f"{allowed.start}-{allowed.stop - 1}"
        yield invalid(path, number, f"provided port is not in the valid range. The range of valid ports is {span}",
                      f"write a port of {span}, or drop nodePort to get one")
    if (number, protocol(port)) in seen:
        yield duplicate(path, number, "give each port a node port of its own")
    seen.add((number, protocol(port)))


def _affinity(spec: Spec) -> Iterator[Finding]:
    affinity = spec.get("sessionAffinity") or "None"
    if affinity not in AFFINITIES:
        # A widely read walk-through patches "ClusterIP" here, which was never a value.
        fix = "write ClientIP: requests of one client address stay with one pod" if affinity == "ClusterIP" else ""
        yield not_supported("spec.sessionAffinity", affinity, AFFINITIES, fix)
    if affinity != "ClientIP":
        return
    seconds = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= LONGEST_AFFINITY:
        yield invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds,
                      f"must be greater than 0 and less than {LONGEST_AFFINITY}",
                      f"write seconds from 1 to {LONGEST_AFFINITY}; without the field it is 10800")


def _addresses(spec: Spec, kind: str) -> Iterator[Finding]:
    if kind == EXTERNAL_NAME:
        yield from _external_name(spec)
        return
    if is_headless(spec) and kind in (NODE_PORT, LOAD_BALANCER):
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services",
                      "drop clusterIP, or drop type for a headless Service")
    seen: set[str] = set()
    for index, name in enumerate(spec.get("ipFamilies") or []):
        if name not in FAMILIES:
            yield not_supported(f"spec.ipFamilies[{index}]", name, FAMILIES)
        if name in seen:
            yield duplicate(f"spec.ipFamilies[{index}]", name, "name each family once")
        seen.add(name)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in FAMILY_POLICIES:
        yield not_supported("spec.ipFamilyPolicy", policy, FAMILY_POLICIES)


def _external_name(spec: Spec) -> Iterator[Finding]:
    if spec.get("clusterIP") or spec.get("clusterIPs"):
        yield forbidden("spec.clusterIPs", "may not be set for ExternalName services", "drop clusterIP")
    if spec.get("ipFamilies"):
        yield forbidden("spec.ipFamilies", "may not be set for ExternalName services", "drop ipFamilies")
    if spec.get("ipFamilyPolicy") is not None:
        yield forbidden("spec.ipFamilyPolicy", "may not be set for ExternalName services", "drop ipFamilyPolicy")
    name = spec.get("externalName") or ""
    name = name[:-1] if name.endswith(".") else name
    if not name:
        yield required("spec.externalName", "write the DNS name that this Service stands for")
        return
    for problem in names.dns_1123_subdomain(name):
        yield invalid("spec.externalName", name, problem, "write a DNS name without scheme, port or path")


def _policies(spec: Spec, kind: str) -> Iterator[Finding]:
    external = spec.get("externalTrafficPolicy") or ""
    reachable = kind in (NODE_PORT, LOAD_BALANCER) or (kind == CLUSTER_IP and bool(spec.get("externalIPs")))
    if external and not reachable:
        yield invalid("spec.externalTrafficPolicy", external, "may only be set for externally-accessible services",
                      "drop it, or write type: NodePort")
    elif external and external not in POLICIES:
        yield not_supported("spec.externalTrafficPolicy", external, POLICIES)
    internal = spec.get("internalTrafficPolicy")
    if internal is not None and internal not in POLICIES:
        yield not_supported("spec.internalTrafficPolicy", internal, POLICIES)
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in DISTRIBUTIONS:
        yield not_supported("spec.trafficDistribution", distribution, DISTRIBUTIONS)
    if kind != LOAD_BALANCER:
        for field in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if spec.get(field) is not None:
                yield forbidden(f"spec.{field}", "may only be used when `type` is 'LoadBalancer'", f"drop {field}")
        if spec.get("loadBalancerSourceRanges"):
            yield forbidden("spec.LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'",
                            "drop loadBalancerSourceRanges")
