"""The comparison with real API servers notices what is wrong, also without one."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.services.facts import Facts
from ansible.module_utils.fairlead.services.server import policies, ports
from parity import generate, removal
from parity.compare import Case, Said
from parity.run import Run

FACTS = Facts(service_cidrs=("10.96.0.0/16", "fd00:96::/108"), dry_run=True)
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
           "spec": {"ports": [{"port": 0, "targetPort": 1}], "sessionAffinity": "clientIP"}}
# What kube-apiserver 1.37.2 said of it.
SAID = Said(422, frozenset({("spec.ports[0].port", "Invalid"), ("spec.sessionAffinity", "NotSupported")}))


def case(said):
    return Case("create", 0, SERVICE, None, said, "")


def test_agreement():
    assert case(SAID).agrees(FACTS)


@pytest.mark.parametrize("said", [
    Said(201, frozenset()), Said(400, frozenset()), Said(422, frozenset()),
    Said(422, SAID.causes | {("spec.type", "Required")}),
    Said(422, frozenset({("spec.ports[0].port", "Required"), ("spec.sessionAffinity", "NotSupported")}))])
def test_other_answers_are_mismatches(said):
    assert not case(said).agrees(FACTS)


@pytest.mark.parametrize("rule", [(policies, "affinity"), (ports, "_port")], ids=str)
def test_a_missing_rule_is_a_mismatch(rule):
    with removal.without(*rule):
        assert not case(SAID).agrees(FACTS)
    assert case(SAID).agrees(FACTS)


def test_rules_that_no_request_needs_are_named():
    unnoticed = removal.unnoticed([Run("1.37.2", "dual-stack", FACTS, [case(SAID)])])
    assert len(unnoticed) == len(removal.RULES) - 2
    assert "policies.affinity" not in unnoticed


def test_the_same_seed_gives_the_same_services():
    first, second = (generate.Generator(7) for _ in range(2))
    assert [first.create() for _ in range(200)] == [second.create() for _ in range(200)]
