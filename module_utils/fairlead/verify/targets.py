"""What the API objects promise: nodes, Service ports, and the pods that stand behind each. Pure.

Nothing here looks at installed rules or at kube-proxy: an expectation that came from them would prove nothing.
"""
from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.verify.words import plain

Object = dict[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"  # on an EndpointSlice: whose it is


@dataclass(frozen=True)
class Node:
    """A node: its addresses, whether the control plane hears from it, and its versions."""

    name: str
    addresses: tuple[str, ...]
    ready: bool = True
    kernel: str = "?"
    kubernetes: str = "?"


@dataclass(frozen=True)
class Pod:
    """A ready endpoint: what it answers to /hostname, and where it runs."""

    answer: str
    node: str


@dataclass(frozen=True)
class Target:
    """One port of one Service as it is offered on every node."""

    service: str  # namespace/name
    node_port: int
    protocol: str = "TCP"
    affinity: bool = False
    local: bool = False  # externalTrafficPolicy: Local, so only pods on the node itself
    whole: bool = True  # every ready pod gets its share: no topology preference
    pods: dict[str, tuple[Pod, ...]] = field(default_factory=dict)  # by family, "IPv4" and "IPv6"

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(sorted(self.pods))

    @property
    def label(self) -> str:
        return f"{self.service} {self.node_port}/{self.protocol}"


def family(address: str) -> str:
    return f"IPv{ipaddress.ip_address(address).version}"


def read_nodes(objects: list[Object]) -> list[Node]:
    nodes = []
    for item in objects:
        status = item.get("status", {})
        info = status.get("nodeInfo", {})
        addresses = [a["address"] for a in status.get("addresses", []) if a["type"] == "InternalIP"]
        conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
        nodes.append(Node(plain(item["metadata"]["name"]), tuple(addresses), conditions.get("Ready") == "True",
                          plain(info.get("kernelVersion", "?")), plain(info.get("kubeletVersion", "?"))))
    return sorted(nodes, key=lambda node: node.name)


def service_name(item: Object) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def read_targets(services: list[Object], slices: list[Object], nodes: list[Node]) -> tuple[list[Target], list[str]]:
    """The Service ports that clients outside can be proven to reach, and a sentence for each that cannot."""
    targets, unproven = [], []
    for item in sorted(services, key=service_name):
        name, spec = plain(service_name(item)), item.get("spec", {})
        own = [s for s in slices if s["metadata"].get("labels", {}).get(SERVICE_NAME) == item["metadata"]["name"]
               and s["metadata"]["namespace"] == item["metadata"]["namespace"]]
        ports = [port for port in spec.get("ports") or [] if port.get("nodePort")]
        if not ports:
            unproven.append(f"{name}: {spec.get('type', 'ClusterIP')} without node port, "
                            "not reachable from outside the cluster")
        for port in ports:
            protocol = port.get("protocol", "TCP")
            if protocol != "TCP":
                unproven.append(f"{name} {port['nodePort']}/{protocol}: only TCP is probed")
                continue
            targets.append(Target(
                name, port["nodePort"], protocol,
                affinity=spec.get("sessionAffinity") == "ClientIP",
                local=spec.get("externalTrafficPolicy") == "Local",
                whole=not _prefers_near(item),
                pods={f: ready_pods(own, f, port.get("name") or "", protocol, nodes)
                      for f in spec.get("ipFamilies") or ["IPv4"]},
            ))
    return targets, unproven


def _prefers_near(service: Object) -> bool:
    """kube-proxy may leave some ready pods out, by zone or node."""
    annotations = service["metadata"].get("annotations") or {}
    return bool(service["spec"].get("trafficDistribution")
                or annotations.get("service.kubernetes.io/topology-mode", "").lower() == "auto")


def ready_pods(slices: list[Object], wanted: str, port: str, protocol: str, nodes: list[Node]) -> tuple[Pod, ...]:
    """The pods that must answer on this port in this family, sorted."""
    owners = {address: node.name for node in nodes for address in node.addresses}
    pods = set()
    for item in slices:
        offered = [(p.get("name") or "", p.get("protocol", "TCP")) for p in item.get("ports") or []]
        if item.get("addressType") == wanted and (port, protocol) in offered:
            pods |= {_pod(endpoint, owners) for endpoint in item.get("endpoints") or [] if is_ready(endpoint)}
    return tuple(sorted(pods, key=lambda pod: pod.answer))


def is_ready(endpoint: Object) -> bool:
    return endpoint.get("conditions", {}).get("ready") is not False  # unset means ready


def _pod(endpoint: Object, owners: dict[str, str]) -> Pod:
    """What a server in this pod finds as its host name.

    The kubelet sets it to spec.hostname, else to the pod's name cut to 63 characters; a pod in the node's network has
    the node's name. An endpoint without a pod is known by its address alone.
    """
    address = endpoint["addresses"][0]
    reference = endpoint.get("targetRef") or {}
    name = reference.get("name", "") if reference.get("kind", "Pod") == "Pod" else ""
    answer = owners.get(address) or endpoint.get("hostname") or name[:63].rstrip("-.") or address
    return Pod(plain(answer), plain(endpoint.get("nodeName") or ""))


def pending(services: list[Object], slices: list[Object], nodes: list[Node]) -> list[str]:
    """Why it is too early to prove anything: a Service without ready pods, or with pods that are still starting.

    Pods of a node that is not Ready are not waited for.
    """
    ready_nodes = {node.name for node in nodes if node.ready}
    reasons = []
    for item in services:
        name, spec = plain(service_name(item)), item.get("spec", {})
        if not any(port.get("nodePort") for port in spec.get("ports") or []):
            continue
        endpoints = [e for s in slices if s["metadata"].get("labels", {}).get(SERVICE_NAME) == item["metadata"]["name"]
                     and s["metadata"]["namespace"] == item["metadata"]["namespace"]
                     for e in s.get("endpoints") or []]
        starting = [e for e in endpoints if not is_ready(e) and not e.get("conditions", {}).get("terminating")
                    and e.get("nodeName", "") in ready_nodes]
        if not any(is_ready(e) for e in endpoints):
            reasons.append(f"{name} has no ready pod")
        elif starting:
            reasons.append(f"{name} has {len(starting)} endpoints that are not ready yet")
    return reasons
