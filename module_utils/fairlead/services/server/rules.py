"""What differs between API servers: the release and what it was started with. Data, and how it is looked up.

Sources: pkg/features/kube_features.go of Kubernetes 1.29 to 1.37 and the code that asks for the gates.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from ansible.module_utils.fairlead.services.facts import Facts
from ansible.module_utils.fairlead.services.server.addresses import IPV4, IPV6, Network, parse_network

# Gate: the release that first has it on by default.
_ON_SINCE = {
    "StrictIPCIDRValidation": (1, 36),
    "RelaxedServiceNameValidation": (1, 36),
    "PreferSameTrafficDistribution": (1, 34),
    "ServiceTrafficDistribution": (1, 31),
    "MultiCIDRServiceAllocator": (1, 33),
    "DisableAllocatorDualWrite": (1, 34),
}
# The release from which the gate cannot be set any more, as far as there is one.
_FIXED_SINCE = {
    "RelaxedServiceNameValidation": (1, 37),
    "PreferSameTrafficDistribution": (1, 35),
    "ServiceTrafficDistribution": (1, 33),
    "MultiCIDRServiceAllocator": (1, 34),
    "DisableAllocatorDualWrite": (1, 35),
}
_KNOWN_SINCE = {
    "StrictIPCIDRValidation": (1, 33),
    "RelaxedServiceNameValidation": (1, 34),
    "PreferSameTrafficDistribution": (1, 33),
    "ServiceTrafficDistribution": (1, 30),
    "DisableAllocatorDualWrite": (1, 31),
}
_BITMAP_SIZE = 65536  # the older allocator keeps a bit for each address, and no more of them


@dataclass(frozen=True)
class Rules:
    """Everything that an API server's verdict depends on besides the objects.

    families:              the cluster's, the primary one first
    ranges:                addresses a Service can get, per family; None when they are not known
    taken:                 addresses that the API server itself has taken
    distributions:         values of trafficDistribution; None when the field is dropped
    has_distribution:      whether the field exists
    strict_addresses:      gate StrictIPCIDRValidation
    keeps_old_addresses:   values that an object already has are accepted again, however they are written
    relaxed_names:         gate RelaxedServiceNameValidation
    refuses_kubelet_port:  a LoadBalancer may not use port 10250
    names_on_update:       an update is judged by the rules for names too
    joined_source_ranges:  a bad source range is said of the whole list
    node_ports_follow:     a LoadBalancer without allocateLoadBalancerNodePorts takes none over from before
    notes_names:           an address that is handed out is noted with the Service's name, which has to be fit for it
    owner_is_required:     mistakes in an owner reference are said of its index, missing fields are Required
    """

    node_ports: range
    dry_run: bool
    families: tuple[str, ...] = (IPV4,)
    ranges: tuple[tuple[str, range], ...] | None = None
    taken: tuple[tuple[str, int], ...] = ()
    distributions: tuple[str, ...] | None = None
    has_distribution: bool = True
    strict_addresses: bool = True
    keeps_old_addresses: bool = True
    relaxed_names: bool = True
    refuses_kubelet_port: bool = False
    names_on_update: bool = False
    joined_source_ranges: bool = False
    node_ports_follow: bool = True
    notes_names: bool = False
    owner_is_required: bool = True

    def usable(self, family: str) -> range | None:
        return dict(self.ranges)[family] if self.ranges is not None else None


@lru_cache(maxsize=64)
def rules(facts: Facts) -> Rules:
    """The rules of a cluster. Without known Service networks they are those of an IPv4 cluster, see guesses()."""
    version = facts.kubernetes_version
    networks = [network for network in map(parse_network, facts.service_cidrs) if network]
    return Rules(
        node_ports=facts.node_ports,
        dry_run=facts.dry_run,
        families=tuple(network.family for network in networks) or (IPV4,),
        ranges=tuple((network.family, _usable(network, facts)) for network in networks) or None,
        taken=tuple((network.family, network.usable().start) for network in networks[:1]),
        distributions=_distributions(facts),
        has_distribution=version >= (1, 30),
        strict_addresses=_gate(facts, "StrictIPCIDRValidation"),
        keeps_old_addresses=version >= (1, 33),
        relaxed_names=_gate(facts, "RelaxedServiceNameValidation"),
        refuses_kubelet_port=version < (1, 33),
        names_on_update=version < (1, 34),
        joined_source_ranges=version < (1, 30),
        node_ports_follow=version >= (1, 30),
        notes_names=_gate(facts, "MultiCIDRServiceAllocator") and not facts.dry_run,
        owner_is_required=version >= (1, 37),
    )


@lru_cache(maxsize=64)
def guesses(facts: Facts) -> tuple[Rules, ...]:
    """One set of rules for each way in which a cluster can have address families: for when they are not known."""
    known = rules(facts)
    return tuple(replace(known, families=families) for families in
                 ((IPV4,), (IPV6,), (IPV4, IPV6), (IPV6, IPV4)))


def _gate(facts: Facts, name: str) -> bool:
    version = facts.kubernetes_version
    if version < _KNOWN_SINCE.get(name, version):
        return False
    default = version >= _ON_SINCE[name]
    return default if version >= _FIXED_SINCE.get(name, (9, 0)) else dict(facts.feature_gates).get(name, default)


def _distributions(facts: Facts) -> tuple[str, ...] | None:
    """validateServiceTrafficDistribution and dropServiceDisabledFields."""
    if not _gate(facts, "ServiceTrafficDistribution"):
        return None
    if _gate(facts, "PreferSameTrafficDistribution"):
        return ("PreferClose", "PreferSameZone", "PreferSameNode")
    return ("PreferClose",)


def _usable(network: Network, facts: Facts) -> range:
    """ipallocator: of a great IPv6 network the older allocator hands out only the first 65535 addresses. In 1.33 both
    have to agree unless it is a dry run, which asks only the newer one."""
    addresses = network.usable()
    newer = _gate(facts, "MultiCIDRServiceAllocator")
    if newer and (facts.dry_run or _gate(facts, "DisableAllocatorDualWrite")):
        return addresses
    return addresses[:_BITMAP_SIZE - 1] if network.family == IPV6 else addresses
