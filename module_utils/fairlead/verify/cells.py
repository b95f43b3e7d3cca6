"""The proof matrix: one cell for each client, node address and Service port, with what must be seen there. Pure."""
from __future__ import annotations

import math
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify.targets import Node, Target, family

# What a cell expects.
ANSWER, NO_ENDPOINT, NOT_HERE = "answer", "no endpoint", "not here"
# How answers are shared out among the expected pods.
ALL, ONE, ANY = "all", "one", "any"

AFFINITY_CONNECTIONS = 12  # with two pods, pure chance keeps to one of them once in 2048 tries
REFUSED_CONNECTIONS = 2
CHANCE = 1e-9  # how often a sound spread may be called broken


def enough(pods: int) -> int:
    """So many connections to randomly chosen pods miss one of them with less than CHANCE: 54 for three pods."""
    return 1 if pods <= 1 else math.ceil(math.log(pods / CHANCE) / -math.log1p(-1 / pods))


def compute(clients: list[str], nodes: list[Node], targets: list[Target], path: str) -> list[dict[str, Any]]:
    if not clients:
        raise FairleadError("clients", "no client machine is named, so nothing can be seen from outside",
                            "add hosts to the group clients, or set service_verify_clients")
    return [_cell(client, node, address, target, path)
            for node in nodes for address in node.addresses
            for target in targets if family(address) in target.pods
            for client in clients]


def _cell(client: str, node: Node, address: str, target: Target, path: str) -> dict[str, Any]:
    ready = target.pods[family(address)]
    pods = [pod.answer for pod in ready if not target.local or pod.node == node.name]
    share = ONE if target.affinity else ALL if target.whole else ANY
    if pods:
        outcome, connections = ANSWER, AFFINITY_CONNECTIONS if share == ONE else enough(len(pods))
    else:
        outcome, connections = NOT_HERE if ready else NO_ENDPOINT, REFUSED_CONNECTIONS
    return {
        "id": f"{client} {url(address, target.node_port, path)}",
        "client": client, "node": node.name, "node_ready": node.ready, "service": target.service,
        "address": address, "family": family(address), "port": target.node_port, "protocol": target.protocol,
        "path": path, "connections": connections,
        "expect": {"outcome": outcome, "pods": pods, "share": share},
    }


def url(address: str, port: int, path: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}{path}"


def tasks_of(client: str, cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the probe on this client has to know of its cells: `until` all these pods were seen, it may stop; what is
    not as `expect` says it may ask again."""
    return [{"id": cell["id"], "address": cell["address"], "port": cell["port"], "path": cell["path"],
             "connections": cell["connections"], "expect": cell["expect"],
             "until": cell["expect"]["pods"] if cell["expect"]["share"] == ALL else []}
            for cell in cells if cell["client"] == client]
