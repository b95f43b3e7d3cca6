"""What the API server says of cluster addresses and families (pkg/apis/core/validation:
ValidateServiceClusterIPsRelatedFields, validateUpgradeDowngradeClusterIPs, validateUpgradeDowngradeIPFamilies)."""
from __future__ import annotations

from collections.abc import Iterator

from ansible.module_utils.fairlead.services.findings import Finding, duplicate, invalid, not_supported, required
from ansible.module_utils.fairlead.services.server.addresses import IPV4, IPV6, address_problem, family_of
from ansible.module_utils.fairlead.services.server.defaults import (
    EXTERNAL_NAME,
    NONE,
    Spec,
    cluster_ips,
    families,
    is_headless,
)
from ansible.module_utils.fairlead.services.server.rules import Rules

FAMILIES = (IPV4, IPV6)
POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")
SINGLE = POLICIES[0]
_FIELD, _POLICY = "spec.clusterIPs", "spec.ipFamilyPolicy"
_FIXED = "may not change once set"
_KEEP = "leave it as it is, or delete the Service and create it again"


def validate(old: Spec | None, new: Spec, rules: Rules) -> Iterator[Finding]:
    """ValidateServiceClusterIPsRelatedFields."""
    if new["type"] == EXTERNAL_NAME:
        return
    yield from _one_and_list(new)
    yield from _family_names(new)
    wrong = list(_texts(old, new, rules))
    yield from wrong
    given = cluster_ips(new)
    if len(given) > 2:
        yield invalid(_FIELD, given, "may only hold up to 2 values", "write one address of each family")
    # Comparing addresses that are none would only confuse.
    if not wrong:
        yield from _against_families(new)


def upgrade_addresses(old: Spec, new: Spec) -> Iterator[Finding]:
    """validateUpgradeDowngradeClusterIPs: the first address stays, the second may come and go."""
    if EXTERNAL_NAME in (old["type"], new["type"]) or (is_headless(old) and is_headless(new)):
        return
    before, after = cluster_ips(old), cluster_ips(new)
    if len(before) == len(after):
        for index, (was, text) in enumerate(zip(before, after)):
            if was != text:
                yield invalid(f"{_FIELD}[{index}]", after, _FIXED, _KEEP)
        return
    if not after:
        yield invalid(f"{_FIELD}[0]", after, "primary clusterIP can not be unset", _KEEP)
    elif before and before[0] != after[0]:
        yield invalid(f"{_FIELD}[0]", after, _FIXED, _KEEP)
    if len(before) > len(after) == 1 and new.get("ipFamilyPolicy") != SINGLE:
        yield invalid(_POLICY, new.get("ipFamilyPolicy"),
                      "must be set to 'SingleStack' when releasing the secondary clusterIP",
                      "write ipFamilyPolicy: SingleStack")


def upgrade_families(old: Spec, new: Spec) -> Iterator[Finding]:
    """validateUpgradeDowngradeIPFamilies: the first family stays, the second may come and go."""
    if EXTERNAL_NAME in (old["type"], new["type"]) or is_headless(old) or is_headless(new):
        return
    before, after = families(old), families(new)
    if len(before) == len(after):
        if before != after:
            yield invalid("spec.ipFamilies[0]", after, _FIXED, _KEEP)
        return
    if len(before) > len(after) and not cluster_ips(new):
        yield invalid("spec.ipFamilies[0]", after, "primary ipFamily can not be unset", _KEEP)
    if before and after and before[0] != after[0]:
        yield invalid("spec.ipFamilies[0]", after, _FIXED, _KEEP)
    if len(before) > len(after) == 1 and new.get("ipFamilyPolicy") != SINGLE:
        yield invalid(_POLICY, new.get("ipFamilyPolicy"),
                      "must be set to 'SingleStack' when releasing the secondary ipFamily",
                      "write ipFamilyPolicy: SingleStack")


def _one_and_list(new: Spec) -> Iterator[Finding]:
    one, given = new.get("clusterIP"), cluster_ips(new)
    if one and not given:
        yield required(_FIELD, f"write clusterIPs: [{one}], or drop both")
    elif one and given[0] != one:
        yield invalid(_FIELD, given, "first value must match `clusterIP`", f"write clusterIPs: [{one}], or drop it")
    elif given and not one:
        yield invalid(_FIELD, given, "must be empty when `clusterIP` is not specified",
                      f"add clusterIP: {given[0]}" if given[0] else "drop clusterIPs")


def _family_names(new: Spec) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, name in enumerate(families(new)):
        if name not in FAMILIES:
            yield not_supported(f"spec.ipFamilies[{index}]", name, FAMILIES)
        if name in seen:
            yield duplicate(f"spec.ipFamilies[{index}]", name, "name each family once")
        seen.add(name)
    policy = new.get("ipFamilyPolicy")
    if policy is not None and policy not in POLICIES:
        yield not_supported(_POLICY, policy, POLICIES)


def _texts(old: Spec | None, new: Spec, rules: Rules) -> Iterator[Finding]:
    given = cluster_ips(new)
    before = cluster_ips(old) if old is not None and rules.keeps_old_addresses else []
    for index, text in enumerate(given):
        if index == 0 and text == NONE:
            if len(given) > 1:
                yield invalid(_FIELD, given, "'None' must be the first and only value", "write clusterIPs: [None]")
            continue
        problem = "" if text in before else address_problem(text, rules.strict_addresses)
        if problem:
            yield invalid(f"{_FIELD}[{index}]", text, problem,
                          "write an address of the cluster's Service network, or drop it to get one")


def _against_families(new: Spec) -> Iterator[Finding]:
    given, wanted = cluster_ips(new), families(new)
    if len(given) > 1 and {family_of(text) for text in given} != set(FAMILIES):
        yield invalid(_FIELD, given, "may specify no more than one IP for each IP family",
                      "write one address of each family")
    if is_headless(new):
        return
    for index, (text, family) in enumerate(zip(given, wanted)):
        if family in FAMILIES and (family_of(text) == IPV6) != (family == IPV6):
            yield invalid(f"{_FIELD}[{index}]", text,
                          f"expected an {family} value as indicated by `ipFamilies[{index}]`",
                          "write ipFamilies in the order of clusterIPs, or drop them")
