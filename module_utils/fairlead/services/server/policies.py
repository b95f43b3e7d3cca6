"""What the API server says of the rest of a Service (pkg/apis/core/validation: validateService and what it calls)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.services import names
from ansible.module_utils.fairlead.services.findings import (
    Finding,
    forbidden,
    invalid,
    not_supported,
    required,
)
from ansible.module_utils.fairlead.services.server import defaults, metadata
from ansible.module_utils.fairlead.services.server.addresses import address_problem, network_problem, parse_address
from ansible.module_utils.fairlead.services.server.defaults import (
    CLIENT_IP,
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    Spec,
)
from ansible.module_utils.fairlead.services.server.rules import Rules

TYPES = (CLUSTER_IP, NODE_PORT, LOAD_BALANCER, EXTERNAL_NAME)
AFFINITIES = (CLIENT_IP, "None")
POLICIES = ("Cluster", "Local")
LONGEST_AFFINITY = 86400
TOPOLOGY_MODE, TOPOLOGY_HINTS = "service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"
SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
# What Go's strings.TrimSpace removes; Python's strip() knows some more.
_SPACE = ("\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
          "\u202f\u205f\u3000")
_ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
_EXTERNAL_FIELDS = ("clusterIPs", "ipFamilies")


def kind(spec: Spec) -> Iterator[Finding]:
    """The type, and what cannot go with it."""
    given = spec["type"]
    if given not in TYPES:
        fix = "write clusterIP: None and no type" if given == "Headless" else ""
        yield not_supported("spec.type", given, TYPES, fix)
    if given in (LOAD_BALANCER, NODE_PORT) and defaults.is_headless(spec):
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {given} services",
                      "drop clusterIP, or drop type for a headless Service")
    if given == EXTERNAL_NAME:
        yield from _external_name(spec)


def _external_name(spec: Spec) -> Iterator[Finding]:
    for field in _EXTERNAL_FIELDS:
        if spec.get(field):
            yield forbidden(f"spec.{field}", "may not be set for ExternalName services",
                            "drop clusterIP" if field == "clusterIPs" else f"drop {field}")
    if "ipFamilyPolicy" in spec:
        yield forbidden("spec.ipFamilyPolicy", "may not be set for ExternalName services", "drop ipFamilyPolicy")
    name = spec.get("externalName", "")
    name = name[:-1] if name.endswith(".") else name
    if not name:
        yield required("spec.externalName", "write the DNS name that this Service stands for")
        return
    for problem in names.dns_1123_subdomain(name):
        yield invalid("spec.externalName", name, problem, "write a DNS name without scheme, port or path")


def selector(spec: Spec) -> Iterator[Finding]:
    if spec.get("selector"):
        yield from metadata.labels(spec["selector"], "spec.selector")


def affinity(spec: Spec) -> Iterator[Finding]:
    """validateClientIPAffinityConfig; its config is complete, and absent without affinity."""
    given = spec["sessionAffinity"]
    if given not in AFFINITIES:
        # A widely read walk-through patches "ClusterIP" here, which was never a value.
        fix = "write ClientIP: requests of one client address stay with one pod" if given == "ClusterIP" else ""
        yield not_supported("spec.sessionAffinity", given, AFFINITIES, fix)
    if given != CLIENT_IP:
        return
    seconds = defaults.affinity_seconds(spec)
    if not 1 <= seconds <= LONGEST_AFFINITY:
        yield invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds,
                      f"must be greater than 0 and less than {LONGEST_AFFINITY}",
                      f"write seconds from 1 to {LONGEST_AFFINITY}; without the field it is 10800")


def external_ips(old: Spec | None, new: Spec, rules: Rules) -> Iterator[Finding]:
    before = old.get("externalIPs", []) if old is not None and rules.keeps_old_addresses else []
    for index, text in enumerate(new.get("externalIPs", [])):
        problem = "" if text in before else address_problem(text, rules.strict_addresses)
        address = parse_address(text)
        problem = problem or (address.special() if address else "must be a valid IP address")
        if problem:
            yield invalid(f"spec.externalIPs[{index}]", text, problem,
                          "write an address that leads to the nodes from outside")


def source_ranges(old: tuple[Spec, dict[str, str]] | None, spec: Spec, annotations: dict[str, str],
                  rules: Rules) -> Iterator[Finding]:
    """old: spec and annotations as they were. In the API's error the field begins with a capital letter."""
    given, field, what = spec.get("loadBalancerSourceRanges"), "spec.LoadBalancerSourceRanges", "the field"
    if not given:
        if SOURCE_RANGES not in annotations:
            return
        field, what = f"metadata.annotations[{SOURCE_RANGES}]", "the annotation"
    if spec["type"] != LOAD_BALANCER:
        yield forbidden(field, _ONLY_LOAD_BALANCER, f"drop {what}, or write type: LoadBalancer")
    for at, text in _wrong_ranges(old, given, annotations, rules):
        yield invalid(field if at is None or rules.joined_source_ranges else f"{field}[{at}]", text,
                      network_problem(text, rules.strict_addresses), "write networks like 10.240.0.0/24")


def _wrong_ranges(old: tuple[Spec, dict[str, str]] | None, given: list[str] | None, annotations: dict[str, str],
                  rules: Rules) -> Iterator[tuple[int | None, str]]:
    keeps = old is not None and rules.keeps_old_addresses
    before: list[str] = []
    if given:
        if old is not None and keeps:
            before = [text.strip(_SPACE) for text in old[0].get("loadBalancerSourceRanges", [])]
        texts: list[tuple[int | None, str]] = list(enumerate(given))
    elif old is not None and keeps and old[1].get(SOURCE_RANGES, "") == annotations[SOURCE_RANGES]:
        return
    else:
        whole = annotations[SOURCE_RANGES].strip(_SPACE)
        texts = [(None, text) for text in whole.split(",")] if whole else []
    for at, text in texts:
        tidy = text.strip(_SPACE)
        if tidy not in before and network_problem(tidy, rules.strict_addresses):
            yield at, tidy


def load_balancer(old: Spec | None, new: Spec) -> Iterator[Finding]:
    """validateLoadBalancerClassField, and allocateLoadBalancerNodePorts."""
    given = new.get("loadBalancerClass")
    if new["type"] != LOAD_BALANCER:
        for field in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if field in new:
                yield forbidden(f"spec.{field}", _ONLY_LOAD_BALANCER, f"drop {field}")
        return
    if old is not None and old["type"] == LOAD_BALANCER and old.get("loadBalancerClass") != given:
        yield invalid("spec.loadBalancerClass", given, "may not change once set",
                      "leave it as it is, or delete the Service and create it again")
    for problem in names.qualified_name(given) if given is not None else ():
        yield invalid("spec.loadBalancerClass", given, problem, "write a name like example.com/internal")


def traffic(spec: Spec, rules: Rules) -> Iterator[Finding]:
    """validateServiceExternalTrafficPolicy, validateServiceInternalTrafficFieldsValue and
    validateServiceTrafficDistribution."""
    external = spec.get("externalTrafficPolicy")
    if external and not defaults.externally_accessible(spec):
        yield invalid("spec.externalTrafficPolicy", external, "may only be set for externally-accessible services",
                      "drop it, or write type: NodePort")
    elif external and external not in POLICIES:
        yield not_supported("spec.externalTrafficPolicy", external, POLICIES)
    yield from _health_check(spec)
    yield from _one_of(spec, "internalTrafficPolicy", POLICIES)
    if rules.distributions is not None:
        yield from _one_of(spec, "trafficDistribution", rules.distributions)


def _health_check(spec: Spec) -> Iterator[Finding]:
    number = spec.get("healthCheckNodePort", 0)
    if not defaults.needs_health_check(spec):
        if number:
            yield invalid("spec.healthCheckNodePort", number, "may only be set when `type` is 'LoadBalancer' and "
                          "`externalTrafficPolicy` is 'Local'", "drop healthCheckNodePort")
        return
    if not number:
        yield required("spec.healthCheckNodePort", "write the port of the health check")
        return
    for problem in names.port_number(number):
        yield invalid("spec.healthCheckNodePort", number, problem, "write a port of the node port range, or drop it")


def _one_of(spec: Spec, field: str, supported: tuple[str, ...]) -> Iterator[Finding]:
    given: Any = spec.get(field)
    if given is not None and given not in supported:
        yield not_supported(f"spec.{field}", given, supported)


def topology(annotations: dict[str, str]) -> Iterator[Finding]:
    mode, hints = annotations.get(TOPOLOGY_MODE), annotations.get(TOPOLOGY_HINTS)
    if mode is not None and hints is not None and mode != hints:
        yield invalid(f"metadata.annotations[{TOPOLOGY_MODE}]", mode,
                      f"must match annotations[{TOPOLOGY_HINTS}] when both are specified",
                      f"drop {TOPOLOGY_HINTS}, which is deprecated")
