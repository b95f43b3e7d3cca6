"""The bridge as data: what each Service puts into the table's maps, and the few chains that read them. Pure.

No chain per Service: creating chains grows faster than their number (10,000 took 10.6 s), maps do not. A packet's
address, protocol and port lead to a verdict `cluster-N`, `external-N` or `local-N-M`, named after the numbers of
endpoints; that chain draws an index and looks the endpoint up by address, protocol, port and index. Only Services with
affinity have chains of their own, one per endpoint with the set of its clients, as in kube-proxy's nftables mode.
"""
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ansible.module_utils.fairlead.bridge import endpoints as ep
from ansible.module_utils.fairlead.bridge.node import MARK, Family, NodeFacts

Pairs = tuple[tuple[str, int], ...]
PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}


@dataclass
class Part:
    """What one Service needs in one family's table.

    elements: (map or set, key) -> value, "" in a set; chains: name -> rules; pins: the sets of affinity clients
    """

    elements: dict[tuple[str, str], str] = field(default_factory=dict)
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pins: dict[str, Pin] = field(default_factory=dict)

    def add(self, other: Part) -> None:
        self.elements.update(other.elements)
        self.chains.update(other.chains)
        self.pins.update(other.pins)


@dataclass(frozen=True)
class Pin:
    """A set of clients that stay with one endpoint of a Service port.

    port: as kube-proxy names it, "namespace/name:port"; protocol: "tcp"; seconds: how long after the last connection
    """

    family: str
    port: str
    number: int
    protocol: str
    address: str
    endpoint_port: int
    seconds: int


@dataclass(frozen=True)
class _Front:
    """A key in the tables: a fixed address with a port, or a node port of every node address."""

    table: str  # prefix of the maps' names: "" or "node-"
    key: str


def pin_name(port: str, protocol: str, address: str, number: int) -> str:
    return "pin-" + hashlib.sha256(f"{port} {protocol} {address} {number}".encode()).hexdigest()[:16]


def service_part(service: ep.Object, slices: Iterable[ep.Object], family: Family, node: NodeFacts) -> Part:
    """Everything that one Service needs; empty when it has no address of this family."""
    part, spec, metadata = Part(), service["spec"], service["metadata"]
    addresses = [each for each in spec.get("clusterIPs") or [spec.get("clusterIP") or ""] if _is(family, each)]
    if spec.get("type") == "ExternalName" or not addresses or addresses[0] == "None" or not ep.is_ours(service):
        return part
    slices = [each for each in slices if ep.is_ours(each)]
    outside = [each for each in spec.get("externalIPs") or () if _is(family, each)]
    balanced = [entry["ip"] for entry in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
                if _is(family, entry.get("ip") or "") and entry.get("ipMode", "VIP") == "VIP"]
    internal_local = spec.get("internalTrafficPolicy") == "Local"
    external_local = spec.get("externalTrafficPolicy") == "Local"
    for port in spec.get("ports") or ():
        protocol, number = PROTOCOLS.get(port.get("protocol", "TCP")), port["port"]
        if protocol is None:
            continue
        node_port = port.get("nodePort")
        external = bool(outside or balanced or node_port)
        choice = ep.choose(
            ep.read(slices, family.name, port, node.name), external=external, internal_local=internal_local,
            external_local=external_local, node=node.name, zone=node.zone)
        clients = None
        if spec.get("sessionAffinity") == "ClientIP":
            name = f"{metadata['namespace']}/{metadata['name']}" + (f":{port['name']}" if port.get("name") else "")
            seconds = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds", 10800)
            clients = _Affinity(part, family, Pin(family.name, name, number, protocol, "", 0, seconds))
        inside = choice.local if internal_local else choice.cluster
        front = _Front("", f"{addresses[0]} . {protocol} . {number}")
        _put(part, front, "cluster", family=family, node=node, pairs=inside, anywhere=choice.anywhere, clients=clients)
        part.elements["addresses", addresses[0]] = ""
        fronts = [_Front("", f"{each} . {protocol} . {number}") for each in (*outside, *balanced)]
        if node_port:
            fronts.append(_Front("node-", f"{protocol} . {node_port}"))
        for front in fronts:
            if external_local:
                _put_local(part, front, family, choice, clients)
            else:
                _put(part, front, "external", family=family, node=node, pairs=choice.cluster,
                     anywhere=choice.anywhere, clients=clients)
        _guard(part, spec.get("loadBalancerSourceRanges"),
               [(each, f"{each} . {protocol} . {number}") for each in balanced], family, node)
        for address, _number in {*choice.cluster, *choice.local}:
            part.elements["hairpin", f"{address} . {address}"] = ""
    return part


def _put(part: Part, front: _Front, kind: str, *, family: Family, node: NodeFacts, pairs: Pairs, anywhere: bool,
         clients: _Affinity | None) -> None:
    """One policy for everybody; kind says who is masqueraded."""
    if not pairs:
        part.elements[f"{front.table}refused", front.key] = "drop" if anywhere else "goto refuse"
        return
    masquerade = _masquerade(kind, family, node)
    if clients:
        target = clients.chain(pairs)
        name = f"{kind}-{target}"
        part.chains[name] = (*masquerade, f"goto {target}")
    else:
        target = f"{front.table}pick-{len(pairs)}"
        name = f"{front.table}{kind}-{len(pairs)}"
        part.chains[target] = (_pick(front.table, "", family, len(pairs)),)
        part.chains[name] = (*masquerade, f"goto {target}")
        _endpoints(part, front, "", pairs)
    part.elements[f"{front.table}frontends", front.key] = f"goto {name}"


def _put_local(part: Part, front: _Front, family: Family, choice: ep.Choice, clients: _Affinity | None) -> None:
    """externalTrafficPolicy Local: pods and the node itself reach every endpoint, all others the local ones alone and
    with their own address."""
    if not choice.local:
        part.elements[f"{front.table}refused", front.key] = "drop" if choice.anywhere else "goto refuse"
    if not choice.cluster and not choice.local:
        return
    if clients:
        near = clients.chain(choice.cluster) if choice.cluster else ""
        far = clients.chain(choice.local) if choice.local else ""
        name = f"local-{near}-{far}"
    else:
        near = f"{front.table}near-pick-{len(choice.cluster)}" if choice.cluster else ""
        far = f"{front.table}pick-{len(choice.local)}" if choice.local else ""
        name = f"{front.table}local-{len(choice.cluster)}-{len(choice.local)}"
        for target, which, pairs in ((near, "near-", choice.cluster), (far, "", choice.local)):
            if target:
                part.chains[target] = (_pick(front.table, which, family, len(pairs)),)
                _endpoints(part, front, which, pairs)
    rules = []
    if near:
        rules += [f"{family.pods} goto {near}"] if family.pods else []
        rules += [f"fib saddr type local meta mark set meta mark | {MARK:#x}", f"fib saddr type local goto {near}"]
    part.chains[name] = (*rules, *([f"goto {far}"] if far else []))
    part.elements[f"{front.table}frontends", front.key] = f"goto {name}"


def _masquerade(kind: str, family: Family, node: NodeFacts) -> list[str]:
    mark = f"meta mark set meta mark | {MARK:#x}"
    if kind == "external" or node.masquerade_all:
        return [mark]
    return [f"{family.strangers} {mark}"] if family.strangers else []


def _pick(table: str, which: str, family: Family, count: int) -> str:
    key = "meta l4proto . th dport" if table else f"{family.ip} daddr . meta l4proto . th dport"
    return (f"meta l4proto {{ tcp, udp, sctp }} dnat {family.ip} to {key} . numgen random mod {count} "
            f"map @{table}{which}endpoints")


def _endpoints(part: Part, front: _Front, which: str, pairs: Pairs) -> None:
    for index, (address, number) in enumerate(pairs):
        part.elements[f"{front.table}{which}endpoints", f"{front.key} . {index}"] = f"{address} . {number}"


def _guard(part: Part, ranges: list[str] | None, fronts: list[tuple[str, str]], family: Family,
           node: NodeFacts) -> None:
    """loadBalancerSourceRanges. A range that holds the node also admits the load balancer's own address, which is the
    source when the node asks itself. Ranges of the other family alone restrict nothing: so kube-proxy has it."""
    admitted = [each.strip() for each in ranges or () if _is(family, each)]
    if not admitted:
        return
    for address, key in fronts:
        part.elements["guarded", key] = ""
        own = [address] if _admits(admitted, node.addresses) else []
        for source in (*admitted, *own):
            part.elements["admitted", f"{key} . {source}"] = ""


def _admits(ranges: list[str], addresses: tuple[str, ...]) -> bool:
    from ipaddress import ip_address, ip_network  # noqa: PLC0415 - seldom needed

    return any(ip_address(each) in ip_network(one, strict=False) for one in ranges for each in addresses)


def _is(family: Family, address: str) -> bool:
    return (":" in address) == (family.name == "IPv6") and bool(address)


class _Affinity:
    """The chains of one Service port whose clients stay with their endpoint."""

    def __init__(self, part: Part, family: Family, pin: Pin) -> None:
        self._part, self._family, self._pin = part, family, pin

    def chain(self, pairs: Pairs) -> str:
        """The chain that serves these endpoints."""
        names = [self._endpoint(address, number) for address, number in pairs]
        text = " ".join([self._pin.port, self._pin.protocol, *names])
        name = "stay-" + hashlib.sha256(text.encode()).hexdigest()[:16]
        held = [f"{self._family.ip} saddr @{each} goto to-{each}" for each in names]
        drawn = ", ".join(f"{index} : goto to-{each}" for index, each in enumerate(names))
        self._part.chains[name] = (*held, f"numgen random mod {len(names)} vmap {{ {drawn} }}")
        return name

    def _endpoint(self, address: str, number: int) -> str:
        name = pin_name(self._pin.port, self._pin.protocol, address, number)
        self._part.pins[name] = replace(self._pin, address=address, endpoint_port=number)
        place = f"[{address}]:{number}" if self._family.name == "IPv6" else f"{address}:{number}"
        self._part.chains[f"to-{name}"] = (
            f"update @{name} {{ {self._family.ip} saddr }}",
            f"meta l4proto {self._pin.protocol} dnat {self._family.ip} to {place}")
        return name


def whole(parts: Iterable[Part]) -> Part:
    """All parts as one."""
    result = Part()
    for part in parts:
        result.add(part)
    return result


def parts(services: Iterable[ep.Object], slices: Iterable[ep.Object], node: NodeFacts,
          ) -> Iterator[tuple[str, str, Part]]:
    """(family, namespace/name, part) of every Service in every family."""
    of: dict[str, list[ep.Object]] = {}
    for each in slices:
        of.setdefault(ep.service_name(each), []).append(each)
    for service in services:
        name = ep.service_name(service)
        for family in node.families:
            yield family.name, name, service_part(service, of.get(name, ()), family, node)
