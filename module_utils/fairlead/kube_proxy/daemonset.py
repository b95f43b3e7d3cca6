"""kube-proxy as pods, a mode per node: which objects there shall be, and which nodes are to move to them.

kubeadm runs one DaemonSet with one ConfigMap for the whole cluster. Here every mode has a DaemonSet of its own and an
immutable ConfigMap, because kube-proxy does not notice when a mounted one changes. Both are named by their content, and
a label of the node chooses. So another configuration, like another mode, is another place to move to, one node at a
time, and the way back of a node that does not serve there is its earlier label.

Pure functions over plain dictionaries, in the shape of the API's JSON.
"""
from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.daemonset_node import KUBEADM, LABEL, NAMESPACE, NOBODY, name_of
from ansible.module_utils.fairlead.kube_proxy.modes import NFTABLES_DEFAULT, release
from ansible.module_utils.fairlead.kube_proxy.service import LIVE, REFUSE, pending_warning
from ansible.module_utils.fairlead.plan import Plan, Step

BEFORE = "fairlead.dev/before"  # annotation on kubeadm's DaemonSet: what of it we replaced, as JSON
MANAGED = {"app.kubernetes.io/managed-by": "fairlead"}
MOUNTED_KUBECONFIG = "/var/lib/kube-proxy/kubeconfig.conf"  # where kubeadm's pod finds its own


@dataclass(frozen=True)
class Desired:
    """nodes: node -> mode; serving: node -> mode that answers there, "none" for none; configs: mode -> file text.

    returning: every node goes back to kubeadm's own DaemonSet; nodes then holds the mode of kubeadm's configuration
    clean_up: this is the call after the moves
    assume_moved: plan as if every due move had been made. For check mode only: what a node uses is never removed
    unfinished: nodes on which a live change was left; they move again, whatever mode_change says
    """

    nodes: dict[str, str]
    serving: dict[str, str]
    configs: dict[str, str]
    mode_change: str
    returning: bool = False
    clean_up: bool = False
    assume_moved: bool = False
    warnings: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """kubeadm's two objects, our objects by name, and the nodes' labels; all as the API's JSON.

    ways_back: labels to which a live change that is under way, or was left, may bring its node back
    """

    kubeadm: dict[str, Any] | None
    kubeadm_config: dict[str, Any] | None
    config_maps: dict[str, dict[str, Any]] = field(default_factory=dict)
    daemon_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, str | None] = field(default_factory=dict)
    ways_back: tuple[str, ...] = ()


@dataclass(frozen=True)
class Move:
    """One node from one DaemonSet to another; a label of "" is kubeadm's own. live: under the bridge."""

    node: str
    label: str
    mode: str
    label_before: str
    mode_before: str
    live: bool = False


def plan(desired: Desired, observed: Observed) -> Plan:
    """Objects that are missing, and those that no node needs once the moves are made. The moves are not among them."""
    _check(desired, observed)
    steps, wanted = [], {}
    if not desired.returning:
        wanted = {mode: place(mode, desired.configs[mode], observed) for mode in sorted(set(desired.nodes.values()))}
        for config_map, daemon_set in wanted.values():
            name = daemon_set["metadata"]["name"]
            if name not in observed.config_maps:
                text = config_map["data"]["config.conf"]
                steps.append(Step("create", f"ConfigMap {name}", after=text, data=config_map))
            if name not in observed.daemon_sets:
                steps.append(Step("create", f"DaemonSet {name}", after=_shown(daemon_set), data=daemon_set))
        if BEFORE not in _annotations(observed.kubeadm):
            steps.append(Step("restrict", f"DaemonSet {KUBEADM} to nodes without the label {LABEL}",
                              before="runs on every node", after=f"runs on nodes without {LABEL}"))
    labels = {name for name in observed.labels.values() if name}
    moves = due(desired, observed)
    if desired.assume_moved:
        labels = set(_after(observed.labels, moves)) - {""}
    if desired.clean_up or not moves:
        kept = {*map(name_of, (*labels, *observed.ways_back)),
                *(one["metadata"]["name"] for _map, one in wanted.values())}
        steps += _removals(observed, kept)
        if desired.returning and not labels and BEFORE in _annotations(observed.kubeadm):
            steps.append(Step("restore", f"DaemonSet {KUBEADM}", before=f"runs on nodes without {LABEL}",
                              after="runs on every node"))
    return Plan(tuple(steps), unchanged="the objects are as asked",
                warnings=(*desired.warnings, *pending(desired, observed)))


def due(desired: Desired, observed: Observed) -> list[Move]:
    """The nodes that are to move, in order. A node that serves in another mode moves only where that is accepted."""
    moves = []
    for node, mode in sorted(desired.nodes.items()):
        label, before = _label_for(node, desired, observed), observed.labels[node] or ""
        left = node in desired.unfinished
        if left or (label != before and not _refused(desired, node)):
            back = "" if before == NOBODY else before  # a run that was killed between two DaemonSets
            serving = desired.serving.get(node, NOBODY)
            # In the same mode no rule is ever missing, and where nothing serves there is nothing to lose.
            live = left or (desired.mode_change == LIVE and serving not in (NOBODY, mode))
            moves.append(Move(node, label, mode, back, serving, live))
    return moves


def pending(desired: Desired, observed: Observed) -> list[str]:
    """A warning for each node that is left where it is."""
    return [pending_warning(node, desired.serving[node], mode) for node, mode in sorted(desired.nodes.items())
            if _label_for(node, desired, observed) != (observed.labels[node] or "") and _refused(desired, node)]


def place(mode: str, text: str, observed: Observed) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ConfigMap and the DaemonSet of one mode: kubeadm's own pod and credentials with the mode's configuration, on
    the nodes whose label is named by mode and content."""
    data = {"config.conf": text, "kubeconfig.conf": observed.kubeadm_config["data"]["kubeconfig.conf"]}
    template = copy.deepcopy(observed.kubeadm["spec"]["template"])
    _set_affinity(template["spec"], _before(observed.kubeadm)["affinity"])
    label = f"{mode}-{digest([data, template['spec']])}"
    name = name_of(label)
    metadata = {"name": name, "namespace": NAMESPACE, "labels": MANAGED}
    pod = template["spec"]
    template["metadata"] = {"labels": {"k8s-app": name}}
    pod["nodeSelector"] = {**pod.get("nodeSelector", {}), LABEL: label}
    for volume in pod["volumes"]:
        if "configMap" in volume:
            volume["configMap"]["name"] = name
    spec = {"selector": {"matchLabels": {"k8s-app": name}}, "template": template,
            "updateStrategy": {"type": "OnDelete"}}
    return ({"apiVersion": "v1", "kind": "ConfigMap", "immutable": True, "data": data, "metadata": metadata},
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": spec, "metadata": metadata})


def restrict_patch(kubeadm: dict[str, Any]) -> dict[str, Any]:
    """What makes kubeadm's pods leave labelled nodes, and stay unrestarted on all others (OnDelete)."""
    before = _before(kubeadm)
    affinity = copy.deepcopy(before["affinity"] or {})
    required = affinity.setdefault("nodeAffinity", {}).setdefault("requiredDuringSchedulingIgnoredDuringExecution", {})
    for term in required.setdefault("nodeSelectorTerms", [{}]):
        term.setdefault("matchExpressions", []).append({"key": LABEL, "operator": "DoesNotExist"})
    return {"metadata": {"annotations": {BEFORE: json.dumps(before, sort_keys=True)}},
            "spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None},
                     "template": {"spec": {"affinity": affinity}}}}


def restore_patch(kubeadm: dict[str, Any]) -> dict[str, Any]:
    """kubeadm's DaemonSet as it was. Its controller then restarts its pods, one after the other, in the same mode."""
    before = _before(kubeadm)
    pod = {"affinity": before["affinity"]}
    return {"metadata": {"annotations": {BEFORE: None}},
            "spec": {"updateStrategy": before["updateStrategy"], "template": {"spec": pod}}}


def kubeadm_mode(kubeadm_config: dict[str, Any] | None, version: str) -> str:
    """The mode of kubeadm's own configuration; unset is what kube-proxy of that release takes then."""
    import yaml  # noqa: PLC0415 - on the control node, where it comes with Ansible

    text = (kubeadm_config or {}).get("data", {}).get("config.conf", "")
    try:
        mode = (yaml.safe_load(text) or {}).get("mode", "")
    except (yaml.YAMLError, AttributeError) as error:
        raise FairleadError(f"ConfigMap {KUBEADM}", f"has a config.conf that cannot be read: {error}",
                            "repair it: kube-proxy of kubeadm would not start with it") from error
    return mode or ("nftables" if release(version) >= NFTABLES_DEFAULT else "iptables")


def digest(content: Any) -> str:
    """Ten hexadecimal digits of the content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def _check(desired: Desired, observed: Observed) -> None:
    if not observed.kubeadm or not observed.kubeadm_config:
        raise FairleadError(
            "kube_proxy_deployment", f"{NAMESPACE} has no DaemonSet and ConfigMap {KUBEADM} to take over",
            "run `kubeadm init phase addon kube-proxy`, or set kube_proxy_deployment to systemd", "daemonset")
    unknown = sorted(set(desired.nodes) - set(observed.labels))
    if unknown:
        raise FairleadError("nodes", "the cluster has no Node objects of these names",
                            "name the hosts of the inventory as the cluster names its nodes", unknown)


def _label_for(node: str, desired: Desired, observed: Observed) -> str:
    if desired.returning:
        return ""
    mode = desired.nodes[node]
    return place(mode, desired.configs[mode], observed)[1]["metadata"]["name"].removeprefix(f"{KUBEADM}-")


def _refused(desired: Desired, node: str) -> bool:
    return (desired.serving.get(node, NOBODY) not in (NOBODY, desired.nodes[node]) and desired.mode_change == REFUSE
            and node not in desired.unfinished)


def _after(labels: dict[str, str | None], moves: list[Move]) -> list[str]:
    moved = {move.node: move.label for move in moves}
    return [moved.get(node, label or "") for node, label in labels.items()]


def _removals(observed: Observed, kept: set[str]) -> list[Step]:
    """Our objects that no node uses: DaemonSets first, since their pods mount the ConfigMaps."""
    return [Step("remove", f"{kind} {name}", before=_shown(one) if kind == "DaemonSet" else one["data"]["config.conf"],
                 data={"kind": kind, "metadata": {"name": name}})
            for kind, objects in (("DaemonSet", observed.daemon_sets), ("ConfigMap", observed.config_maps))
            for name, one in sorted(objects.items()) if is_ours(one) and name not in kept]


def is_ours(one: dict[str, Any]) -> bool:
    labels = one["metadata"].get("labels") or {}
    return one["metadata"]["name"].startswith(f"{KUBEADM}-") and MANAGED.items() <= labels.items()


def _before(kubeadm: dict[str, Any]) -> dict[str, Any]:
    """What kubeadm's DaemonSet had, or has, in the places that we replace."""
    noted = _annotations(kubeadm).get(BEFORE)
    spec = kubeadm["spec"]
    return json.loads(noted) if noted else {"updateStrategy": spec["updateStrategy"],
                                            "affinity": spec["template"]["spec"].get("affinity")}


def _annotations(one: dict[str, Any]) -> dict[str, str]:
    return one.get("metadata", {}).get("annotations") or {}


def _set_affinity(pod: dict[str, Any], affinity: dict[str, Any] | None) -> None:
    pod.pop("affinity", None)
    if affinity:
        pod["affinity"] = affinity


def _shown(daemon_set: dict[str, Any]) -> str:
    container = daemon_set["spec"]["template"]["spec"]["containers"][0]
    return f"image {container['image']}\n"
