"""Probe pods: the steps to them and away, and how their networks are found."""
from __future__ import annotations

import copy

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import pod_network, probe_pods

SPACE = "fairlead-verify"
WANTED = probe_pods.wanted(SPACE, ["node1", "node2"], ["pod", "host pod"], "pause:1")
UID = "5f6ee9c5-5a56-4a67-9ef6-3f4b4e9f9a6f"


def live(**changes):
    """What an API server has of the wanted pods, and the namespace."""
    pods = {name: {**copy.deepcopy(item), "metadata": {**item["metadata"], "uid": f"uid of {name}"},
                   "status": {"phase": "Running"}} for name, item in WANTED.items()}
    for name, change in changes.items():
        for part, values in change.items():
            pods[name][part].update(values)
    return probe_pods.namespace(SPACE), pods


def steps(pods, space, found):
    return [step.describe() for step in probe_pods.plan(SPACE, pods, space, found).steps]


def test_from_nothing():
    assert steps(WANTED, None, {}) == [f"create namespace {SPACE}", *(
        f"create pod {SPACE}/{name}" for name in ("host-pod.node1", "host-pod.node2", "pod.node1", "pod.node2"))]


def test_what_a_killed_run_left_is_taken_over():
    assert steps(WANTED, *live()) == []


@pytest.mark.parametrize("change", [
    {"metadata": {"deletionTimestamp": "now"}}, {"status": {"phase": "Failed"}}, {"spec": {"nodeName": "node9"}},
    {"spec": {"hostNetwork": True}}, {"spec": {"containers": [{"image": "other"}]}}])
def test_a_pod_that_does_not_serve_is_replaced(change):
    assert steps(WANTED, *live(**{"pod.node1": change})) == [
        f"delete pod {SPACE}/pod.node1", f"create pod {SPACE}/pod.node1"]


def test_removal():
    assert steps({}, *live()) == [*(f"delete pod {SPACE}/{name}" for name in sorted(WANTED)),
                                  f"delete namespace {SPACE}"]
    ending = probe_pods.namespace(SPACE)
    ending["metadata"]["deletionTimestamp"] = "now"
    assert steps({}, ending, {}) == steps({}, None, {}) == []
    assert steps(WANTED, ending, {})[0] == f"create namespace {SPACE}"


def test_a_namespace_of_somebody_else():
    probe_pods.refuse_foreign(SPACE, None)
    probe_pods.refuse_foreign(SPACE, probe_pods.namespace(SPACE))
    with pytest.raises(FairleadError, match="service_verify_namespace='shop': is there and does not carry the label"):
        probe_pods.refuse_foreign("shop", {"metadata": {"name": "shop"}})


def test_uids():
    assert probe_pods.uids(live()[1])["node1"] == {"pod": "uid of pod.node1", "host pod": "uid of host-pod.node1"}


@pytest.mark.parametrize("group", [
    f"0::/kubepods/besteffort/pod{UID}/abc",
    f"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UID.replace('-', '_')}.slice/cri-a.scope"])
def test_a_pods_process_is_found_by_its_control_group(tmp_path, group):
    for number, text in ((7, "0::/system.slice"), (31, group), (200, group)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cgroup").write_text(text + "\n")
    (tmp_path / "8").mkdir()  # a process that has ended
    (tmp_path / "self").mkdir()
    assert pod_network.find(UID, tmp_path) == 31
    assert pod_network.find(UID.replace("5", "6"), tmp_path) is None


def test_the_nodes_own_network_is_no_pods(monkeypatch):
    """A pod's first process is still in the node's network; only a pod that shares it may be taken for this."""
    monkeypatch.setattr(pod_network, "find", lambda uid: "self")
    with pod_network.network_of(UID, shared=True, wait=0) as descriptor:
        assert descriptor > 2
    with pytest.raises(pod_network.NoNetwork, match="did not appear"), pod_network.network_of(UID, False, wait=0):
        pass
