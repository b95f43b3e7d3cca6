"""Which objects there shall be, and which nodes are to move."""
from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import daemonset, daemonset_node
from ansible.module_utils.fairlead.kube_proxy.daemonset import BEFORE, Desired, Observed, due, plan
from ansible.module_utils.fairlead.kube_proxy.daemonset_node import LABEL

# The shape of what kubeadm 1.37 prints; only what the planner reads.
KUBEADM = {"metadata": {"name": "kube-proxy"},
           "spec": {"updateStrategy": {"type": "RollingUpdate"}, "selector": {"matchLabels": {"k8s-app": "kube-proxy"}},
                    "template": {"metadata": {"labels": {"k8s-app": "kube-proxy"}}, "spec": {
                        "containers": [{"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.37.2"}],
                        "nodeSelector": {"kubernetes.io/os": "linux"},
                        "volumes": [{"name": "kube-proxy", "configMap": {"name": "kube-proxy"}},
                                    {"name": "lib-modules", "hostPath": {"path": "/lib/modules"}}]}}}}
CONFIG = {"metadata": {"name": "kube-proxy"},
          "data": {"kubeconfig.conf": "kubeconfig", "config.conf": "mode: iptables"}}
EVERYWHERE = {"n1": "iptables", "n2": "iptables"}


def desired(serving, mode_change="refuse", **changes):
    return Desired({"n1": "nftables", "n2": "iptables"}, serving, {"nftables": "a", "iptables": "b"}, mode_change,
                   **changes)


def fresh(**changes):
    return Observed(**{"kubeadm": KUBEADM, "kubeadm_config": CONFIG, "labels": {"n1": None, "n2": None},
                       "daemon_sets": {"kube-proxy": KUBEADM}, "config_maps": {"kube-proxy": CONFIG}, **changes})


def merged(base, patch):
    """A merge patch, as the API server applies it here: null removes."""
    out = copy.deepcopy(base)
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = merged(out.get(key) or {}, value)
        else:
            out[key] = value
    return out


def done(wish, observed):
    """What is observed after the steps of a plan, and after its moves."""
    daemon_sets, config_maps, labels = dict(observed.daemon_sets), dict(observed.config_maps), dict(observed.labels)
    for step in plan(wish, observed).steps:
        if step.action in ("restrict", "restore"):
            patch = getattr(daemonset, f"{step.action}_patch")(daemon_sets["kube-proxy"])
            daemon_sets["kube-proxy"] = merged(daemon_sets["kube-proxy"], patch)
            continue
        objects = daemon_sets if step.data["kind"] == "DaemonSet" else config_maps
        if step.action == "create":
            objects[step.data["metadata"]["name"]] = step.data
        else:
            del objects[step.data["metadata"]["name"]]
    for move in due(wish, observed):
        labels[move.node] = move.label or None
    return Observed(daemon_sets["kube-proxy"], config_maps["kube-proxy"], config_maps, daemon_sets, labels)


def described(planned):
    return [f"{step.action} {step.target.split(' to ')[0].rsplit('-', 1)[0]}" for step in planned.steps]


def test_the_first_run_makes_objects_and_then_tells_kubeadm_to_stand_aside():
    assert described(plan(desired(EVERYWHERE), fresh())) == [
        "create ConfigMap kube-proxy-iptables", "create DaemonSet kube-proxy-iptables",
        "create ConfigMap kube-proxy-nftables", "create DaemonSet kube-proxy-nftables", "restrict DaemonSet kube"]


def test_only_the_node_that_already_serves_in_its_mode_moves():
    wish = desired(EVERYWHERE)
    assert [(move.node, move.mode) for move in due(wish, fresh())] == [("n2", "iptables")]
    assert "n1" in plan(wish, fresh()).warnings[0]


def test_restart_moves_all_and_each_knows_its_way_back():
    moves = due(desired(EVERYWHERE, "restart"), fresh())
    assert [(move.node, move.mode, move.label_before, move.mode_before) for move in moves] == [
        ("n1", "nftables", "", "iptables"), ("n2", "iptables", "", "iptables")]


def test_a_node_that_a_killed_run_left_between_two_pods_goes_back_to_kubeadms():
    moves = due(desired({"n1": "none"}), fresh(labels={"n1": "none", "n2": "x"}))
    assert moves[0].label_before == ""


@pytest.mark.parametrize("mode_change", ["refuse", "restart"])
def test_a_second_run_finds_nothing_to_do(mode_change):
    wish = desired(EVERYWHERE, mode_change)
    after = done(wish, fresh())
    assert plan(wish, after).steps == ()
    assert due(wish, after) == []


def test_our_pod_is_kubeadms_with_our_configuration_on_labelled_nodes():
    config_map, ours = daemonset.place("nftables", "a", fresh())
    pod, name = ours["spec"]["template"]["spec"], ours["metadata"]["name"]
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", LABEL: name.removeprefix("kube-proxy-")}
    assert pod["volumes"][0]["configMap"]["name"] == name == config_map["metadata"]["name"]
    assert ours["spec"]["selector"]["matchLabels"] == ours["spec"]["template"]["metadata"]["labels"]
    assert KUBEADM["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] == "kube-proxy"  # not changed
    assert daemonset.place("nftables", "a", done(desired(EVERYWHERE), fresh()))[1] == ours  # restricted: the same name


def test_another_configuration_is_another_place_and_the_old_one_goes_when_the_node_has_left():
    wish = desired({"n1": "nftables", "n2": "iptables"})
    have = done(wish, fresh())
    changed = Desired(wish.nodes, wish.serving, {**wish.configs, "nftables": "c"}, "refuse")
    assert described(plan(changed, have)) == ["create ConfigMap kube-proxy-nftables",
                                              "create DaemonSet kube-proxy-nftables"]
    assert [move.node for move in due(changed, have)] == ["n1"]
    moved = done(changed, have)
    after = Desired(wish.nodes, wish.serving, changed.configs, "refuse", clean_up=True)
    removals = plan(after, moved)
    assert described(removals) == ["remove DaemonSet kube-proxy-nftables", "remove ConfigMap kube-proxy-nftables"]
    # Check mode sees the node still there, and predicts the same.
    assumed = replace(after, assume_moved=True)
    predicted = [step.describe() for step in plan(assumed, have).steps if step.action == "remove"]
    assert predicted == [step.describe() for step in removals.steps]


def test_what_a_node_still_uses_is_never_removed_when_its_move_was_not_made():
    wish = desired({"n1": "nftables", "n2": "iptables"})
    have = done(wish, fresh())
    changed = replace(wish, configs={**wish.configs, "nftables": "c"}, clean_up=True)
    assert [move.node for move in due(changed, have)] == ["n1"]
    assert [step.target for step in plan(changed, have).steps if step.action == "remove"] == []


def test_a_foreign_object_of_a_similar_name_stays():
    foreign = {"metadata": {"name": "kube-proxy-extra", "labels": {"app": "x"}}, "data": {"config.conf": ""}}
    wish = desired(EVERYWHERE)
    have = done(wish, fresh())
    have = Observed(have.kubeadm, have.kubeadm_config, {**have.config_maps, "kube-proxy-extra": foreign},
                    have.daemon_sets, have.labels)
    assert plan(wish, have).steps == ()


def test_the_way_back_leaves_kubeadms_objects_as_they_were():
    have = done(desired(EVERYWHERE, "restart"), fresh())
    serving = {"n1": "nftables", "n2": "iptables"}
    back = Desired(dict.fromkeys(serving, "iptables"), serving, {}, "restart", returning=True)
    assert plan(back, have).steps == ()  # first the nodes
    assert [(move.node, move.label, move.mode) for move in due(back, have)] == [
        ("n1", "", "iptables"), ("n2", "", "iptables")]
    moved = done(back, have)
    end = done(Desired(back.nodes, EVERYWHERE, {}, "restart", returning=True, clean_up=True), moved)
    assert end.daemon_sets == {"kube-proxy": {**KUBEADM, "metadata": {"name": "kube-proxy", "annotations": {}}}}
    assert end.config_maps == {"kube-proxy": CONFIG}


def test_the_way_back_waits_for_a_node_that_serves_in_another_mode():
    have = done(desired(EVERYWHERE, "restart"), fresh())
    serving = {"n1": "nftables", "n2": "iptables"}
    back = Desired(dict.fromkeys(serving, "iptables"), serving, {}, "refuse", returning=True, clean_up=True,
                   assume_moved=True)
    planned = plan(back, have)
    assert described(planned) == ["remove DaemonSet kube-proxy-iptables", "remove ConfigMap kube-proxy-iptables"]
    assert "n1" in planned.warnings[0]


def test_an_affinity_that_kubeadms_pods_have_already_is_kept_and_comes_back():
    own = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}}
    kubeadm = merged(KUBEADM, {"spec": {"template": {"spec": {"affinity": own}}}})
    patch = daemonset.restrict_patch(kubeadm)
    term = patch["spec"]["template"]["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]
    assert [one["key"] for one in term["matchExpressions"]] == ["zone", LABEL]
    restored = daemonset.restore_patch(merged(kubeadm, patch))
    assert restored["spec"]["template"]["spec"]["affinity"] == own
    assert restored["metadata"]["annotations"] == {BEFORE: None}


@pytest.mark.parametrize(("text", "version", "mode"), [
    ("mode: ipvs", "1.37.2", "ipvs"), ('mode: ""', "1.37.2", "iptables"), ("{}", "1.40.0", "nftables"),
    ("", "1.36", "iptables")])
def test_kubeadms_own_mode(text, version, mode):
    assert daemonset.kubeadm_mode({"data": {"config.conf": text}}, version) == mode


def test_kubeadms_configuration_that_is_broken_is_named():
    with pytest.raises(FairleadError, match=r"config\.conf"):
        daemonset.kubeadm_mode({"data": {"config.conf": "a: [b"}}, "1.37.2")


@pytest.mark.parametrize(("changes", "words"), [
    ({"kubeadm": None}, "kubeadm init phase addon"), ({"labels": {"n1": None}}, "no Node objects")])
def test_what_is_missing_is_named(changes, words):
    with pytest.raises(FairleadError, match=words):
        plan(desired({}), fresh(**changes))


def test_live_is_for_another_mode_alone():
    have = done(desired({"n1": "nftables", "n2": "iptables"}), fresh())
    serving = {"n1": "iptables", "n2": "iptables"}
    other = replace(desired(serving, "live"), configs={"nftables": "c", "iptables": "d"})
    assert [(move.node, move.live) for move in due(other, have)] == [("n1", True), ("n2", False)]
    assert plan(other, have).warnings == ()
    assert [move.live for move in due(desired({"n1": "none"}, "live"), fresh())] == [False, False]


def test_a_change_that_was_left_is_due_even_where_the_label_says_that_it_is_done():
    wish = desired({"n1": "nftables", "n2": "iptables"})
    have = done(wish, fresh())
    assert due(wish, have) == []
    assert [(move.node, move.live) for move in due(replace(wish, unfinished=("n1",)), have)] == [("n1", True)]
    # Whatever mode answers now: old, new, or none.
    for serving in ("iptables", "none"):
        left = desired({"n1": serving, "n2": "iptables"}, unfinished=("n1",))
        assert [(move.node, move.live) for move in due(left, have)] == [("n1", True)]
        assert plan(left, have).warnings == ()


def test_where_a_change_may_go_back_to_is_kept():
    have = done(desired({"n1": "nftables", "n2": "iptables"}), fresh())
    label = have.labels["n1"]
    moved = replace(have, labels={**have.labels, "n1": have.labels["n2"]})
    wish = Desired({"n2": "iptables"}, {"n2": "iptables"}, {"iptables": "b"}, "refuse")
    assert [step.action for step in plan(wish, moved).steps] == ["remove", "remove"]
    assert plan(wish, replace(moved, ways_back=(label,))).steps == ()


def test_what_the_pods_of_a_node_say():
    owner = {"kind": "DaemonSet", "name": "kube-proxy-a-1"}
    running = {"containerStatuses": [{"state": {"running": {}}}]}
    pods = [{"metadata": {"ownerReferences": [owner]}, "status": running},
            {"metadata": {"ownerReferences": [{"kind": "DaemonSet", "name": "cni"}]}, "status": running},
            {"metadata": {}, "status": running}]
    assert daemonset_node.proxies(pods) == {"kube-proxy-a-1": True}
    assert daemonset_node.proxies([{**pods[0], "status": {}}]) == {"kube-proxy-a-1": False}
    for status in ({"containerStatuses": [{"state": {"waiting": {}}}]}, {"containerStatuses": []}):
        assert daemonset_node.proxies([{**pods[0], "status": status}]) == {"kube-proxy-a-1": False}


def test_a_move_is_due_until_exactly_the_labels_pod_runs():
    assert daemonset_node.plan_move("n1", "a-1", "a-1", {"kube-proxy-a-1": True}).steps == ()
    assert daemonset_node.plan_move("n1", "", "", {"kube-proxy": True}).steps == ()
    for label, pods in (("", {"kube-proxy": True}), ("a-1", {"kube-proxy-a-1": False}),
                        ("a-1", {"kube-proxy-a-1": True, "kube-proxy": True})):
        assert daemonset_node.plan_move("n1", "a-1", label, pods).steps
