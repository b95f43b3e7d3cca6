"""How the API server settles address families and cluster addresses (pkg/registry/core/service/storage/alloc.go:
initIPFamilyFields, allocClusterIPs, updateClusterIPs).

It does so before it validates, so that a refusal here hides all mistakes that validation would find.
"""
from __future__ import annotations

from ansible.module_utils.fairlead.services.findings import Finding, invalid, shown
from ansible.module_utils.fairlead.services.names import path_segment
from ansible.module_utils.fairlead.services.server.addresses import IPV4, IPV6, family_of, parse_address
from ansible.module_utils.fairlead.services.server.cluster_ips import validate
from ansible.module_utils.fairlead.services.server.defaults import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    NONE,
    Spec,
    cluster_ips,
    families,
)
from ansible.module_utils.fairlead.services.server.refusal import INTERNAL_ERROR, RefusedError
from ansible.module_utils.fairlead.services.server.rules import Rules

SINGLE, PREFER_DUAL, REQUIRE_DUAL = "SingleStack", "PreferDualStack", "RequireDualStack"
_POLICY, _ADDRESSES = "spec.ipFamilyPolicy", "spec.clusterIPs"


def settle(old: Spec | None, new: Spec, rules: Rules) -> None:
    """initIPFamilyFields. Raises RefusedError."""
    if new["type"] == EXTERNAL_NAME or keeps_preferring_dual(old, new):
        return
    if "ipFamilyPolicy" not in new:
        new["ipFamilyPolicy"] = _default_policy(old, new)
    _refuse(list(validate(old, new, rules)))
    found = list(_reduced(old, new)) if old is not None else []
    found += _too_many(new)
    found += _infer(new, rules)
    _refuse(found)
    if _is_selectorless_headless(new):
        _complete(new, rules.families[0], new["ipFamilyPolicy"] != SINGLE)
        return
    _refuse(list(_not_configured(new, rules)))
    _complete(new, rules.families[0], new["ipFamilyPolicy"] != SINGLE and len(rules.families) == 2)


def keeps_preferring_dual(old: Spec | None, new: Spec) -> bool:
    """isMatchingPreferDualStackClusterIPFields: nothing changes for a Service that takes what families there are."""
    return (old is not None and new.get("ipFamilyPolicy") == PREFER_DUAL and old["type"] == new["type"]
            and new["type"] in (CLUSTER_IP, NODE_PORT, LOAD_BALANCER)
            and old.get("ipFamilyPolicy", PREFER_DUAL) == PREFER_DUAL
            and cluster_ips(old) == cluster_ips(new) and families(old) == families(new))


def allocate(name: str, old: Spec | None, new: Spec, rules: Rules) -> None:
    """allocClusterIPs and updateClusterIPs. Raises RefusedError.

    name: of the Service, which the server notes for every address that it really hands out
    """
    if new["type"] == EXTERNAL_NAME or keeps_preferring_dual(old, new):
        return
    given = list(cluster_ips(new))
    if old is None or old["type"] == EXTERNAL_NAME:
        if given[:1] != [NONE]:
            new["clusterIPs"] = _addresses(name, new, families(new), given, rules)
            new["clusterIP"] = new["clusterIPs"][0]
    elif cluster_ips(old)[:1] != [NONE] and len(families(old)) == 1 and len(families(new)) == 2:
        # Also when the new Service is headless: validation then finds None beside an address.
        if families(new)[1] not in rules.families:
            raise RefusedError([invalid("spec.clusterIP", given[:1], "the API server fails on this change: it asks an "
                                        "allocator that a single-stack cluster does not have",
                                        "delete the Service and create it again")], INTERNAL_ERROR)
        new["clusterIPs"] = given[:1] + _addresses(name, new, families(new)[1:], given[1:], rules)


def _addresses(name: str, new: Spec, wanted: list[str], given: list[str], rules: Rules) -> list[str]:
    """allocIPs: each family's address, drawn where none is given."""
    given = given + [""] * (len(wanted) - len(given))
    for family, text in zip(wanted, given):
        problem = _unavailable(family, text, rules) if text else ""
        if problem:
            raise RefusedError([invalid(_ADDRESSES, cluster_ips(new), f"failed to allocate IP {text}: {problem}",
                                        "write another address of the cluster's Service network, or drop it to get "
                                        "one")])
    if rules.notes_names and wanted and (not name or path_segment(name, False)):
        raise RefusedError([invalid(_ADDRESSES, cluster_ips(new), "failed to allocate IP: spec.parentRef.name: Invalid "
                                    f"value: {shown(name)}", "name the Service like my-name")])
    return [text or drawn(family) for family, text in zip(wanted, given)] + given[len(wanted):]


def drawn(family: str) -> str:
    """An address in place of the one that only the cluster knows."""
    return "0.0.0.0" if family == IPV4 else "::"


def _unavailable(family: str, text: str, rules: Rules) -> str:
    address, usable = parse_address(text), rules.usable(family)
    if address is None or usable is None:
        return ""
    if address.family != family or address.number not in usable:
        return "the provided IP is not in the valid range of Service addresses"
    if not rules.dry_run and (family, address.number) in rules.taken:
        return "provided IP is already allocated"
    return ""


def _default_policy(old: Spec | None, new: Spec) -> str:
    if old is not None and "ipFamilyPolicy" in old:
        return old["ipFamilyPolicy"]
    return REQUIRE_DUAL if _is_selectorless_headless(new) else SINGLE


def _reduced(old: Spec, new: Spec) -> list[Finding]:
    """SingleStack is the way to give up a second family; without it nothing may be dropped."""
    if new["ipFamilyPolicy"] == SINGLE:
        for field in ("clusterIPs", "ipFamilies"):
            if new.get(field) and new[field] == old.get(field):
                new[field] = new[field][:1]
        return []
    return [invalid(_POLICY, new["ipFamilyPolicy"], f"must be 'SingleStack' to release the secondary {what}",
                    "write ipFamilyPolicy: SingleStack")
            for field, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family"))
            if 0 < len(new.get(field, [])) < len(old.get(field, []))]


def _too_many(new: Spec) -> list[Finding]:
    if new["ipFamilyPolicy"] != SINGLE:
        return []
    return [invalid(_POLICY, SINGLE, "must be 'RequireDualStack' or 'PreferDualStack' when multiple "
                    f"{what} are specified", "write ipFamilyPolicy: PreferDualStack, or keep one")
            for field, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families"))
            if len(new.get(field, [])) == 2]


def _infer(new: Spec, rules: Rules) -> list[Finding]:
    """ipFamilies from clusterIPs."""
    found, wanted = [], list(families(new))
    for index, text in enumerate(cluster_ips(new)):
        if text == NONE:
            break
        if index < len(wanted):
            continue
        family = family_of(text)
        if family in rules.families:
            wanted.append(family)
        else:
            found.append(invalid(f"spec.clusterIPs[{index}]", cluster_ips(new),
                                 f"{family} is not configured on this cluster", "write an address of the cluster's "
                                 "Service network, or drop it to get one"))
    if wanted:
        new["ipFamilies"] = wanted
    return found


def _is_selectorless_headless(new: Spec) -> bool:
    return new.get("clusterIP") == NONE and not new.get("selector")


def _not_configured(new: Spec, rules: Rules) -> list[Finding]:
    found = []
    if new["ipFamilyPolicy"] == REQUIRE_DUAL and len(rules.families) < 2:
        found.append(invalid(_POLICY, REQUIRE_DUAL, "this cluster is not configured for dual-stack services",
                             "write ipFamilyPolicy: PreferDualStack to take what families there are"))
    return found + [
        invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster",
                f"write {' or '.join(rules.families)}, or drop ipFamilies")
        for index, family in enumerate(families(new)) if family not in rules.families]


def _complete(new: Spec, primary: str, dual: bool) -> None:
    wanted = families(new) or [primary]
    if dual and len(wanted) == 1:
        wanted = [wanted[0], IPV6 if wanted[0] == IPV4 else IPV4]
    new["ipFamilies"] = wanted


def _refuse(found: list[Finding]) -> None:
    if found:
        raise RefusedError(found)
