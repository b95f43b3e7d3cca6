"""What a user sees: NodePort 30080 from machines outside the cluster."""
from __future__ import annotations

import pytest
from lab_tools import Lab

LAB = Lab()
NODE_PORT = 30080
CONNECTIONS = 45  # with three pods the chance that one is missed by luck is 4 in 100 million


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("node", LAB.nodes)
@pytest.mark.parametrize("client", LAB.clients)
def test_every_node_answers_and_reaches_every_pod(client, node, family):
    pods = LAB.pods()
    assert len(pods) == len(LAB.nodes)
    answers = LAB.pods_answering(client, node, NODE_PORT, CONNECTIONS, family)
    assert set(answers) == pods, answers
