"""Taking kubeadm's kube-proxy over and giving it back, on a real API server with its real DaemonSet controller and
scheduler. Only kubelet is played here: it starts pods, and takes its time to end them. What it does at each moment is
watched, so that two proxies on one node would show.
"""
from __future__ import annotations

import collections
import contextlib
import copy
import json
import os
import subprocess
import threading
import time

import pytest
from ansible.module_utils.fairlead.kube_proxy import daemonset, daemonset_node
from ansible.module_utils.fairlead.kube_proxy.daemonset_api import Cluster
from kubernetes import client, config
from lab_tools import wait_until

NODES = ("n1", "n2", "n3")
NAMESPACE = "/api/v1/namespaces/kube-system"
END_SECONDS = 1.0  # that a pod takes to end; long enough for a second one to start beside it, if it were allowed to
CONFIGS = {"nftables": "mode: nftables", "iptables": "mode: iptables"}


@pytest.fixture(scope="module")
def controllers(built, server, kubeconfig, tmp_path_factory):
    """The programs that make DaemonSets' pods and place them."""
    flags = {"kube-controller-manager": ["--controllers=daemonset,serviceaccount,root-ca-cert-publisher"],
             "kube-scheduler": []}
    with contextlib.ExitStack() as stack:
        for name, more in flags.items():
            log = stack.enter_context(open(tmp_path_factory.mktemp("controllers") / f"{name}.log", "wb"))
            argv = ["setpriv", "--pdeathsig", "KILL", "--", str(built / name), f"--kubeconfig={kubeconfig}",
                    "--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0", *more]
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={"PATH": os.defpath, "HOME": os.devnull})
            stack.callback(process.wait, 10)
            stack.callback(process.terminate)
        yield


class Kubelets(threading.Thread):
    """Starts pods at once and ends them after a while; keeps the most proxies that each node ever had."""

    def __init__(self, kubeconfig) -> None:
        super().__init__(daemon=True)
        self._api = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
        self._ended, self.error = threading.Event(), None
        self.most: collections.Counter = collections.Counter()
        self.started: list[tuple[str, str]] = []
        self._ending: dict[str, float] = {}

    def run(self) -> None:
        try:
            while not self._ended.wait(0.05):
                listed = json.loads(self._api.list_namespaced_pod("kube-system", _preload_content=False).data)["items"]
                bound = [pod for pod in listed if pod["spec"].get("nodeName")]
                for node, number in collections.Counter(pod["spec"]["nodeName"] for pod in bound).items():
                    self.most[node] = max(self.most[node], number)
                for pod in bound:
                    self._care(pod)
        except Exception as error:  # noqa: BLE001 - shown by the test
            self.error = error

    def stop(self) -> None:
        self._ended.set()
        self.join(10)

    def _care(self, pod) -> None:
        name = pod["metadata"]["name"]
        if pod["metadata"].get("deletionTimestamp"):
            if time.monotonic() - self._ending.setdefault(name, time.monotonic()) > END_SECONDS:
                self._api.delete_namespaced_pod(name, "kube-system", grace_period_seconds=0)
        elif pod["status"].get("phase") != "Running":
            running = {"name": "kube-proxy", "ready": True, "started": True, "restartCount": 0, "image": "x",
                       "imageID": "x", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
            status = {"phase": "Running", "containerStatuses": [running],
                      "conditions": [{"type": "Ready", "status": "True"}]}
            self._api.patch_namespaced_pod_status(name, "kube-system", {"status": status})
            self.started.append((pod["spec"]["nodeName"], pod["metadata"]["ownerReferences"][0]["name"]))


@pytest.fixture
def kubelets(kubeconfig):
    running = Kubelets(kubeconfig)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def cluster(built, server, kubeconfig, kubectl, controllers):
    """kubeadm's own objects, and three nodes on which its pods run."""
    room = {"pods": "110", "cpu": "4", "memory": "8Gi"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"labels": {"kubernetes.io/os": "linux"}},
            "status": {"capacity": room, "allocatable": room}}
    for name in NODES:
        named = {**node, "metadata": {**node["metadata"], "name": name}}
        assert server.request("POST", "/api/v1/nodes", named)[0] == 201
    manifest = subprocess.run(
        [str(built / "kubeadm"), "init", "phase", "addon", "kube-proxy", "--print-manifest",
         "--kubernetes-version=v1.37.2", "--apiserver-advertise-address=192.0.2.1"],
        capture_output=True, text=True, check=True, timeout=60).stdout
    kubectl("apply", "--filename", "-", stdin=manifest)
    yield Cluster(str(kubeconfig), 60)
    # Other modules use the same API server, and a node that is not Ready is something that they report.
    kubectl("delete", "nodes", *NODES, "--wait=false")


def pods(server) -> dict[str, str]:
    """Node -> DaemonSet whose pod runs there."""
    items = server.request("GET", f"{NAMESPACE}/pods")[1]["items"]
    return {pod["spec"]["nodeName"]: pod["metadata"]["ownerReferences"][0]["name"] for pod in items
            if pod["spec"].get("nodeName")}


def settle(cluster, desired) -> None:
    """What role kube_proxy does; the gate on the node is not here."""
    for step in daemonset.plan(desired, cluster.observe()).steps:
        cluster.apply(step)
    for move in daemonset.due(desired, cluster.observe()):
        cluster.move(move.node, move.label)
    for step in daemonset.plan(desired, cluster.observe()).steps:
        cluster.apply(step)


def wish(modes, returning=False):
    serving = dict.fromkeys(NODES, "none")  # nothing serves here, so nothing is refused
    return daemonset.Desired(dict(zip(NODES, modes)), serving, {} if returning else CONFIGS, "refuse", returning)


def test_three_nodes_three_places_and_back(server, cluster, kubelets):
    wait_until("kubeadm's pods to start", 60, lambda: {node for node, _set in kubelets.started} == set(NODES))
    assert pods(server) == dict.fromkeys(NODES, "kube-proxy")
    before = cluster.observe()
    original = {name: copy.deepcopy(one["spec"]) for name, one in before.daemon_sets.items()}
    kubelets.started.clear()

    first = wish(("nftables", "iptables", "nftables"))
    settle(cluster, first)
    assert [name.rsplit("-", 1)[0] for _node, name in sorted(pods(server).items())] == [
        "kube-proxy-nftables", "kube-proxy-iptables", "kube-proxy-nftables"]
    assert daemonset.plan(first, cluster.observe()).steps == ()
    assert [node for node, _set in kubelets.started] == list(NODES), kubelets.started

    kubelets.started.clear()
    settle(cluster, wish(("iptables", "iptables", "nftables")))
    assert [node for node, _set in kubelets.started] == ["n1"]

    settle(cluster, wish(("iptables",) * 3, returning=True))
    after = cluster.observe()
    assert pods(server) == dict.fromkeys(NODES, "kube-proxy")
    assert {name: one["spec"] for name, one in after.daemon_sets.items()} == original
    assert set(after.config_maps) == set(before.config_maps)
    assert after.labels == before.labels
    assert daemonset.BEFORE not in json.dumps(after.kubeadm)
    assert kubelets.error is None
    assert kubelets.most == dict.fromkeys(NODES, 1)


def test_only_kube_proxys_daemon_sets_count():
    assert daemonset_node.is_proxy("kube-proxy")
    assert daemonset_node.is_proxy("kube-proxy-nftables-1")
    assert not daemonset_node.is_proxy("kube-proxyless")
