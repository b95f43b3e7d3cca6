"""What a client must see, as a table of cases."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import promise
from ansible.module_utils.fairlead.verify.clients import KINDS, OUTSIDE, Client, inside, outside
from ansible.module_utils.fairlead.verify.promise import Place, Proxies
from ansible.module_utils.fairlead.verify.targets import Node, Pod, Target, family

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/verify/promise.yml").read_text())["cases"]
NODES = [Node("node1", ("192.0.2.11", "198.51.100.11", "2001:db8::11"), pod_cidrs=("10.244.1.0/24",)),
         Node("node2", ("192.0.2.12",), pod_cidrs=("10.244.2.0/24",))]
PODS = {"a": Pod("a", "node1"), "b": Pod("b", "node2")}
UIDS = {node.name: {"pod": "uid-p", "host pod": "uid-h"} for node in NODES}
CLIENTS = {client.name: client for client in [
    *outside(["outside"], {"outside": "192.0.2.101"}), *inside(NODES, ["node1", "node2"], KINDS[1:], UIDS)]}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_promise(case):
    pods = tuple(PODS[name] for name in case.get("pods", PODS))
    target = Target("demo/web", 80, 30080, pods={"IPv4": pods, "IPv6": pods}, **case.get("target", {}))
    kind, address = case["at"]
    owner = next((node.name for node in NODES if address in node.addresses), "")
    found = promise.expected(CLIENTS[case["from"]], Place(kind, address, owner), target,
                             {node.name: node for node in NODES}, Proxies(**case.get("proxies", {})))
    assert [found.outcome, list(found.pods), found.share] == case["expect"]
    assert case.get("why", "") in found.why
    assert bool(found.why) == (found.outcome != promise.ANSWER)
    assert list(found.source) == case.get("source", [])


def test_every_outcome_has_a_case():
    assert {case["expect"][0] for case in CASES} == {promise.ANSWER, promise.NO_ENDPOINT, promise.NOT_HERE,
                                                     promise.NOT_SERVED, promise.NOT_ALLOWED, promise.EITHER}


TARGET = Target("demo/web", 80, 30080, cluster_ips=("10.96.0.5", "fd00:96::5"), balancer_ips=("203.0.113.1",),
                external_ips=("192.0.2.12",), pods={"IPv4": (), "IPv6": ()})


def places(name):
    return [(place.kind, place.address, place.node) for place in promise.places(TARGET, NODES, CLIENTS[name])]


def test_places_from_outside():
    assert places("outside") == [
        ("NodePort", "192.0.2.11", "node1"), ("NodePort", "198.51.100.11", "node1"),
        ("NodePort", "2001:db8::11", "node1"),
        ("NodePort", "192.0.2.12", "node2"), ("LoadBalancer", "203.0.113.1", ""), ("ExternalIP", "192.0.2.12", "node2")]


def test_places_from_inside_are_of_the_clients_families():
    assert ("ClusterIP", "fd00:96::5", "") in places("node1")
    assert not [address for _, address, _ in places("node2") + places("pod on node1") if family(address) == "IPv6"]


def test_clients():
    assert [(c.name, c.kind, c.machine, c.pod) for c in CLIENTS.values()] == [
        ("outside", OUTSIDE, "outside", ""),
        ("node1", "node", "node1", ""), ("pod on node1", "pod", "node1", "uid-p"),
        ("host pod on node1", "host pod", "node1", "uid-h"),
        ("node2", "node", "node2", ""), ("pod on node2", "pod", "node2", "uid-p"),
        ("host pod on node2", "host pod", "node2", "uid-h")]
    assert inside(NODES, ["node1"], ["pod"], {}) == []
    assert outside(["c"], {"c": ""}) == [Client("c")]
    assert outside(["c"], {"c": ["192.0.2.1", "2001:db8::1"]})[0].sources == ("192.0.2.1", "2001:db8::1")


def test_a_client_on_no_node():
    with pytest.raises(FairleadError, match=r"service_verify_nodes='node9': node9 is no node of this cluster"):
        inside(NODES, ["node9"], ["node"], {})
