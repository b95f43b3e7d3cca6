"""kube-proxy as pods, a mode per node: which objects there shall be, and which nodes may move to them.

kubeadm runs one DaemonSet with one ConfigMap for the whole cluster. Here every mode has a DaemonSet of its own, chosen
by a label of the node, and a ConfigMap named by its content, because kube-proxy does not notice when a mounted one
changes. A node moves by its label: first to "none", which ends the old pod and leaves its rules in the kernel, then to
the mode, which starts the new one. So no node ever has two proxies, and none is without rules.

Pure functions over plain dictionaries, in the shape of the API's JSON.
"""
from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.service import RESTART, pending_warning
from ansible.module_utils.fairlead.plan import Plan, Step

NAMESPACE, KUBEADM = "kube-system", "kube-proxy"
LABEL = "fairlead.dev/kube-proxy-mode"
NOBODY = "none"  # the label's value while a node is between two DaemonSets
HASH = "fairlead.dev/spec-hash"
MANAGED = {"app.kubernetes.io/managed-by": "fairlead"}
MOUNTED_KUBECONFIG = "/var/lib/kube-proxy/kubeconfig.conf"  # where kubeadm's pod finds its own


@dataclass(frozen=True)
class Desired:
    """nodes: node -> mode; serving: node -> mode that answers there, "none" for none; configs: mode -> file text."""

    nodes: dict[str, str]
    serving: dict[str, str]
    configs: dict[str, str]
    mode_change: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """kubeadm's two objects, our objects by name, and the nodes' labels; all as the API's JSON."""

    kubeadm: dict[str, Any] | None
    kubeadm_config: dict[str, Any] | None
    config_maps: frozenset[str] = frozenset()
    daemon_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, str | None] = field(default_factory=dict)


def plan(desired: Desired, observed: Observed) -> Plan:
    if not observed.kubeadm or not observed.kubeadm_config:
        raise FairleadError(
            "kube_proxy_deployment", f"{NAMESPACE} has no DaemonSet and ConfigMap {KUBEADM} to take over",
            "run `kubeadm init phase addon kube-proxy`, or set kube_proxy_deployment to systemd", "daemonset")
    unknown = sorted(set(desired.nodes) - set(observed.labels))
    if unknown:
        raise FairleadError("nodes", "the cluster has no Node objects of these names",
                            "name the hosts of the inventory as the cluster names its nodes", unknown)
    steps: list[Step] = []
    for mode in sorted(set(desired.nodes.values())):
        config_map = config_map_for(mode, desired.configs[mode], observed.kubeadm_config)
        name = config_map["metadata"]["name"]
        if name not in observed.config_maps:
            steps.append(Step("create", f"ConfigMap {name}", after=desired.configs[mode], data=config_map))
        daemon_set = daemon_set_for(mode, name, observed.kubeadm)
        live = observed.daemon_sets.get(daemon_set["metadata"]["name"])
        if spec_hash_of(live) != daemon_set["metadata"]["annotations"][HASH]:
            steps.append(Step("update" if live else "create", f"DaemonSet {daemon_set['metadata']['name']}",
                              before=_shown(live), after=_shown(daemon_set), data=daemon_set))
    if not stands_aside(observed.kubeadm):
        steps.append(Step("restrict", f"DaemonSet {KUBEADM} to nodes without the label {LABEL}",
                          before="runs on every node", after=f"runs on nodes without {LABEL}"))
    pending = []
    for node, mode in sorted(desired.nodes.items()):
        label, serving = observed.labels[node], desired.serving.get(node, NOBODY)
        if label == mode:
            continue
        if serving not in (NOBODY, mode) and desired.mode_change != RESTART:
            pending.append(pending_warning(node, serving, mode))
            continue
        steps.append(Step("move", f"node {node}", before=label or "kubeadm's DaemonSet", after=f"{KUBEADM}-{mode}",
                          data=(node, mode)))
    return Plan(tuple(steps), unchanged="every node runs the pod of its mode, or was left as it is",
                warnings=(*desired.warnings, *pending))


def config_map_for(mode: str, text: str, kubeadm_config: dict[str, Any]) -> dict[str, Any]:
    """An immutable ConfigMap named by its content; the credentials are kubeadm's own."""
    data = {"config.conf": text, "kubeconfig.conf": kubeadm_config["data"]["kubeconfig.conf"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "immutable": True, "data": data, "metadata": {
        "name": f"{KUBEADM}-{mode}-{digest(data)}", "namespace": NAMESPACE, "labels": MANAGED}}


def daemon_set_for(mode: str, config_map: str, kubeadm: dict[str, Any]) -> dict[str, Any]:
    """kubeadm's own pod, with the mode's configuration, on the nodes with the mode's label."""
    name = f"{KUBEADM}-{mode}"
    template = copy.deepcopy(kubeadm["spec"]["template"])
    template["metadata"] = {"labels": {"k8s-app": name}}
    pod = template["spec"]
    pod["nodeSelector"] = {**pod.get("nodeSelector", {}), LABEL: mode}
    pod.pop("affinity", None)  # the one that makes kubeadm's own pods stand aside
    for volume in pod["volumes"]:
        if "configMap" in volume:
            volume["configMap"]["name"] = config_map
    spec = {"selector": {"matchLabels": {"k8s-app": name}}, "template": template, "minReadySeconds": 5,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": spec, "metadata": {
        "name": name, "namespace": NAMESPACE, "labels": MANAGED, "annotations": {HASH: digest(spec)}}}


def aside_patch() -> dict[str, Any]:
    """What makes kubeadm's pods leave labelled nodes, and stay unrestarted on all others (OnDelete)."""
    term = {"matchExpressions": [{"key": LABEL, "operator": "DoesNotExist"}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    return {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None},
                     "template": {"spec": {"affinity": affinity}}}}


def stands_aside(kubeadm: dict[str, Any]) -> bool:
    wanted = aside_patch()["spec"]["template"]["spec"]["affinity"]
    return kubeadm["spec"]["template"]["spec"].get("affinity") == wanted


def spec_hash_of(live: dict[str, Any] | None) -> str | None:
    return (live or {}).get("metadata", {}).get("annotations", {}).get(HASH)


def digest(content: Any) -> str:
    """Ten hexadecimal digits of the content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def _shown(daemon_set: dict[str, Any] | None) -> str:
    if not daemon_set:
        return ""
    volumes = daemon_set["spec"]["template"]["spec"]["volumes"]
    config = next(volume["configMap"]["name"] for volume in volumes if "configMap" in volume)
    image = daemon_set["spec"]["template"]["spec"]["containers"][0]["image"]
    return f"configuration {config}\nimage {image}\n"
