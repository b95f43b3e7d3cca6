"""A live node changes kube-proxy's mode under load and loses nothing, whatever happens meanwhile.

Everything is real but systemd: API server, kube-proxy, kernel, connections. What each fault would cost shows in the
control at the end, the same change without the bridge.
"""
from __future__ import annotations

import os
import time

import live_change
import pytest
from bench import Bench, slice_of
from live_change import killed, probing, signal_guard
from traffic import services

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
RATE, KEPT = 40, 12
DEADLINE = 90.0


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
    with probing(bench, RATE, KEPT) as seen:
        yield seen


def nothing_lost(summary):
    assert summary.clients > 8
    live_change.nothing_lost(summary, RATE, KEPT)


def running(bench):
    return bench.on_node("python3", "-c", "import urllib.request as u; "
                         "print(u.urlopen('http://127.0.0.1:10249/proxyMode', timeout=3).read().decode())").strip()


def tables(bench):
    return bench.on_node("nft", "list", "tables")


def changing(bench, phase, seconds, **more):
    """A change to nftables mode, with more words to the guard."""
    return live_change.changing(bench, phase, seconds, lambda: bench.live("nftables", **more), DEADLINE)


def in_bridge(bench, front):
    """The bridge's lines of one node port's endpoints."""
    listed = bench.on_node("nft", "list map ip fairlead-bridge node-endpoints")
    return [line for line in listed.splitlines() if f"{front} . " in line]


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
    killed(bench, phase, lambda: bench.live("nftables"), deadline_seconds=DEADLINE)
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
    with changing(bench, "start", 2) as answers:
        signal_guard(bench, "TERM")
    assert "told to stop" in answers[0]["msg"]
    assert running(bench) == "iptables"
    nothing_lost(load())


def test_endpoints_that_change_meanwhile_are_followed(bench, load):
    address = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-ipv4"
    with changing(bench, "configure", 5) as answers:  # no kube-proxy runs now
        changed = slice_of("web", ["pod2"], "IPv4")
        assert bench.api.request("PUT", address, changed)[0] == 200
        asked = time.monotonic()
        while len(in_bridge(bench, "tcp . 30080")) > 1 and time.monotonic() < asked + DEADLINE:
            time.sleep(0.02)
        took = time.monotonic() - asked
        assert ["10.244.1.12" in line for line in in_bridge(bench, "tcp . 30080")] == [True]
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
    with changing(bench, "configure", 4) as answers:
        assert "under way" in bench.kube_proxy("nftables", "live")["msg"]
    assert not answers[0].get("failed"), answers
    nothing_lost(load())


def test_an_api_server_that_is_lost_meanwhile(bench, load):
    """New kube-proxies cannot sync then, neither the new one nor the old one: the bridge serves until it is back."""
    with changing(bench, "configure", 1, timeout=6) as answers:
        bench.api.pause()
        try:
            time.sleep(15.0)
            assert "fairlead-bridge" in tables(bench)
        finally:
            bench.api.go_on()
    assert "rolled back" in answers[0]["msg"]
    assert running(bench) == "iptables"
    assert "fairlead" not in tables(bench)
    nothing_lost(load())


def test_without_the_bridge_the_same_change_loses_connections(bench, load):
    answer = bench.live("nftables", without_bridge=True)
    assert not answer.get("failed"), answer
    summary = load()
    assert summary.failed > 0
