"""From API objects to expectations."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import cells, targets

CLUSTER = yaml.safe_load((Path(__file__).parents[1] / "cases/verify/cluster.yml").read_text())
NODES = targets.read_nodes(CLUSTER["nodes"])


def found():
    return targets.read_targets(CLUSTER["services"], CLUSTER["slices"], NODES)


def test_nodes():
    assert [node.name for node in NODES] == ["node1", "node2", "node3"]
    assert [node.ready for node in NODES] == [True, True, False]
    assert NODES[0].addresses == ("198.18.0.11", "fd98::11")
    assert NODES[0].kernel == "6.12.117\\x1b[31m"


def test_what_cannot_be_probed_is_said():
    assert found()[1] == CLUSTER["unproven"]


def test_cells():
    matrix = cells.compute(["client1"], NODES, found()[0], "/hostname")
    assert [[c["node"], c["address"], c["port"], c["expect"]["outcome"], c["expect"]["pods"], c["expect"]["share"]]
            for c in matrix] == CLUSTER["cells"]
    assert len({c["id"] for c in matrix}) == len(matrix)


def test_every_client_has_its_tasks():
    matrix = cells.compute(["client1", "client2"], NODES, found()[0], "/hostname")
    tasks = cells.tasks_of("client2", matrix)
    assert len(tasks) == len(CLUSTER["cells"])
    by_port = {task["port"]: task for task in tasks if task["address"] == "198.18.0.11"}
    assert by_port[30080]["until"] == ["web-a", "web-b"]
    assert by_port[30081]["until"] == []
    assert by_port[30081]["connections"] == cells.AFFINITY_CONNECTIONS


def test_no_client():
    with pytest.raises(FairleadError, match="service_verify_clients"):
        cells.compute([], NODES, found()[0], "/hostname")


def test_pending():
    assert targets.pending(CLUSTER["services"], CLUSTER["slices"], NODES) == CLUSTER["pending"]
    down = [targets.Node(node.name, node.addresses, ready=False) for node in NODES]
    assert targets.pending(CLUSTER["services"], CLUSTER["slices"], down) == ["demo/empty has no ready pod"]


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
