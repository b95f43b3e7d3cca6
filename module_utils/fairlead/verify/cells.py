"""The proof matrix: one cell for each client, address and Service port, with what must be seen there. Pure."""
from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify.clients import HOST_POD, Client
from ansible.module_utils.fairlead.verify.promise import (
    ALL,
    ANSWER,
    ANY,
    EITHER,
    NODE_PORT,
    ONE,
    Place,
    Proxies,
    expected,
    places,
)
from ansible.module_utils.fairlead.verify.sample import Sample
from ansible.module_utils.fairlead.verify.targets import Node, Target, family

AFFINITY_CONNECTIONS = 12  # with two pods, pure chance keeps to one of them once in 2048 tries
REFUSED_CONNECTIONS = 2
CHANCE = 1e-9  # how often a sound spread may be called broken

Cell = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """How the matrix is asked.

    asks:    by protocol, what makes a pod answer with its host name
    proxies: how each node's kube-proxy is configured
    most:    connections of a cell at most; 0 means as many as its proof takes
    sample:  which part of the matrix is asked; None for all of it
    """

    asks: dict[str, str]
    proxies: Proxies = field(default_factory=Proxies)
    most: int = 0
    sample: Sample | None = None


def enough(pods: int) -> int:
    """So many connections to randomly chosen pods miss one of them with less than CHANCE: 54 for three pods."""
    return 1 if pods <= 1 else math.ceil(math.log(pods / CHANCE) / -math.log1p(-1 / pods))


def compute(clients: list[Client], nodes: list[Node], targets: list[Target],
            question: Question) -> list[Cell]:
    if not clients:
        raise FairleadError("clients", "no client machine is named, so nothing can be seen from outside",
                            "add hosts to the group clients, or set service_verify_clients")
    by_name = {node.name: node for node in nodes}
    return [_cell(client, place, target, by_name, question)
            for target in targets for client in clients for place in places(target, nodes, client)]


def _cell(client: Client, place: Place, target: Target, nodes: dict[str, Node],
          question: Question) -> Cell:
    promise = asdict(expected(client, place, target, nodes, question.proxies))
    promise["pods"], promise["source"] = list(promise["pods"]), list(promise["source"])
    connections = _connections(promise)
    if 0 < question.most < connections:
        connections = question.most
        promise["share"] = ANY  # too few to tell how they are shared out
    port = target.node_port if place.kind == NODE_PORT else target.port
    node = place.node or client.node
    return {
        "id": f"{client.name} {url(target.protocol, place.address, port)}",
        "client": client.name, "kind": client.kind, "client_node": client.node, "machine": client.machine,
        "place": place.kind, "node": node, "node_ready": nodes[node].ready if node else True,
        "service": target.service, "service_port": target.port,
        "address": place.address, "family": family(place.address), "port": port, "protocol": target.protocol,
        "ask": question.asks[target.protocol], "connections": connections, "expect": promise,
    }


def _connections(promise: dict[str, Any]) -> int:
    if promise["outcome"] == EITHER:
        return 1
    if promise["outcome"] != ANSWER:
        return REFUSED_CONNECTIONS
    return {ONE: AFFINITY_CONNECTIONS, ALL: enough(len(promise["pods"])), ANY: REFUSED_CONNECTIONS}[promise["share"]]


def url(protocol: str, address: str, port: int, path: str = "") -> str:
    """What names this port of this address to a person; for TCP a link that curl takes."""
    host = f"[{address}]" if ":" in address else address
    return f"{'http' if protocol == 'TCP' else protocol.lower()}://{host}:{port}{path}"


def repeat(cell: Cell, timeout: float) -> str:
    """The command that asks one cell by hand, on the cell's client."""
    if cell["protocol"] == "TCP":
        link = url("TCP", cell["address"], cell["port"], cell["ask"])
        return f"curl --max-time {timeout:g} {shlex.quote(link)}"
    return f"echo -n {shlex.quote(cell['ask'])} | nc -u -w {math.ceil(timeout)} {cell['address']} {cell['port']}"



def tasks_of(clients: Iterable[Client], cells: list[Cell]) -> dict[str, list[dict[str, Any]]]:
    """For each machine the clients on it with their tasks: what the probe has to know of the cells.

    `until` all these pods were seen, it may stop; what is not as `expect` says it may ask again.
    """
    machines: dict[str, list[dict[str, Any]]] = {}
    for client in clients:
        own = [{"id": cell["id"], "protocol": cell["protocol"], "address": cell["address"], "port": cell["port"],
                "ask": cell["ask"], "connections": cell["connections"], "expect": cell["expect"],
                "until": cell["expect"]["pods"] if cell["expect"]["share"] == ALL else []}
               for cell in cells if cell["client"] == client.name]
        machines.setdefault(client.machine, []).append(
            {"name": client.name, "pod": client.pod, "host_network": client.kind == HOST_POD, "tasks": own})
    return machines

