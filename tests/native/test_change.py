"""A live node changes kube-proxy's mode under load and loses nothing, whatever happens meanwhile.

Everything is real but systemd: API server, kube-proxy, kernel, connections. What each fault would cost shows in the
control at the end, the same change without the bridge.
"""
from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from ansible.module_utils.fairlead.probe.summary import summarize
from bench import Bench, slice_of
from traffic import Traffic, flows, services

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
RATE, KEPT = 40, 12
STATE = "/var/lib/fairlead/mode-change/state.json"
DEADLINE = 90.0
OTHER = {"iptables": "nftables", "nftables": "iptables"}


@pytest.fixture(scope="module")
def made():
    with Bench() as bench:
        bench.apply(*services())
        bench.install()
        yield bench


@pytest.fixture
def bench(made):
    """In iptables mode, with nothing left of an earlier test."""
    answer = made.kube_proxy("iptables", "live")
    assert not answer.get("failed"), answer
    return made


@pytest.fixture
def load(bench):
    """The probe while the test runs; call it for what it has seen since it began."""
    with Traffic(flows(bench, RATE, KEPT)) as traffic:
        time.sleep(2.0)

        def seen():
            time.sleep(2.0)
            return summarize(traffic.results())

        yield seen


def nothing_lost(summary):
    assert summary.new > RATE
    assert summary.established == KEPT
    assert summary.clients > 8
    assert (summary.failed, summary.broken, summary.moved) == (0, 0, 0), summary


def running(bench):
    return bench.on_node("python3", "-c", "import urllib.request as u; "
                         "print(u.urlopen('http://127.0.0.1:10249/proxyMode', timeout=3).read().decode())").strip()


def tables(bench):
    return bench.on_node("nft", "list", "tables")


def state(bench):
    return json.loads(bench.read(STATE))


def begin(bench, mode, **more):
    """A change in the background; the thread and the list that gets its answer."""
    answers = []
    earlier = state(bench)["begun"] if "begun" in _state_or_nothing(bench) else 0.0
    thread = threading.Thread(target=lambda: answers.append(bench.live(mode, **more)))
    thread.start()
    return thread, answers, earlier


def _state_or_nothing(bench):
    try:
        return state(bench)
    except FileNotFoundError:
        return {}


def wait_for_phase(bench, name, earlier):
    deadline = time.monotonic() + DEADLINE
    while True:
        found = _state_or_nothing(bench)
        if found.get("begun", 0) > earlier and found["phase"] == name:
            return
        assert time.monotonic() < deadline, f"the change did not come to phase {name}: {found}"
        time.sleep(0.05)


def in_bridge(bench, front):
    """The bridge's lines of one node port's endpoints."""
    listed = bench.on_node("nft", "list map ip fairlead-bridge node-endpoints")
    return [line for line in listed.splitlines() if f"{front} . " in line]


def guard_process(bench):
    """The guard, as this machine numbers it."""
    inside = int(bench.on_node("pgrep", "-f", "guard.zip").split()[0])
    for each in Path("/proc").glob("[0-9]*/status"):
        try:
            text = each.read_text()
        except OSError:
            continue
        line = next((line for line in text.splitlines() if line.startswith("NSpid:")), "")
        if line.split()[1:][1:] == [str(inside)] and "guard.zip" in (each.parent / "cmdline").read_text():
            return int(each.parent.name)
    raise AssertionError("no guard runs")


@pytest.mark.parametrize("way", [("nftables",), ("nftables", "iptables")], ids=" and ".join)
def test_nothing_is_lost(bench, load, way):
    for mode in way:
        answer = bench.kube_proxy(mode, "live")
        assert answer["changed"]
        assert running(bench) == mode
        assert "fairlead" not in tables(bench)
        again = bench.kube_proxy(mode, "live")
        assert not again["changed"], again["plan"]
    nothing_lost(load())


@pytest.mark.parametrize(("phase", "wished"), [
    *((phase, "nftables") for phase in ("bridge", "stop", "configure", "start", "prove", "carry", "unbridge",
                                        "reconcile")),
    *((phase, "iptables") for phase in ("configure", "prove", "unbridge"))])
def test_a_guard_that_is_killed_leaves_a_node_that_serves_and_the_next_run_goes_on(bench, load, phase, wished):
    thread, answers, earlier = begin(bench, "nftables", pauses={phase: 3})
    wait_for_phase(bench, phase, earlier)
    os.kill(guard_process(bench), signal.SIGKILL)
    thread.join(DEADLINE)
    assert "not completed" in answers[0]["msg"]
    time.sleep(1.0)
    answer = bench.kube_proxy(wished, "refuse")  # what was begun is ended by any run
    assert not answer.get("failed"), answer
    assert running(bench) == wished
    assert "fairlead" not in tables(bench)
    nothing_lost(load())


def test_a_kube_proxy_that_does_not_come_up_is_undone(bench, load):
    answer = bench.live("nftables", new="no configuration\n", timeout=5)
    assert "rolled back" in answer["msg"]
    assert running(bench) == "iptables"
    assert "fairlead" not in tables(bench)
    assert not bench.kube_proxy("iptables", "refuse")["changed"]
    nothing_lost(load())


def test_a_change_that_is_told_to_stop_is_undone(bench, load):
    thread, answers, earlier = begin(bench, "nftables", pauses={"start": 2})
    wait_for_phase(bench, "start", earlier)
    os.kill(guard_process(bench), signal.SIGTERM)
    thread.join(DEADLINE)
    assert "told to stop" in answers[0]["msg"]
    assert running(bench) == "iptables"
    nothing_lost(load())


def test_endpoints_that_change_meanwhile_are_followed(bench, load):
    thread, answers, earlier = begin(bench, "nftables", pauses={"configure": 5})
    wait_for_phase(bench, "configure", earlier)  # no kube-proxy runs now
    address = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-ipv4"
    changed = slice_of("web", ["pod2"], "IPv4")
    assert bench.api.request("PUT", address, changed)[0] == 200
    asked = time.monotonic()
    while len(in_bridge(bench, "tcp . 30080")) > 1 and time.monotonic() < asked + DEADLINE:
        time.sleep(0.02)
    took = time.monotonic() - asked
    assert ["10.244.1.12" in line for line in in_bridge(bench, "tcp . 30080")] == [True]
    thread.join(DEADLINE)
    assert not answers[0].get("failed"), answers
    print(f"a changed slice was in the bridge after {took:.2f} s")
    bench.api.request("PUT", address, slice_of("web", ["pod2", "pod3", "pod4"], "IPv4"))
    summary = load()
    assert (summary.failed, summary.broken, summary.moved) == (0, 0, 0)


def test_an_nft_that_refuses_changes_nothing(bench, load):
    real = bench.on_node("sh", "-c", "command -v nft").strip()
    bench.on_node("mv", real, f"{real}.real")
    try:
        bench.write(real, "#!/bin/sh\necho no >&2\nexit 1\n", 0o755)
        answer = bench.live("nftables")
    finally:
        bench.on_node("mv", f"{real}.real", real)
    assert "nothing was changed" in answer["msg"]
    assert running(bench) == "iptables"
    nothing_lost(load())


def test_a_second_change_at_once_is_refused(bench, load):
    thread, answers, earlier = begin(bench, "nftables", pauses={"configure": 4})
    wait_for_phase(bench, "configure", earlier)
    assert "under way" in bench.kube_proxy("nftables", "live")["msg"]
    thread.join(DEADLINE)
    assert not answers[0].get("failed"), answers
    nothing_lost(load())


def test_an_api_server_that_is_lost_meanwhile(bench, load):
    """New kube-proxies cannot sync then, neither the new one nor the old one: the bridge serves until it is back."""
    thread, answers, earlier = begin(bench, "nftables", pauses={"configure": 1}, timeout=6)
    wait_for_phase(bench, "configure", earlier)
    bench.api.pause()
    try:
        time.sleep(15.0)
        assert "fairlead-bridge" in tables(bench)
    finally:
        bench.api.go_on()
    thread.join(DEADLINE)
    assert "rolled back" in answers[0]["msg"]
    assert running(bench) == "iptables"
    assert "fairlead" not in tables(bench)
    nothing_lost(load())


def test_without_the_bridge_the_same_change_loses_connections(bench, load):
    answer = bench.live("nftables", without_bridge=True)
    assert not answer.get("failed"), answer
    summary = load()
    assert summary.failed > 0
