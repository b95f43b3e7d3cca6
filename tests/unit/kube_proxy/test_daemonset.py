"""Which objects there shall be, and which nodes may move."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import daemonset
from ansible.module_utils.fairlead.kube_proxy.daemonset import HASH, LABEL, Desired, Observed, plan

# The shape of what kubeadm 1.37 prints; only what the planner reads.
KUBEADM = {"spec": {"updateStrategy": {"type": "RollingUpdate"}, "selector": {"matchLabels": {"k8s-app": "kube-proxy"}},
                    "template": {"metadata": {"labels": {"k8s-app": "kube-proxy"}}, "spec": {
                        "containers": [{"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.37.2"}],
                        "nodeSelector": {"kubernetes.io/os": "linux"},
                        "volumes": [{"name": "kube-proxy", "configMap": {"name": "kube-proxy"}},
                                    {"name": "lib-modules", "hostPath": {"path": "/lib/modules"}}]}}}}
CONFIG = {"data": {"kubeconfig.conf": "kubeconfig", "config.conf": "kubeadm's"}}


def desired(serving, mode_change="refuse"):
    return Desired({"n1": "nftables", "n2": "iptables"}, serving, {"nftables": "a", "iptables": "b"}, mode_change)


def observed(**changes):
    return Observed(**{"kubeadm": KUBEADM, "kubeadm_config": CONFIG, "labels": {"n1": None, "n2": None}, **changes})


def targets(planned):
    return [step.target.split(" to ")[0] for step in planned.steps]


def settled(wish):
    """What is observed after the steps of a plan were done."""
    first = plan(wish, observed())
    maps = frozenset(step.target.split()[1] for step in first.steps if step.target.startswith("ConfigMap"))
    sets = {step.data["metadata"]["name"]: step.data for step in first.steps
            if step.target.startswith("DaemonSet") and step.data}
    aside = {"spec": {**KUBEADM["spec"], "template": {"spec": {
        **KUBEADM["spec"]["template"]["spec"], **daemonset.aside_patch()["spec"]["template"]["spec"]}}}}
    labels = {"n1": None, "n2": None, **{step.data[0]: step.data[1] for step in first.steps if step.action == "move"}}
    return observed(kubeadm=aside, config_maps=maps, daemon_sets=sets, labels=labels)


def test_only_the_node_that_already_serves_in_its_mode_moves():
    planned = plan(desired({"n1": "iptables", "n2": "iptables"}), observed())
    assert [step.data for step in planned.steps if step.action == "move"] == [("n2", "iptables")]
    assert "n1" in planned.warnings[0]


def test_restart_moves_all():
    planned = plan(desired({"n1": "iptables", "n2": "iptables"}, "restart"), observed())
    assert [step.data for step in planned.steps if step.action == "move"] == [("n1", "nftables"), ("n2", "iptables")]


@pytest.mark.parametrize("mode_change", ["refuse", "restart"])
def test_a_second_run_finds_nothing_to_do(mode_change):
    wish = desired({"n1": "iptables", "n2": "iptables"}, mode_change)
    assert plan(wish, settled(wish)).steps == ()


def test_kubeadms_pods_are_told_to_stand_aside_before_any_node_moves():
    planned = plan(desired({"n1": "none", "n2": "iptables"}), observed())
    actions = [step.action for step in planned.steps]
    assert actions.index("restrict") < actions.index("move")
    assert daemonset.aside_patch()["spec"]["updateStrategy"]["type"] == "OnDelete"


def test_our_pod_is_kubeadms_with_our_configuration_on_labelled_nodes():
    ours = daemonset.daemon_set_for("nftables", "kube-proxy-nftables-1", KUBEADM)
    pod = ours["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", LABEL: "nftables"}
    assert pod["volumes"][0]["configMap"]["name"] == "kube-proxy-nftables-1"
    assert ours["spec"]["selector"]["matchLabels"] == ours["spec"]["template"]["metadata"]["labels"]
    assert ours["spec"]["selector"] != KUBEADM["spec"]["selector"]
    assert KUBEADM["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] == "kube-proxy"  # not changed


def test_another_configuration_means_another_config_map_and_an_update():
    wish = desired({"n1": "nftables", "n2": "iptables"})
    have = settled(wish)
    changed = Desired(wish.nodes, wish.serving, {**wish.configs, "nftables": "c"}, "refuse")
    planned = plan(changed, have)
    assert [step.action for step in planned.steps] == ["create", "update"]
    assert planned.steps[1].data["metadata"]["annotations"][HASH] != daemonset.spec_hash_of(
        have.daemon_sets["kube-proxy-nftables"])


@pytest.mark.parametrize(("changes", "words"), [
    ({"kubeadm": None}, "kubeadm init phase addon"), ({"labels": {"n1": None}}, "no Node objects")])
def test_what_is_missing_is_named(changes, words):
    with pytest.raises(FairleadError, match=words):
        plan(desired({}), observed(**changes))
