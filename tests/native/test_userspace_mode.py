"""userspace mode on the native bench, by kube-proxy 1.20.2: `ansible-playbook -i inventories/lab
playbooks/userspace_build.yml` builds it. That release reads Endpoints and serves one family.
"""
from __future__ import annotations

import json
from pathlib import Path

import ask
import pytest
from bench import NODE1, PODS, ROOT, Bench, service
from traffic import STAY, WEB

BINARY = "/usr/local/bin/kube-proxy-1.20.2-here"
KEEP_LIMITS = Path(__file__).with_name("keep_limits.py")
BEHIND = ["pod2", "pod3", "pod4"]
WISH = {"kubernetes_version": "1.20.2", "binary": BINARY, "timeout": 60,
        "config": {"conntrack": {"maxPerCore": 0, "udpTimeout": "5s"}}}


def endpoints(called: str) -> dict:
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": called, "namespace": "default"}, "subsets": [
        {"addresses": [{"ip": PODS[pod][1]} for pod in BEHIND], "ports": [{"name": "main", "port": 8080}]}]}


@pytest.fixture(scope="module")
def bench():
    place = ROOT / ".lab" / "userspace.json"
    assert place.exists(), "build kube-proxy 1.20.2 first: see above"
    with Bench() as made:
        words = {"type": "NodePort", "families": ("IPv4",)}
        made.apply(*service("web", BEHIND, node_port=WEB, **words),
                   *service("stay", BEHIND, node_port=STAY, sessionAffinity="ClientIP", **words))
        for called in ("web", "stay"):
            status, told = made.api.request("POST", "/api/v1/namespaces/default/endpoints", endpoints(called))
            assert status == 201, told
        made.install()
        made.copy(Path(json.loads(place.read_text())["kube_proxy"]), BINARY.removesuffix("-here"))
        made.copy(KEEP_LIMITS, BINARY)
        made.on_node("chmod", "755", BINARY)
        assert not made.kube_proxy("iptables", "restart").get("failed")
        yield made


def pods(port: int, times: int = 30) -> set[str]:
    return {said.partition(" ")[0] for said in ask.answers("client", [("TCP", NODE1, port)], times)["TCP", NODE1, port]}


def test_it_is_refused_for_1_37(bench):
    told = bench.kube_proxy("userspace", "restart")
    assert told["failed"]
    assert "was removed in Kubernetes 1.26. Write nftables or iptables" in told["msg"]
    assert pods(WEB) == set(BEHIND)


def test_it_serves_and_says_what_was_left_out(bench):
    told = bench.kube_proxy("userspace", "restart", **WISH)
    assert not told.get("failed"), told
    assert told["mode"] == "userspace"
    assert "udpTimeout: userspace mode does not look at it" in json.dumps(told["warnings"])
    assert "lenient" not in bench.log().rpartition("Using userspace Proxier")[0][-3000:]
    removed = bench.module("kube_proxy_leftovers", {})
    assert not removed.get("failed"), removed
    saved = bench.on_node("iptables-save")
    assert ":KUBE-SVC-" not in saved  # else iptables mode's rules would be what answers
    assert "-A KUBE-NODEPORT-CONTAINER " in saved
    assert pods(WEB) == set(BEHIND)


def test_affinity_holds_and_its_control_does_not(bench):
    assert len(pods(STAY)) == 1
    assert pods(STAY) <= set(BEHIND)
    assert len(pods(WEB)) > 1


def test_a_second_run_changes_nothing(bench):
    assert not bench.kube_proxy("userspace", "restart", **WISH)["changed"]


def test_it_is_seen(bench):
    told = bench.module("kube_proxy_info", {})
    assert (told["mode"], told["configured_mode"], told["leftovers"]) == ("userspace", "userspace", [])
    assert told["rules"] == {"userspace": True, "iptables": False, "ipvs": False, "nftables": False}


def test_and_back_without_a_trace(bench):
    assert not bench.kube_proxy("iptables", "restart").get("failed")
    told = bench.module("kube_proxy_info", {})
    assert {one["mode"] for one in told["leftovers"]} == {"userspace"}
    assert not bench.module("kube_proxy_leftovers", {}).get("failed")
    assert "KUBE-PORTALS" not in bench.on_node("iptables-save")
    assert pods(WEB) == set(BEHIND)
