"""With sessionAffinity ClientIP one client stays with one pod, on every node; clients behind one NAT are one client."""
from __future__ import annotations

import pytest
from lab_tools import Lab

LAB = Lab()
AFFINITY, CONTROL = 30081, 30080
CONNECTIONS = 30


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("node", LAB.nodes)
@pytest.mark.parametrize("client", LAB.clients)
def test_one_client_stays_with_one_pod(client, node, family):
    answers = LAB.pods_answering(client, node, AFFINITY, CONNECTIONS, family)
    assert len(answers) == 1, answers
    assert set(answers) <= LAB.pods(), answers


@pytest.mark.parametrize("node", LAB.nodes)
def test_the_control_without_affinity_does_not(node):
    answers = LAB.pods_answering("client1", node, CONTROL, CONNECTIONS)
    assert len(answers) > 1, answers
    assert set(answers) <= LAB.pods(), answers


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("node", LAB.nodes)
def test_clients_behind_one_nat_are_one_client(node, family):
    first = LAB.pods_answering("client3", node, AFFINITY, CONNECTIONS, family)
    second = LAB.pods_answering("client4", node, AFFINITY, CONNECTIONS, family)
    assert set(first) == set(second), (first, second)
    assert len(first) == 1, first


def test_the_api_server_has_it():
    service = LAB.get("service", "--namespace", "walkthrough", "myapp-affinity")
    assert service["spec"]["sessionAffinity"] == "ClientIP"
    assert service["spec"]["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"] == 10800
