"""Services at the edges of every rule: random, and the same again for the same seed.

Most start from one that is valid and are changed in a few places, so that a good part is accepted and the rest is wrong
in one or two ways; what is wrong in many ways mostly shows the first.
"""
from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from parity import values as v

Manifest = dict[str, Any]
_ABSENT = object()
_SPEC = {
    "clusterIP": v.ADDRESSES, "externalName": v.HOSTS, "type": v.TYPES, "sessionAffinity": v.AFFINITIES,
    "sessionAffinityConfig": v.AFFINITY_CONFIGS, "ipFamilies": v.FAMILIES, "ipFamilyPolicy": v.FAMILY_POLICIES,
    "externalTrafficPolicy": v.TRAFFIC, "internalTrafficPolicy": v.TRAFFIC, "trafficDistribution": v.DISTRIBUTIONS,
    "loadBalancerClass": v.CLASSES, "allocateLoadBalancerNodePorts": v.BOOLEANS, "healthCheckNodePort": v.HEALTH_PORTS,
    "publishNotReadyAddresses": v.BOOLEANS, "loadBalancerIP": [*v.ADDRESSES[:9], "x", "", None, 1],
}
_PORT = {"name": v.PORT_NAMES, "port": v.PORT_NUMBERS, "protocol": v.PROTOCOLS, "targetPort": v.TARGETS,
         "nodePort": v.NODE_PORTS, "appProtocol": v.APP_PROTOCOLS}
_METADATA = {"labels": None, "annotations": v.ANNOTATIONS, "finalizers": v.FINALIZERS, "ownerReferences": v.OWNERS,
             "generation": [0, 1, -1, 2**62, 2**63, "1", None], "creationTimestamp": v.TIMES,
             "deletionTimestamp": v.TIMES, "deletionGracePeriodSeconds": [0, 30, -1, None, "1"],
             "selfLink": ["x", None], "uid": ["x", "", None], "resourceVersion": ["1", "0", "", "x", None, 1],
             "namespace": ["default", "", None], "managedFields": v.MANAGED_FIELDS}
_FIELDS = {
    "spec": [*_SPEC, "ports", "selector", "clusterIPs", "externalIPs", "loadBalancerSourceRanges", "topologyKeys"],
    "metadata": [*_METADATA, "name", "generateName", "managedFields", "clusterName"],
    "port": [*_PORT, "targetport"], "": ["status", "metadata", "spec", "data", "Spec"]}
_UNKNOWN = [("spec", "sesionAffinity"), ("spec", "ClusterIP"), ("spec", "labels"), ("metadata", "Name"),
            ("metadata", "x"), ("status", "x"), ("", "specs"), ("spec", "portz")]
_PORTS = (("http", 80, "TCP"), ("https", 443, "TCP"), ("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"), ("sctp", 80, "SCTP"))
_MORE_PORTS = ({"port": 80}, {}, None, {"name": "x", "port": 81}, {"port": 53, "name": "y", "protocol": "UDP"})
_LISTS = (("externalIPs", v.ADDRESSES), ("clusterIPs", v.ADDRESSES), ("clusterIPs", v.ADDRESSES[:15]),
          ("loadBalancerSourceRanges", v.NETWORKS), ("clusterIP+s", v.ADDRESSES[:15]))


class Generator:
    """taken: node ports that other objects of the cluster have, which only the cluster knows."""

    def __init__(self, seed: int, taken: frozenset[int] = frozenset()) -> None:
        self._random, self._taken, self._count = random.Random(seed), sorted(taken), 0
        self._edges = [("spec", field, value) for field, known in _SPEC.items() for value in known]
        self._edges += [("metadata", field, value) for field, known in _METADATA.items() for value in known or ()]
        self._edges += [("port", field, value) for field, known in _PORT.items() for value in known]
        self._odd = [(part, field, value) for part, fields in _FIELDS.items() for field in fields for value in v.ODD
                     if field != "namespace" or not isinstance(value, str)]  # the request's address names one
        self._random.shuffle(self._edges)
        self._random.shuffle(self._odd)

    def services(self, count: int) -> Iterator[Manifest]:
        return (self.create() for _ in range(count))

    def create(self) -> Manifest:
        """By turns one edge alone, any number of changes, a value of whatever type, and again changes; edges and odd
        values only as long as there are some that did not come yet."""
        service = self.valid()
        waiting = {1: self._edges, 3: self._odd}.get(self._count % 4)
        if waiting:
            part, field, value = waiting.pop()
            within = self._part(service, part) if part != "port" else service["spec"].get("ports", [{}])[0]
            self._put(within, field, value)
            return service
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 2, 3, 6))):
            self.change(service)
        return service

    def update(self, stored: Manifest, given: Manifest) -> Manifest:
        """A new version of a stored object: from what was once given, from what the server returned, or from both."""
        service = copy.deepcopy(self._random.choice((stored, given, given)))
        if self._random.random() < 0.7:
            for field in ("uid", "creationTimestamp", "managedFields", "resourceVersion"):
                service["metadata"].pop(field, None)
        if self._random.random() < 0.3:
            self._swap(service["spec"], stored["spec"])
        if self._random.random() < 0.35:
            self._other_type(service["spec"])
        if self._random.random() < 0.15:
            self._other_families(service["spec"], stored["spec"])
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 2, 3))):
            self.change(service, name=self._random.random() < 0.02)
        return service

    def valid(self) -> Manifest:
        """A Service that a dual-stack cluster accepts, of any kind."""
        rng, kind = self._random, self._random.choice(("ClusterIP", "ClusterIP", "headless", "NodePort", "LoadBalancer",
                                                       "LoadBalancer", "ExternalName", "pinned"))
        self._count += 1
        spec: Manifest = {} if kind == "ExternalName" else {"ports": self._ports(kind)}
        if rng.random() < 0.8:
            spec["selector"] = {"app": "web"}
        if kind in ("NodePort", "LoadBalancer", "ExternalName"):
            spec["type"] = kind
        if kind == "headless":
            spec["clusterIP"] = "None"
        if kind == "pinned":
            spec["clusterIP"] = f"10.96.{rng.randrange(2, 250)}.{rng.randrange(256)}"
        if kind == "ExternalName":
            spec["externalName"] = rng.choice(v.HOSTS[:3])
        elif rng.random() < 0.3:
            spec["ipFamilyPolicy"] = rng.choice(("SingleStack", "PreferDualStack", "RequireDualStack"))
        if rng.random() < 0.2:
            spec["sessionAffinity"] = "ClientIP"
        if kind in ("NodePort", "LoadBalancer") and rng.random() < 0.4:
            spec["externalTrafficPolicy"] = rng.choice(("Local", "Cluster"))
        if kind == "LoadBalancer":
            self._load_balancer(spec)
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"p{self._count}"}, "spec": spec}

    def _load_balancer(self, spec: Manifest) -> None:
        rng = self._random
        if rng.random() < 0.3:
            spec["allocateLoadBalancerNodePorts"] = rng.choice((True, False))
        if rng.random() < 0.3:
            spec["loadBalancerClass"] = "example.com/internal"
        if rng.random() < 0.3:
            spec["loadBalancerSourceRanges"] = ["10.0.0.0/8", " fd00::/8 "][:rng.randrange(1, 3)]

    def _ports(self, kind: str) -> list[Manifest]:
        rng = self._random
        ports = [{"name": name, "port": number, "protocol": protocol} for name, number, protocol in
                 rng.sample(_PORTS, rng.choice((1, 1, 1, 2, 2, 3)))]
        for port in ports:
            if rng.random() < 0.4:
                port["targetPort"] = rng.choice((8080, "http"))
            if kind in ("NodePort", "LoadBalancer") and rng.random() < 0.3:
                port["nodePort"] = self._node_port()
            if port["protocol"] == "TCP" and rng.random() < 0.5:
                del port["protocol"]
        if len(ports) == 1 and rng.random() < 0.5:
            del ports[0]["name"]
        return ports

    def change(self, service: Manifest, name: bool = True) -> None:
        """One place, to something at the edge of a rule."""
        changes: list[tuple[Callable[[Manifest], None], int]] = [
            (self._change_spec, 10), (self._change_port, 6), (self._change_lists, 5), (self._change_metadata, 3),
            (self._change_selector, 1), (self._add_unknown, 1), (self._change_whole, 1)]
        if name:
            changes.append((self._change_name, 1))
        kinds, weights = zip(*changes)
        self._random.choices(kinds, weights)[0](service)

    def _change_spec(self, service: Manifest) -> None:
        field = self._random.choice(list(_SPEC))
        self._set(self._part(service, "spec"), field, _SPEC[field])

    def _change_port(self, service: Manifest) -> None:
        spec, rng = self._part(service, "spec"), self._random
        ports = spec.get("ports") if isinstance(spec.get("ports"), list) else []
        choice = rng.random()
        if not ports or choice < 0.1:
            spec["ports"] = [*ports, copy.deepcopy(rng.choice(_MORE_PORTS))]
        elif choice < 0.2:
            spec["ports"] = rng.choice(([], ports[1:], [*ports, copy.deepcopy(ports[0])], None, {}, ports * 2))
        else:
            port = rng.choice(ports)
            if isinstance(port, dict):
                field = rng.choice(list(_PORT))
                self._set(port, field, _PORT[field])

    def _change_lists(self, service: Manifest) -> None:
        spec, rng = self._part(service, "spec"), self._random
        field, known = rng.choice(_LISTS)
        given = [rng.choice(known) for _ in range(rng.choice((0, 1, 1, 2, 2, 3)))]
        if field == "clusterIP+s":
            spec["clusterIPs"] = given
            self._put(spec, "clusterIP", given[0] if given else _ABSENT)
        else:
            self._put(spec, field, rng.choice((given, given, given, _ABSENT, None)))

    def _change_metadata(self, service: Manifest) -> None:
        field = self._random.choice(list(_METADATA))
        if field == "labels":
            self._part(service, "metadata")["labels"] = self._labels()
        else:
            self._set(self._part(service, "metadata"), field, _METADATA[field])

    def _change_selector(self, service: Manifest) -> None:
        given = self._random.choice((self._labels(), {}, _ABSENT, None, [], "a"))
        self._put(self._part(service, "spec"), "selector", given)

    def _change_name(self, service: Manifest) -> None:
        metadata = self._part(service, "metadata")
        if self._random.random() < 0.4:
            metadata["generateName"] = self._random.choice(v.GENERATE)
            if self._random.random() < 0.7:
                metadata.pop("name", None)
        else:
            metadata["name"] = self._random.choice(v.NAMES)

    def _add_unknown(self, service: Manifest) -> None:
        part, field = self._random.choice(_UNKNOWN)
        self._part(service, part)[field] = self._random.choice(("x", None, {}))

    def _change_whole(self, service: Manifest) -> None:
        part = self._random.choice(("spec", "metadata", "status", "status", "status"))
        service[part] = copy.deepcopy(self._random.choice(v.STATUSES if part == "status" else ({}, None, [], "x")))

    def _labels(self) -> Manifest:
        rng = self._random
        return {rng.choice(v.LABEL_KEYS): rng.choice(v.LABEL_VALUES) for _ in range(rng.choice((1, 1, 2)))}

    def _other_type(self, spec: Manifest) -> None:
        """Another type, as people change it: sometimes with what that type needs."""
        rng = self._random
        kind = rng.choice(("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"))
        spec["type"] = kind
        if kind == "ExternalName" and rng.random() < 0.8:
            spec["externalName"] = "db.example.com"
            if rng.random() < 0.5:
                for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "ports"):
                    spec.pop(field, None)
        if kind != "ExternalName" and not spec.get("ports") and rng.random() < 0.8:
            spec["ports"] = [{"port": 80}]
        if rng.random() < 0.2:
            spec["clusterIP"] = rng.choice(("None", "", "10.96.1.77"))
            spec.pop("clusterIPs", None)

    def _other_families(self, spec: Manifest, stored: Manifest) -> None:
        """A second family given up, asked for or turned round, with the policy for it or without."""
        rng = self._random
        for field in ("clusterIPs", "ipFamilies"):
            had = stored.get(field, [])
            self._put(spec, field, rng.choice((had, had[:1], had[::-1], _ABSENT)))
        self._put(spec, "clusterIP", rng.choice((stored.get("clusterIP", ""), _ABSENT)))
        self._put(spec, "ipFamilyPolicy", rng.choice((*v.FAMILY_POLICIES[:3], _ABSENT)))

    def _swap(self, spec: Manifest, stored: Manifest) -> None:
        """Some fields as the server has them, or not at all."""
        for field in self._random.sample(list(stored), min(3, len(stored))):
            if self._random.random() < 0.5:
                spec.pop(field, None)
            else:
                spec[field] = copy.deepcopy(stored[field])

    def _set(self, part: Manifest, field: str, known: list[Any]) -> None:
        self._put(part, field, _ABSENT if self._random.random() < 0.15 else self._random.choice(known))

    def _put(self, part: Manifest, field: str, value: Any) -> None:
        if value is _ABSENT or (field in ("nodePort", "healthCheckNodePort") and value in self._taken):
            part.pop(field, None)
        else:
            part[field] = copy.deepcopy(value)

    def _node_port(self) -> int:
        return self._random.choice([port for port in range(30000, 30050) if port not in self._taken])

    def _part(self, service: Manifest, name: str) -> Manifest:
        """spec, metadata or status; anew when an earlier change made it something else. "" is the whole."""
        if not name:
            return service
        if not isinstance(service.get(name), dict):
            service[name] = {}
        return service[name]
