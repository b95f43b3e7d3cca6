"""A node whose kube-proxy is a pod, changed live: what is there, what is missing, and the guard that makes it so."""
from __future__ import annotations

from dataclasses import dataclass

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.kube_proxy import ask
from ansible.module_utils.fairlead.kube_proxy.daemonset_node import NOBODY, name_of
from ansible.module_utils.fairlead.mode_change import start, way_daemonset, ways
from ansible.module_utils.fairlead.plan import Plan, Step


@dataclass(frozen=True)
class Desired:
    """node: name of the Node object; label and mode: where and how it shall serve; kubelet: kubelet's kubeconfig;
    token: of kube-proxy's account, "" in check mode; timeout: seconds that each wait of the change may take."""

    node: str
    label: str
    mode: str
    kubelet: str
    token: str
    timeout: float


@dataclass(frozen=True)
class Observed:
    """The node's label, the mode that answers ("" for none), and in which phase an earlier change was left."""

    label: str
    mode: str
    unfinished: str = ""


def observe(desired: Desired) -> Observed:
    return Observed(way_daemonset.label(desired.node, desired.kubelet), ask.ask().mode or "",
                    (start.unfinished() or {}).get("phase", ""))


def plan(desired: Desired, observed: Observed) -> Plan:
    name = name_of(desired.label)
    if (observed.label, observed.mode) == (desired.label, desired.mode) and not observed.unfinished:
        return Plan(unchanged=f"{desired.node} serves in {desired.mode} mode by the pod of {name}")
    before = "no pod" if observed.label == NOBODY else f"the pod of {name_of(observed.label)}"
    before += f" in {observed.mode or 'no'} mode"
    if observed.unfinished:
        before += f", a change left in phase {observed.unfinished}"
    after = f"the pod of {name} in {desired.mode} mode"
    return Plan((Step("change", f"node {desired.node}", before, after, observed),))


def apply(desired: Desired, step: Step, commands: Commands) -> None:
    before: Observed = step.data
    start.change(start.request(
        running=before.mode, mode=desired.mode, old="" if before.label == NOBODY else before.label, new=desired.label,
        node=desired.node, kubeconfig=desired.kubelet, timeout=desired.timeout, way=ways.DAEMONSET), commands,
        token=desired.token)
