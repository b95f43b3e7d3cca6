"""What one client must see at one address of a Service port: the rules of the Service API as one pure function.

Sources: the field documentation of the Service API (v1), and what all three modes of kube-proxy do in common. Where
they differ, nothing is promised, and the outcome is EITHER.
"""
from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from ansible.module_utils.fairlead.verify.clients import OUTSIDE, Client
from ansible.module_utils.fairlead.verify.targets import Node, Pod, Target, family

# Kinds of address. They are also the names of the checks whether the address is served.
CLUSTER, NODE_PORT, BALANCER, EXTERNAL = PLACES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalIP")

# What must be seen. Silence proves the three after NO_ENDPOINT; EITHER promises nothing but that no stranger answers.
ANSWER, NO_ENDPOINT, NOT_HERE, NOT_SERVED, NOT_ALLOWED, EITHER = (
    "answer", "no endpoint", "not here", "not served", "not allowed", "either")
# How answers are shared out among the expected pods.
ALL, ONE, ANY = "all", "one", "any"


@dataclass(frozen=True)
class Place:
    """One address of a Service port; `node` when it is that node's own."""

    kind: str
    address: str
    node: str = ""


@dataclass(frozen=True)
class Expectation:
    """outcome, the pods that may answer and how they share it.

    why:    the rule behind an outcome that is not ANSWER, as half a sentence
    source: the addresses one of which the pod must see; empty when that is not promised or not known
    """

    outcome: str
    pods: tuple[str, ...] = ()
    share: str = ANY
    why: str = ""
    source: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proxies:
    """How each node's kube-proxy is configured, by node: mode and nodePortAddresses."""

    modes: dict[str, str] = field(default_factory=dict)
    node_port_addresses: dict[str, list[str]] = field(default_factory=dict)

    def serve(self, node: Node, address: str) -> bool:
        """Whether node ports are offered at this address of the node.

        Without nodePortAddresses, iptables and ipvs mode take every address, nftables mode the primary ones
        (KEP-3866). Networks of one family say nothing of the other, of which every address is then taken.
        """
        wanted = self.node_port_addresses.get(node.name)
        if (not wanted and self.modes.get(node.name) == "nftables") or wanted == ["primary"]:
            return address in node.primary
        networks = [cidr for cidr in wanted or () if (":" in cidr) == (":" in address)]
        return not networks or any(_within(address, cidr) for cidr in networks)


def places(target: Target, nodes: list[Node], client: Client) -> list[Place]:
    """Every address of this Service port that the client is promised something at."""
    owners = {address: node.name for node in nodes for address in node.addresses}
    found = []
    if client.kind != OUTSIDE:  # from outside there is no promised way to a cluster address
        found += [Place(CLUSTER, address) for address in target.cluster_ips]
    if target.node_port:
        found += [Place(NODE_PORT, address, node.name) for node in nodes for address in node.addresses]
    found += [Place(BALANCER, address, owners.get(address, "")) for address in target.balancer_ips]
    found += [Place(EXTERNAL, address, owners.get(address, "")) for address in target.external_ips]
    return [place for place in found if family(place.address) in target.pods
            and (not client.families or family(place.address) in client.families)]


def expected(client: Client, place: Place, target: Target, nodes: dict[str, Node], proxies: Proxies) -> Expectation:
    ready = target.pods[family(place.address)]
    if place.kind == NODE_PORT and not proxies.serve(nodes[place.node], place.address):
        return Expectation(NOT_SERVED, why="nodePortAddresses of the node leaves this address out")
    refused = _refused_source(client, place, target)
    if refused:
        return refused
    if not ready:
        return Expectation(NO_ENDPOINT, share=ONE if target.affinity else ALL if target.whole else ANY,
                           why="the Service has no ready pod")
    if place.kind == CLUSTER:
        return _by_internal_policy(client, ready, target)
    if target.external_local:
        return _by_external_policy(client, place, ready, target)
    return _answer(ready, ready, target)


def _by_internal_policy(client: Client, ready: tuple[Pod, ...], target: Target) -> Expectation:
    if not target.internal_local:
        return _answer(ready, ready, target)
    here = tuple(pod for pod in ready if pod.node == client.node)
    if here:
        return _answer(here, ready, target)
    return Expectation(NOT_HERE, why=f"no ready pod of it runs on {client.node} and internalTrafficPolicy is Local")


def _by_external_policy(client: Client, place: Place, ready: tuple[Pod, ...], target: Target) -> Expectation:
    """externalTrafficPolicy Local. It is meant for clients outside: for those inside, iptables and nftables mode take
    every pod where they can tell that the client is inside, and ipvs mode takes those on the node itself."""
    node = place.node or client.node
    here = tuple(pod for pod in ready if pod.node == node)
    if client.kind != OUTSIDE:
        if here:
            return Expectation(ANSWER, _names(ready), ANY)
        return Expectation(EITHER, _names(ready), ANY, f"no ready pod of it runs on {node}, and whether "
                           "externalTrafficPolicy Local holds for clients inside depends on kube-proxy's mode")
    source = tuple(a for a in client.sources if family(a) == family(place.address))
    if not node:  # which node a load balancer chooses is its own affair
        return Expectation(ANSWER, _names(ready), ANY, source=source)
    if here:
        answer = _answer(here, ready, target)
        return Expectation(ANSWER, answer.pods, answer.share, source=source)
    return Expectation(NOT_HERE, why="no ready pod of it runs on this node and externalTrafficPolicy is Local")


def _answer(pods: tuple[Pod, ...], ready: tuple[Pod, ...], target: Target) -> Expectation:
    share = ONE if target.affinity else ALL if target.whole else ANY
    if share == ONE and len(pods) == 1 < len(ready):
        share = ANY  # it could not go anywhere else, so that it stays shows nothing
    return Expectation(ANSWER, _names(pods), share)


def _refused_source(client: Client, place: Place, target: Target) -> Expectation | None:
    """loadBalancerSourceRanges, which hold at the load balancer's addresses only, and for families that they name."""
    if place.kind != BALANCER:
        return None
    ranges = [cidr for cidr in target.source_ranges if (":" in cidr) == (":" in place.address)]
    own = [address for address in client.sources if family(address) == family(place.address)]
    if not ranges or any(cidr.endswith("/0") for cidr in ranges):
        return None
    if not own:
        return Expectation(EITHER, _names(target.pods[family(place.address)]), ANY,
                           "loadBalancerSourceRanges is set and the client's address is not known")
    allowed = [any(_within(address, cidr) for cidr in ranges) for address in own]
    if all(allowed):
        return None
    if any(allowed) or client.kind != OUTSIDE:
        # A node has more addresses than the API names, and kube-proxy lets a load balancer's own node in.
        return Expectation(EITHER, _names(target.pods[family(place.address)]), ANY,
                           "loadBalancerSourceRanges names some of the client's addresses, or it is inside")
    return Expectation(NOT_ALLOWED, why=f"loadBalancerSourceRanges does not contain {', '.join(own)}")


def _names(pods: tuple[Pod, ...]) -> tuple[str, ...]:
    return tuple(pod.answer for pod in pods)


def _within(address: str, cidr: str) -> bool:
    parsed = ipaddress.ip_address(address)
    network = ipaddress.ip_network(cidr, strict=False)
    return parsed.version == network.version and parsed in network
