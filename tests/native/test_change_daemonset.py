"""A live node whose kube-proxy is a pod changes its mode under load and loses nothing; by the real playbooks.

Real: API server with NodeRestriction, DaemonSet controller, kubeadm's objects, credentials, kube-proxy, kernel. Stood
in for: scheduler, kubelet and containers (pods.py), systemd (systemctl.py). iptables and nftables modes.
"""
from __future__ import annotations

import json
import os
import signal
import time

import live_change
import pytest
from bench import Bench
from live_change import (
    DEADLINE,
    NO_BRIDGE,
    PLACE,
    booted,
    changing,
    killed,
    playbooks_of_this_process,
    probing,
    state,
)
from pods import FLAGS, KUBELETS, Pods
from traffic import services

from playbooks import Playbooks

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
RATE, KEPT = 25, 12


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with Bench(flags=FLAGS) as bench, Pods(bench, tmp_path_factory.mktemp("pods")) as pods:
        bench.apply(*services())
        bench.wait_for_sync("iptables")
        assert pods.started == ["kube-proxy"]  # kubeadm's own
        yield bench, pods


@pytest.fixture
def run(made, tmp_path):
    """A playbook with a wished mode; (status, output)."""
    _bench, pods = made
    runs = Playbooks(made[0], tmp_path)
    wish = {"kube_proxy_deployment": "daemonset", "kube_proxy_control_kubeconfig": str(pods.kubeconfig),
            "kube_proxy_kubelet_kubeconfig": KUBELETS, "kube_proxy_leftovers": "remove"}
    pods.refused.clear()
    return lambda playbook, mode, *words, **more: runs.run(
        playbook, mode, "--extra-vars", json.dumps({**wish, **more}), *words)


@pytest.fixture
def role(tmp_path):
    """The role alone, without change_mode.yml's way back; nodes.yml has roles that a namespace node cannot have."""
    path = tmp_path / "role.yml"
    path.write_text(json.dumps([{"hosts": "nodes", "gather_facts": False, "roles": ["kube_proxy"]}]))
    return path


@pytest.fixture
def bench(made, run):
    """In iptables mode, in a DaemonSet of ours, with nothing left of an earlier test."""
    status, said = run("change_mode.yml", "iptables")
    assert status == 0, said
    settled(made, "iptables")
    return made[0]


@pytest.fixture
def load(bench):
    with probing(bench, RATE, KEPT) as seen:
        yield seen


def settled(made, mode):
    bench, pods = made
    assert pods.label().startswith(f"{mode}-"), pods.label()
    assert "fairlead" not in "".join(pods.annotations())
    bench.wait_for_sync(mode)
    assert len(proxies(bench)) == 1
    assert "fairlead" not in bench.on_node("nft", "list", "tables")
    assert "fairlead" not in bench.on_node("ls", "/run")  # the token


def proxies(bench):
    return bench.on_node("sh", "-c", "pgrep -x kube-proxy || true").split()


def nothing_lost(summary):
    live_change.nothing_lost(summary, RATE, KEPT)


def test_there_and_back(made, run, bench, load):
    before = proxies(bench)
    status, said = run("change_mode.yml", "nftables", "--check", "--diff")
    assert status == 0, said
    assert "in nftables mode" in said
    assert proxies(bench) == before
    for playbook, mode in (("change_mode.yml", "nftables"), ("rollback.yml", "iptables")):
        status, said = run(playbook, mode if playbook == "change_mode.yml" else "", "-vvv")
        assert status == 0, said
        settled(made, mode)
        held = bench.read(f"{PLACE}/state.json") + bench.read(f"{PLACE}/journal.log") + said
        assert "eyJ" not in held  # how each such token begins
        status, said = run("change_mode.yml", mode)
        assert status == 0, said
        assert "changed=0" in said
    nothing_lost(load())


@pytest.mark.parametrize("fault", ["stop, nftables", "start, iptables", "prove, nftables", "prove, iptables"])
def test_a_guard_that_is_killed_and_the_next_run(made, run, role, load, fault):
    bench, (phase, wished) = made[0], fault.split(", ")
    killed(bench, phase, lambda: run(str(role), "nftables", kube_proxy_mode_change="live"))
    time.sleep(1.0)
    assert "fairlead-bridge" in bench.on_node("nft", "list", "tables")
    status, said = run(str(role), wished, kube_proxy_mode_change="refuse")
    assert status == 0, said
    settled(made, wished)
    nothing_lost(load())


@pytest.mark.parametrize("phase", ["configure", "start"])
def test_a_boot_puts_the_label_back(made, run, role, bench, phase):
    """What the node's unit runs at boot; the bridge is gone as after a boot. Without load: that is an outage."""
    killed(bench, phase, lambda: run(str(role), "nftables", kube_proxy_mode_change="live"))
    assert "so nothing brings kube-proxy back by itself" in bench.read(f"{PLACE}/journal.log")  # no systemd here
    assert "the bridge serves" in booted(bench)
    assert (made[1].label(), state(bench)["outcome"]) == ("none", "open")
    bench.on_node("nft", "-f", "-", stdin=NO_BRIDGE)
    bench.api.pause()
    try:
        with pytest.raises(RuntimeError, match=r"tries again in 10 s: .*the API server gives no answer"):
            booted(bench)
    finally:
        bench.api.go_on()
    assert "as before the change" in booted(bench)
    assert state(bench)["outcome"] == "rolled back"
    settled(made, "iptables")
    before = proxies(bench)
    for again in range(2):  # the first removes the DaemonSet that was made for the other mode, and nothing else
        status, said = run(str(role), "iptables")
        assert status == 0, said
        assert f"changed={1 - again}" in said
    assert proxies(bench) == before


def test_a_boot_after_the_label_has_moved_leaves_the_change_to_the_role(made, run, role, bench):
    killed(bench, "prove", lambda: run(str(role), "nftables", kube_proxy_mode_change="live"))
    bench.on_node("nft", "-f", "-", stdin=NO_BRIDGE)
    assert "so its kube-proxy starts" in booted(bench)
    assert made[1].label().startswith("nftables-")
    assert state(bench)["outcome"] == "open"
    status, said = run(str(role), "nftables", kube_proxy_mode_change="refuse")
    assert status == 0, said
    settled(made, "nftables")


def test_a_boot_leaves_a_guard_at_work_alone(made, run, bench, load):
    at_work = pytest.raises(RuntimeError, match="another change of this node's mode is under way")
    with changing(bench, "configure", 12, lambda: run("change_mode.yml", "nftables")) as answers, at_work:
        booted(bench)
    assert answers[0][0] == 0, answers
    settled(made, "nftables")
    nothing_lost(load())


def test_pods_that_never_run_bring_the_node_back(made, run, bench, load):
    made[1].refused.add("nftables")
    status, said = run("change_mode.yml", "nftables", kube_proxy_timeout=15)
    assert status != 0
    assert "waited 15 s for the pod of kube-proxy-nftables-" in " ".join(said.split()), said
    assert "node1 is in iptables mode again" in said
    settled(made, "iptables")
    nothing_lost(load())


def test_a_control_node_that_is_lost(made, run, bench, load):
    """Its processes end while the old pod ends; nobody but the guard goes on."""
    with changing(bench, "stop", 3, lambda: run("change_mode.yml", "nftables")):
        for each in playbooks_of_this_process():
            os.kill(each, signal.SIGKILL)
    deadline = time.monotonic() + DEADLINE
    while state(bench)["outcome"] == "open":
        assert time.monotonic() < deadline, state(bench)
        time.sleep(0.2)
    assert state(bench)["outcome"] == "done"
    settled(made, "nftables")
    nothing_lost(load())


def test_an_api_server_that_is_lost_meanwhile(made, run, bench, load):
    """Neither label nor pod can change then; the bridge serves until it is back."""
    with changing(bench, "stop", 1, lambda: run("change_mode.yml", "nftables")) as answers:
        bench.api.pause()
        try:
            time.sleep(12.0)
            assert "fairlead-bridge" in bench.on_node("nft", "list", "tables")
        finally:
            bench.api.go_on()
    assert answers[0][0] == 0, answers
    settled(made, "nftables")
    nothing_lost(load())


def test_a_node_that_may_not_change_its_label_is_left_as_it_is(made, run, bench, load):
    before = proxies(bench)
    status, said = run("change_mode.yml", "nftables",
                       kube_proxy_kubelet_kubeconfig="/etc/kubernetes/kube-proxy.kubeconfig")
    assert status != 0
    assert "nothing was changed" in " ".join(said.split()), said
    assert proxies(bench) == before
    nothing_lost(load())
