"""kube-proxy as pods: kubeadm's objects taken over, a mode for each node, permuted, and given back as they were.

Needs a fresh lab of its own kind: make sweep-modes KUBE_PROXY=daemonset. Long.
"""
from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from lab_modes import (
    CONNECTIONS,
    PORT,
    TURNED,
    assert_agree,
    assert_settled,
    assert_stops_at_the_first_node,
    proxies,
    rules,
    settle,
    url,
)
from lab_tools import wait_until

OBJECTS = ("daemonset", "configmap")
WATCH_SECONDS = 900  # at most: what is asked ends with the block
WATCHER = Path(__file__).parent / "proxy_watch.py"


def spec(lab, kind: str) -> dict:
    """kube-system's objects of kube-proxy, without what the API server counts."""
    items = lab.get(kind, "--namespace", "kube-system")["items"]
    return {item["metadata"]["name"]: item.get("spec", item.get("data")) for item in items
            if item["metadata"]["name"].startswith("kube-proxy")}


@contextlib.contextmanager
def watched(lab):
    """What is seen meanwhile: node -> [proxies, complete rules] again and again, and every new connection."""
    seen: dict = {}
    watchers = {node: lab.python(node, WATCHER) for node in lab.nodes}
    client = lab.python("client1", CONNECTIONS, "watch", str(WATCH_SECONDS), "2",
                        *(url(lab, node) for node in lab.nodes))
    try:
        yield seen
    finally:
        for process in (*watchers.values(), client):
            process.terminate()
    for node, process in watchers.items():
        seen[node] = [json.loads(line) for line in process.communicate(timeout=30)[0].splitlines()]
    lines = client.communicate(timeout=30)[0].splitlines()
    seen["connections"] = [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def kubeadms(lab):
    """A lab on which kubeadm's own pods serve; its objects before anything was done."""
    before = {kind: spec(lab, kind) for kind in OBJECTS}
    assert list(before["daemonset"]) == ["kube-proxy"], "this lab has been settled before: run make lab-down first"
    assert lab.playbook("playbooks/services.yml").ok
    for node in lab.nodes:
        wait_until(f"{node} to answer", 300, pause=5.0,
                   is_so=lambda node=node: set(lab.pods_answering("client1", node, PORT, 20)) <= lab.pods())
    return before


def test_taken_over_in_its_own_mode_without_a_gap(lab, kubeadms):
    modes = dict.fromkeys(lab.nodes, "iptables")
    before = proxies(lab)
    with watched(lab) as seen:
        assert settle(lab, modes, kube_proxy_mode_change="refuse").ok
    assert all(before[node] != now for node, now in proxies(lab).items())
    for node in lab.nodes:
        assert max(number for number, _complete in seen[node]) == 1
        assert all(complete for _number, complete in seen[node])
    failed = [one for one in seen["connections"] if not one["ok"]]
    print(f"{len(seen['connections'])} new connections, {len(failed)} failed")
    assert len(seen["connections"]) > 50
    assert failed == []
    assert_agree(lab, modes)
    assert_settled(lab, modes, kube_proxy_mode_change="refuse")


def test_three_modes(lab, kubeadms):
    assert settle(lab, lab.nodes).ok
    assert_agree(lab, lab.nodes)
    assert_settled(lab, lab.nodes)
    names = spec(lab, "daemonset")
    assert len(names) == 1 + len(set(lab.nodes.values())), names


def test_a_configuration_that_does_not_serve_stops_at_the_first_node(lab, kubeadms):
    assert_stops_at_the_first_node(lab, lab.nodes)


def test_permuted(lab, kubeadms):
    modes = {node: TURNED[mode] for node, mode in lab.nodes.items()}
    assert settle(lab, modes).ok
    assert_agree(lab, modes)
    assert_settled(lab, modes)


def test_given_back_as_it_was(lab, kubeadms):
    assert settle(lab, lab.nodes, kube_proxy_deployment="kubeadm").ok
    assert {kind: spec(lab, kind) for kind in OBJECTS} == kubeadms
    assert_agree(lab, dict.fromkeys(lab.nodes, "iptables"))
    assert [len(found) for found in proxies(lab).values()] == [1] * len(lab.nodes)
    assert "fairlead.dev" not in lab.kubectl("get", "nodes", "--show-labels")
    assert all(rules(lab, node)["iptables"] for node in lab.nodes)
