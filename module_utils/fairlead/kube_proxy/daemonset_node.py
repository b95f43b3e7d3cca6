"""Which DaemonSet's pod of kube-proxy one node runs: its label says which it shall be, its pods which it is.

Pure, and small, because the guard of a live change carries it to the node.
"""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead.plan import Plan, Step

NAMESPACE, KUBEADM = "kube-system", "kube-proxy"
LABEL = "fairlead.dev/kube-proxy-mode"
NOBODY = "none"  # the label's value while a node is between two DaemonSets
# Annotation on a node during a live change: the label before it, whose DaemonSet has to stay for the way back.
WAY_BACK = "fairlead.dev/kube-proxy-way-back"


def name_of(label: str) -> str:
    """The DaemonSet that serves nodes with this label; "" is no label."""
    return f"{KUBEADM}-{label}" if label else KUBEADM


def label_of(node: dict[str, Any]) -> str | None:
    return node["metadata"].get("labels", {}).get(LABEL)


def way_back_of(node: dict[str, Any]) -> str | None:
    return node["metadata"].get("annotations", {}).get(WAY_BACK)


def is_proxy(daemon_set: str) -> bool:
    return daemon_set == KUBEADM or daemon_set.startswith(f"{KUBEADM}-")


def proxies(pods: list[dict[str, Any]]) -> dict[str, bool]:
    """Of a node's pods: DaemonSet of kube-proxy -> whether its pod's container runs."""
    return {owner["name"]: _runs(pod) for pod in pods for owner in pod["metadata"].get("ownerReferences", [])
            if owner["kind"] == "DaemonSet" and is_proxy(owner["name"])}


def _runs(pod: dict[str, Any]) -> bool:
    statuses = pod["status"].get("containerStatuses", [])
    return bool(statuses) and all("running" in status["state"] for status in statuses)


def plan_move(node: str, label: str, label_before: str, pods: dict[str, bool]) -> Plan:
    """pods: DaemonSet -> whether its pod runs on the node."""
    if label == label_before and pods == {name_of(label): True}:
        return Plan(unchanged=f"{node} runs the pod of {name_of(label)}")
    return Plan((Step("move", f"node {node}", before=" ".join(sorted(pods)) or "no kube-proxy", after=name_of(label)),))
