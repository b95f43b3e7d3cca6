"""From API objects to expectations."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import cells, targets
from ansible.module_utils.fairlead.verify.clients import inside, outside

CLUSTER = yaml.safe_load((Path(__file__).parents[1] / "cases/verify/cluster.yml").read_text())
NODES = targets.read_nodes(CLUSTER["nodes"])
ASKS = {"TCP": "/hostname", "UDP": "hostname"}


def matrix_of(clients, most=0):
    return cells.compute(clients, NODES, found()[0], cells.Question(ASKS, most=most))


def found():
    return targets.read_targets(CLUSTER["services"], CLUSTER["slices"], NODES)


def test_nodes():
    assert [node.name for node in NODES] == ["node1", "node2", "node3"]
    assert [node.ready for node in NODES] == [True, True, False]
    assert NODES[0].addresses == ("198.18.0.11", "fd98::11")
    assert NODES[0].kernel == "6.12.117\\x1b[31m"


def test_what_cannot_be_probed_is_said():
    assert found()[1] == CLUSTER["unproven"]


def test_what_is_read_of_a_service():
    target = next(target for target in found()[0] if target.service == "demo/inside")
    assert (target.cluster_ips, target.balancer_ips, target.external_ips, target.source_ranges) == (
        ("10.96.0.7",), ("203.0.113.8",), ("203.0.113.7",), ("10.0.0.0/8",))
    assert (target.internal_local, target.external_local) == (True, False)


def test_cells():
    for target in (matrix := matrix_of(outside(["client1"], {"client1": "10.1.1.1"}))):
        assert target["node_ready"] == (target["node"] != "node3")
    shown = [[c["node"], c["address"], c["port"], c["expect"]["outcome"], c["expect"]["pods"], c["expect"]["share"]]
             for c in matrix]
    assert sorted(shown) == sorted(CLUSTER["cells"])
    assert len({c["id"] for c in matrix}) == len(matrix)


def test_every_client_has_its_tasks():
    clients = outside(["client1", "client2"], {}) + inside(NODES, ["node1"], ["node", "pod"], {"node1": {"pod": "u"}})
    machines = cells.tasks_of(clients, matrix_of(clients))
    assert {machine: [(c["name"], c["pod"]) for c in own] for machine, own in machines.items()} == {
        "client1": [("client1", "")], "client2": [("client2", "")], "node1": [("node1", ""), ("pod on node1", "u")]}
    tasks = machines["client2"][0]["tasks"]
    by_port = {task["port"]: task for task in tasks if task["address"] == "198.18.0.11"}
    assert by_port[30080]["until"] == ["web-a", "web-b"]
    assert by_port[30081]["until"] == []
    assert by_port[30081]["connections"] == cells.AFFINITY_CONNECTIONS
    assert (by_port[30053]["protocol"], by_port[30053]["ask"]) == ("UDP", "hostname")
    assert "10.96.0.7" in {task["address"] for task in machines["node1"][1]["tasks"]}


def test_fewer_connections_than_a_proof_takes_claim_less():
    matrix = matrix_of(outside(["client1"], {}), most=10)
    shares = {len(cell["expect"]["pods"]): cell["expect"]["share"] for cell in matrix if cell["expect"]["pods"]}
    assert shares == {1: "all", 2: "any"}
    assert max(cell["connections"] for cell in matrix) == 10


def test_no_client():
    with pytest.raises(FairleadError, match="service_verify_clients"):
        matrix_of([])


def test_pods_that_end_serve_when_no_other_is_ready():
    ending = {"addresses": ["10.244.1.2"], "targetRef": {"name": "old"},
              "conditions": {"ready": False, "serving": True, "terminating": True}}
    ready = {"addresses": ["10.244.1.3"], "targetRef": {"name": "new"}}
    for endpoints, pods in [([ending], ["old"]), ([ending, ready], ["new"])]:
        one = {"metadata": {}, "addressType": "IPv4", "ports": [{"port": 1}], "endpoints": endpoints}
        assert [pod.answer for pod in targets.ready_pods([one], "IPv4", "", "TCP", NODES)] == pods


def test_pending():
    assert targets.pending(CLUSTER["services"], CLUSTER["slices"], NODES) == CLUSTER["pending"]
    down = [targets.Node(node.name, node.addresses, ready=False) for node in NODES]
    assert targets.pending(CLUSTER["services"], CLUSTER["slices"], down) == [
        "demo/inside has no ready pod", "demo/empty has no ready pod"]


@pytest.mark.parametrize("case", CLUSTER["answers"], ids=[str(case["answer"]) for case in CLUSTER["answers"]])
def test_answer(case):
    endpoint_slice = {"metadata": {}, "addressType": "IPv4", "ports": [{"port": 1}], "endpoints": [case["endpoint"]]}
    pods = targets.ready_pods([endpoint_slice], "IPv4", "", "TCP", NODES)
    assert [pod.answer for pod in pods] == [case["answer"]]


@pytest.mark.parametrize(("pods", "connections"), [(0, 1), (1, 1), (2, 31), (3, 54), (10, 219)])
def test_enough_connections(pods, connections):
    assert cells.enough(pods) == connections
    if pods > 1:
        assert pods * (1 - 1 / pods) ** connections <= cells.CHANCE
