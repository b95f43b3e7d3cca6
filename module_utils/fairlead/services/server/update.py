"""What the API server takes over from the stored Service, and drops, before it judges an update
(pkg/registry/core/service: strategy.go dropTypeDependentFields; storage/storage.go patchAllocatedValues,
normalizeClusterIPs, defaultOnReadService)."""
from __future__ import annotations

from ansible.module_utils.fairlead.services.server.addresses import IPV4, IPV6, family_of
from ansible.module_utils.fairlead.services.server.defaults import (
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    NONE,
    Spec,
    cluster_ips,
    externally_accessible,
    families,
    has_node_ports,
    needs_health_check,
    ports,
)
from ansible.module_utils.fairlead.services.server.rules import Rules


def complete_stored(old: Spec, rules: Rules) -> None:
    """defaultOnReadService: objects that were stored by older releases lack what came later."""
    normalize(None, old)
    if old["type"] == EXTERNAL_NAME:
        old.pop("internalTrafficPolicy", None)
        return
    if families(old):
        return
    primary = rules.families[0]
    if old.get("clusterIP") != NONE:
        old["ipFamilies"] = [IPV6 if family_of(text) == IPV6 else IPV4 for text in cluster_ips(old)]
        old["ipFamilyPolicy"] = "RequireDualStack" if len(cluster_ips(old)) == 2 else "SingleStack"
    elif old.get("selector"):
        old["ipFamilies"], old["ipFamilyPolicy"] = [primary], "SingleStack"
    else:
        old["ipFamilies"] = [primary, IPV6 if primary == IPV4 else IPV4]
        old["ipFamilyPolicy"] = "RequireDualStack"


def normalize(old: Spec | None, new: Spec) -> None:
    """normalizeClusterIPs: those who know only clusterIP still get a list that agrees with it."""
    one, given = new.get("clusterIP", ""), cluster_ips(new)
    if old is None:
        if one and not given:
            new["clusterIPs"] = [one]
        return
    was, before = old.get("clusterIP", ""), cluster_ips(old)
    if before and not given and was == one:
        new["clusterIPs"] = given = list(before)
    if was == one or given != before:
        return
    # Only the one was changed: the list follows it.
    new["clusterIPs"] = [one] if one or not was else []


def take_over(old: Spec, new: Spec, rules: Rules) -> None:
    """patchAllocatedValues: what the server once chose stays when it is left out."""
    if old["type"] != EXTERNAL_NAME and new["type"] != EXTERNAL_NAME:
        new["clusterIP"] = new.get("clusterIP") or old.get("clusterIP", "")
        if not cluster_ips(new) and cluster_ips(old):
            new["clusterIPs"] = list(cluster_ips(old))
    if _wants_node_ports(old, rules) and _wants_node_ports(new, rules):
        _take_over_node_ports(old, new)
    if needs_health_check(old) and needs_health_check(new):
        new["healthCheckNodePort"] = new.get("healthCheckNodePort") or old.get("healthCheckNodePort", 0)


def drop_dependent(old: Spec, new: Spec) -> None:
    """dropTypeDependentFields: what the type no longer needs goes, unless it was changed too."""
    if old["type"] != EXTERNAL_NAME and new["type"] == EXTERNAL_NAME:
        if old.get("clusterIP", "") == new.get("clusterIP", "") and cluster_ips(old) == cluster_ips(new):
            new.pop("clusterIP", None)
            new.pop("clusterIPs", None)
        if families(old) == families(new):
            new.pop("ipFamilies", None)
        if old.get("ipFamilyPolicy", "") == new.get("ipFamilyPolicy", ""):
            new.pop("ipFamilyPolicy", None)
    if has_node_ports(old) and not has_node_ports(new) and _numbers(old) >= _numbers(new):
        for port in ports(new):
            port.pop("nodePort", None)
    if needs_health_check(old) and not needs_health_check(new) \
            and old.get("healthCheckNodePort", 0) == new.get("healthCheckNodePort", 0):
        new.pop("healthCheckNodePort", None)
    if old["type"] == LOAD_BALANCER and new["type"] != LOAD_BALANCER:
        for field in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if old.get(field) == new.get(field):
                new.pop(field, None)
    if externally_accessible(old) and not externally_accessible(new) \
            and old.get("externalTrafficPolicy", "") == new.get("externalTrafficPolicy", ""):
        new.pop("externalTrafficPolicy", None)


def _wants_node_ports(spec: Spec, rules: Rules) -> bool:
    """needsNodePort of storage.go."""
    if spec["type"] == LOAD_BALANCER and rules.node_ports_follow:
        return spec.get("allocateLoadBalancerNodePorts", True)
    return spec["type"] in (NODE_PORT, LOAD_BALANCER)


def _take_over_node_ports(old: Spec, new: Spec) -> None:
    kept = _numbers(old) & _numbers(new)
    by_name = {port.get("name", ""): port.get("nodePort", 0) for port in ports(old)}
    for port in ports(new):
        if not port.get("nodePort"):
            before = by_name.get(port.get("name", ""), 0)
            if before not in kept:
                port["nodePort"] = before


def _numbers(spec: Spec) -> set[int]:
    return {port["nodePort"] for port in ports(spec) if port.get("nodePort")}
