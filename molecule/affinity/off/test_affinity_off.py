"""After the update of the live Service its requests are spread again, and nothing else of it has changed."""
from __future__ import annotations

import pytest
from lab_tools import Lab, wait_until

LAB = Lab()
AFFINITY = 30081
CONNECTIONS = 45


@pytest.mark.parametrize("node", LAB.nodes)
@pytest.mark.parametrize("client", LAB.clients)
def test_one_client_reaches_every_pod(client, node):
    # kube-proxy on an emulated node takes seconds to bring a change into its rules, and ipvs keeps a client's template
    # until its connections have ended; what is asserted is where it ends.
    wait_until(
        f"{client} to be spread over every pod by {node}", 180, pause=5.0,
        is_so=lambda: set(LAB.pods_answering(client, node, AFFINITY, CONNECTIONS)) == LAB.pods())


def test_the_api_server_has_it_and_the_node_port_stayed():
    spec = LAB.get("service", "--namespace", "walkthrough", "myapp-affinity")["spec"]
    assert spec["sessionAffinity"] == "None"
    assert "sessionAffinityConfig" not in spec
    assert spec["ports"][0]["nodePort"] == AFFINITY
