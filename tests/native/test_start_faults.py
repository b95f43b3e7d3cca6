"""kube-proxy that cannot be started as asked: named, with a remedy, and what served before serves afterwards."""
from __future__ import annotations

import re

import ask
import pytest
from bench import NODE1, Bench, service
from traffic import WEB

CONFIG, KUBECONFIG = "/etc/kubernetes/kube-proxy.yaml", "/etc/kubernetes/kube-proxy.kubeconfig"
OTHER = "/usr/local/bin/falls-back"
# Takes another mode than the one it is told, as kube-proxy did up to 1.25 when a mode was not to be had.
FALLS_BACK = f"""#!/bin/sh
sed s/nftables/iptables/ {CONFIG} > /run/other.yaml
exec /usr/local/bin/kube-proxy --config=/run/other.yaml
"""


@pytest.fixture(scope="module")
def bench():
    with Bench() as made:
        made.apply(*service("web", ["pod2", "pod4"], type="NodePort", node_port=WEB))
        made.install()
        made.write(OTHER, FALLS_BACK, 0o755)
        yield made


@pytest.fixture
def serving(bench):
    """The node serves in iptables mode."""
    assert not bench.kube_proxy("iptables", "restart").get("failed")
    assert answers()
    return bench


def answers() -> bool:
    return any(" sees " in said for said in ask.answers("client", [("TCP", NODE1, WEB)], 1)["TCP", NODE1, WEB])


def process(bench) -> str:
    return bench.on_node("cat", "/run/units/kube-proxy.service")


def test_an_api_server_that_cannot_be_reached(serving):
    before, running, kubeconfig = serving.read(CONFIG), process(serving), serving.read(KUBECONFIG)
    serving.write(KUBECONFIG, re.sub(r"(https://[^\"'\s]+):\d+", r"\1:9", kubeconfig))
    try:
        told = serving.kube_proxy("nftables", "restart")
    finally:
        serving.write(KUBECONFIG, kubeconfig)
    assert told["failed"]
    assert ":9, which does not answer this node" in told["msg"]
    assert "Repair the way there" in told["msg"]
    assert (serving.read(CONFIG), process(serving)) == (before, running)
    assert answers()


def test_a_proxy_that_starts_and_never_syncs(serving):
    before = serving.read(CONFIG)
    serving.api.pause()
    try:
        told = serving.kube_proxy("nftables", "restart", timeout=8)
    finally:
        serving.api.go_on()
    assert told["failed"]
    assert "did not serve in nftables mode within 8 s" in told["msg"]
    assert "went back to its previous files" in told["msg"]
    assert serving.read(CONFIG) == before
    serving.wait_for_sync("iptables")
    assert answers()


def test_one_that_answers_another_mode_than_asked(serving):
    told = serving.kube_proxy("nftables", "restart", binary=OTHER)
    assert told["failed"]
    assert "came up in iptables mode instead" in told["msg"]
    assert "The node went back to its previous files and serves in iptables mode" in told["msg"]
    assert OTHER not in serving.read("/etc/systemd/system/kube-proxy.service")
    assert answers()


def test_one_that_something_else_has_started(serving):
    serving.on_node("systemctl", "stop", "kube-proxy.service")
    by_hand = f"setsid /usr/local/bin/kube-proxy --config={CONFIG} >/dev/null 2>&1 & echo $! > /run/by-hand"
    serving.on_node("sh", "-c", by_hand)
    try:
        serving.wait_for_sync("iptables")
        told = serving.kube_proxy("nftables", "restart")
        assert told["failed"]
        assert "answers on port 10249, but it is not kube-proxy.service" in told["msg"]
        assert answers()
    finally:
        serving.on_node("sh", "-c", "kill $(cat /run/by-hand)")
        serving.on_node("systemctl", "start", "kube-proxy.service")


def test_a_bad_value_is_refused_before_anything_is_touched(serving):
    running = process(serving)
    for wrong, words in (({"oomScoreAdjust": 5}, "oomScoreAdj"), ({"configSyncPeriod": "30"}, "30s"),
                         ({"ipvs": {"excludeCIDRs": ["010.0.0.0/8"]}}, "leading zeros")):
        told = serving.kube_proxy("iptables", "restart", config=wrong)
        assert told["failed"]
        assert words in told["msg"]
    assert process(serving) == running
