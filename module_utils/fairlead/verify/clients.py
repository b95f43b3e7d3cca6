"""Who asks: machines outside the cluster, nodes, and pods in a network of their own or in their node's. Pure."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify.targets import Node, family

OUTSIDE, NODE, POD, HOST_POD = KINDS = ("outside", "node", "pod", "host pod")
INSIDE = (NODE, POD, HOST_POD)


@dataclass(frozen=True)
class Client:
    """One point of view.

    name:     the inventory's for a machine outside, "node1", "pod on node1", "host pod on node1"
    node:     where it is; empty outside
    sources:  addresses that the cluster sees it under, as far as they are known
    families: in which it has an address; empty means that nothing is known about it
    pod:      uid of the pod whose network it uses
    """

    name: str
    kind: str = OUTSIDE
    node: str = ""
    sources: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    pod: str = ""

    @property
    def machine(self) -> str:
        """Where the probing runs, by inventory name."""
        return self.node or self.name


def outside(names: Iterable[str], sources: dict[str, Any]) -> list[Client]:
    """sources: by client, its address or addresses; a client that is not named has one of its own."""
    return [Client(name, sources=_addresses(sources.get(name))) for name in names]


def inside(nodes: list[Node], names: Iterable[str], kinds: Iterable[str],
           pods: dict[str, dict[str, str]]) -> list[Client]:
    """names: the nodes that can be logged in to. pods: by node, the uid of the probe pod of each kind."""
    by_name = {node.name: node for node in nodes}
    found = []
    for name in names:
        if name not in by_name:
            raise FairleadError("service_verify_nodes", f"{name} is no node of this cluster; those are "
                                + ", ".join(sorted(by_name)), "name nodes as kubectl get nodes does", name)
        node = by_name[name]
        for kind in kinds:
            if kind == NODE:
                found.append(Client(name, NODE, name, node.addresses, _families(node.addresses)))
            elif pods.get(name, {}).get(kind):
                own = node.addresses if kind == HOST_POD else ()
                cidrs = tuple(cidr.partition("/")[0] for cidr in node.pod_cidrs)
                found.append(Client(f"{kind} on {name}", kind, name, own,
                                    _families(own or cidrs or node.addresses), pods[name][kind]))
    return found


def _addresses(given: Any) -> tuple[str, ...]:
    return tuple(filter(None, [given] if isinstance(given, str) else given or ()))


def _families(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({family(address) for address in addresses}))
