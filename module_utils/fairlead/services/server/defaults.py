"""What the API server fills in before it judges (pkg/apis/core/v1/defaults.go: SetDefaults_Service).

A spec is a mapping of what was set, decoded by schema.py and ours to change. Fields that are pointers in the API are
absent when they are nil; "" and absent are the same for all others.
"""
from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

CLUSTER_IP, NODE_PORT, LOAD_BALANCER, EXTERNAL_NAME = "ClusterIP", "NodePort", "LoadBalancer", "ExternalName"
NONE, CLIENT_IP = "None", "ClientIP"
AFFINITY_SECONDS = 10800


def fill(spec: Spec) -> None:
    """SetDefaults_Service."""
    affinity = spec["sessionAffinity"] = spec.get("sessionAffinity") or NONE
    if affinity == NONE:
        spec.pop("sessionAffinityConfig", None)
    elif affinity == CLIENT_IP and affinity_seconds(spec) is None:
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}}
    kind = spec["type"] = spec.get("type") or CLUSTER_IP
    for port in ports(spec):
        port["protocol"] = port.get("protocol") or "TCP"
        port["targetPort"] = port.get("targetPort") or port.get("port", 0)
    if externally_accessible(spec) and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if kind in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == LOAD_BALANCER:
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def affinity_seconds(spec: Spec) -> Any:
    return spec.get("sessionAffinityConfig", {}).get("clientIP", {}).get("timeoutSeconds")


def ports(spec: Spec) -> list[dict[str, Any]]:
    return spec.get("ports", [])


def cluster_ips(spec: Spec) -> list[str]:
    return spec.get("clusterIPs", [])


def families(spec: Spec) -> list[str]:
    return spec.get("ipFamilies", [])


def is_headless(spec: Spec) -> bool:
    """isHeadlessService: of the list alone."""
    return spec.get("clusterIPs") == [NONE]


def externally_accessible(spec: Spec) -> bool:
    """pkg/api/service: ExternallyAccessible."""
    kind = spec["type"]
    return kind in (NODE_PORT, LOAD_BALANCER) or (kind == CLUSTER_IP and bool(spec.get("externalIPs")))


def needs_health_check(spec: Spec) -> bool:
    """pkg/api/service: NeedsHealthCheck."""
    return spec["type"] == LOAD_BALANCER and spec.get("externalTrafficPolicy") == "Local"


def has_node_ports(spec: Spec) -> bool:
    return spec["type"] in (NODE_PORT, LOAD_BALANCER)
