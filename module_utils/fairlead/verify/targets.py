"""What the API objects say: nodes, Service ports with their addresses, and the pods that stand behind each. Pure.

Nothing here looks at installed rules or at kube-proxy: an expectation that came from them would prove nothing.
"""
from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.verify.words import plain

Object = dict[str, Any]

SERVICE_NAME = "kubernetes.io/service-name"  # on an EndpointSlice: whose it is
OTHER_PROXY = "service.kubernetes.io/service-proxy-name"  # on a Service: kube-proxy leaves it to another program
PROBED = ("TCP", "UDP")
NAME_ONLY = "only its name can be asked for"


@dataclass(frozen=True)
class Node:
    """A node: its addresses, whether the control plane hears from it, and its versions."""

    name: str
    addresses: tuple[str, ...]
    ready: bool = True
    kernel: str = "?"
    kubernetes: str = "?"
    pod_cidrs: tuple[str, ...] = ()

    @property
    def primary(self) -> tuple[str, ...]:
        """The first address of each family: what nodePortAddresses means by "primary"."""
        first: dict[str, str] = {}
        for address in self.addresses:
            first.setdefault(family(address), address)
        return tuple(first.values())


@dataclass(frozen=True)
class Pod:
    """An endpoint: what it answers when asked for its name, and where it runs."""

    answer: str
    node: str


@dataclass(frozen=True)
class Target:
    """One port of one Service, with every address at which it is offered.

    node_port:     0 when there is none
    balancer_ips:  of status.loadBalancer.ingress
    source_ranges: loadBalancerSourceRanges; empty means everybody
    pods:          by family, "IPv4" and "IPv6": those that must share the connections
    """

    service: str  # namespace/name
    port: int
    node_port: int = 0
    protocol: str = "TCP"
    affinity: bool = False
    external_local: bool = False
    internal_local: bool = False
    whole: bool = True  # every ready pod gets its share: no topology preference
    cluster_ips: tuple[str, ...] = ()
    balancer_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    pods: dict[str, tuple[Pod, ...]] = field(default_factory=dict)

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(sorted(self.pods))


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
                          plain(info.get("kernelVersion", "?")), plain(info.get("kubeletVersion", "?")),
                          tuple(item.get("spec", {}).get("podCIDRs") or ())))
    return sorted(nodes, key=lambda node: node.name)


def service_name(item: Object) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def slices_of(service: Object, slices: list[Object]) -> list[Object]:
    """The EndpointSlices of this Service."""
    return [s for s in slices if s["metadata"].get("labels", {}).get(SERVICE_NAME) == service["metadata"]["name"]
            and s["metadata"]["namespace"] == service["metadata"]["namespace"]]


def read_targets(services: list[Object], slices: list[Object], nodes: list[Node]) -> tuple[list[Target], list[str]]:
    """The Service ports that clients can be proven to reach, and a sentence for each that cannot."""
    targets, unproven = [], []
    for item in sorted(services, key=service_name):
        name = plain(service_name(item))
        unserved = _unserved(item)
        if unserved:
            unproven.append(f"{name}: {unserved}")
            continue
        own = slices_of(item, slices)
        for port in item["spec"].get("ports") or []:
            if port.get("protocol", "TCP") in PROBED:
                targets.append(_target(name, item, port, own, nodes))
            else:
                unproven.append(f"{name} {port['port']}/{port['protocol']}: only TCP and UDP are probed")
        unproven += [f"{name}: load balancer {plain(entry['hostname'])} is a name, and only addresses are probed"
                     for entry in _ingress(item) if entry.get("hostname")]
        if item["spec"].get("type") == "LoadBalancer" and not _ingress(item):
            unproven.append(f"{name}: LoadBalancer without an address; no load balancer has given it one")
    return targets, unproven


def _unserved(item: Object) -> str:
    """Why kube-proxy serves no address of this Service; empty when it does."""
    spec = item.get("spec", {})
    if spec.get("type") == "ExternalName":
        return f"ExternalName has no address; {NAME_ONLY}"
    if spec.get("clusterIP") == "None":
        return f"headless, so it has no address; {NAME_ONLY}"
    if (item["metadata"].get("labels") or {}).get(OTHER_PROXY):
        return f"the label {OTHER_PROXY} leaves it to another program than kube-proxy"
    return ""


def _target(name: str, item: Object, port: Object, own: list[Object], nodes: list[Node]) -> Target:
    spec, protocol = item["spec"], port.get("protocol", "TCP")
    return Target(
        name, port["port"], port.get("nodePort") or 0, protocol,
        affinity=spec.get("sessionAffinity") == "ClientIP",
        external_local=spec.get("externalTrafficPolicy") == "Local",
        internal_local=spec.get("internalTrafficPolicy") == "Local",
        whole=not _prefers_near(item, own),
        cluster_ips=tuple(spec.get("clusterIPs") or filter(None, [spec.get("clusterIP")])),
        balancer_ips=tuple(entry["ip"] for entry in _ingress(item) if entry.get("ip")),
        external_ips=tuple(spec.get("externalIPs") or ()),
        source_ranges=tuple(cidr.strip() for cidr in spec.get("loadBalancerSourceRanges") or ()),
        pods={f: ready_pods(own, f, port.get("name") or "", protocol, nodes)
              for f in spec.get("ipFamilies") or ["IPv4"]},
    )


def _ingress(item: Object) -> list[Object]:
    return item.get("status", {}).get("loadBalancer", {}).get("ingress") or []


def _prefers_near(service: Object, own: list[Object]) -> bool:
    """kube-proxy may leave some ready pods out, by zone or node: it follows hints wherever they come from."""
    if any(endpoint.get("hints") for item in own for endpoint in item.get("endpoints") or []):
        return True
    annotations = service["metadata"].get("annotations") or {}
    return bool(service["spec"].get("trafficDistribution")
                or annotations.get("service.kubernetes.io/topology-mode", "").lower() == "auto")


def ready_pods(slices: list[Object], wanted: str, port: str, protocol: str, nodes: list[Node]) -> tuple[Pod, ...]:
    """The pods that must answer on this port in this family, sorted.

    When none is ready, pods that end but still serve take their place (KEP-1669, stable since Kubernetes 1.28).
    """
    owners = {address: node.name for node in nodes for address in node.addresses}
    ready, ending = set(), set()
    for item in slices:
        offered = [(p.get("name") or "", p.get("protocol", "TCP")) for p in item.get("ports") or []]
        if item.get("addressType") == wanted and (port, protocol) in offered:
            endpoints = item.get("endpoints") or []
            ready |= {_pod(endpoint, owners) for endpoint in endpoints if is_ready(endpoint)}
            ending |= {_pod(endpoint, owners) for endpoint in endpoints if _serves_and_ends(endpoint)}
    return tuple(sorted(ready or ending, key=lambda pod: pod.answer))


def is_ready(endpoint: Object) -> bool:
    return endpoint.get("conditions", {}).get("ready") is not False  # unset means ready


def _serves_and_ends(endpoint: Object) -> bool:
    conditions = endpoint.get("conditions", {})
    return bool(conditions.get("serving") and conditions.get("terminating"))


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
        headless = item["spec"].get("clusterIP") == "None"
        if _unserved(item) and not headless:
            continue
        name = plain(service_name(item))
        endpoints = [e for s in slices_of(item, slices) for e in s.get("endpoints") or []]
        starting = [e for e in endpoints if not is_ready(e) and not e.get("conditions", {}).get("terminating")
                    and e.get("nodeName", "") in ready_nodes]
        if not headless and not any(is_ready(e) for e in endpoints):
            reasons.append(f"{name} has no ready pod")
        elif starting:
            reasons.append(f"{name} has {len(starting)} endpoints that are not ready yet")
    return reasons
