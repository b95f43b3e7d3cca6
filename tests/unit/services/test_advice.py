"""What is said beyond the API server's own rules, and what to write instead of a wish or a slip."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.services import model, verdict
from ansible.module_utils.fairlead.services.advice import advice, static_band
from ansible.module_utils.fairlead.services.facts import Facts
from ansible.module_utils.fairlead.services.findings import ADVICE
from ansible.module_utils.fairlead.services.repository import parse_networks, refusals

CASES = yaml.safe_load((Path(__file__).resolve().parents[1] / "cases/services/advice.yml").read_text(encoding="utf-8"))
TEMPLATES = {"Pod": lambda spec: spec, "CronJob": lambda spec: {"spec": {"jobTemplate": {"spec": {"template": spec}}}}}


def names(cases):
    return [case.get("name") or str(case["says"]) for case in cases]


def workload(number, given):
    template = {"metadata": {"name": f"w{number}", "labels": given["labels"]},
                "spec": {"containers": [{"name": "c", "ports": given.get("ports", [])}]}}
    made = TEMPLATES.get(given["kind"], lambda spec: {"spec": {"template": spec}})(template)
    version = {"Pod": "v1", "CronJob": "batch/v1"}.get(given["kind"], "apps/v1")
    return {"metadata": {"name": f"w{number}"}, **made, "apiVersion": version, "kind": given["kind"]}


def items(case):
    return model.items(case["services"], [workload(*pair) for pair in enumerate(case.get("manifests", []))], {})


@pytest.mark.parametrize("case", CASES["cases"], ids=names(CASES["cases"]))
def test_advice(case):
    found = list(advice(items(case), Facts()))
    wanted = [tuple(says[:2]) for says in case.get("says", [])]
    assert [(item.label, finding.field) for item, finding in found] == wanted
    for (_item, finding), says in zip(found, case.get("says", [])):
        assert says[2] in f"{finding.message} {finding.fix}"
        assert finding.level == ADVICE


@pytest.mark.parametrize("case", CASES["refusals"], ids=names(CASES["refusals"]))
def test_refusal(case):
    found = list(refusals(items(case), parse_networks(case.get("external_ips", ()))))
    assert [(item.label, finding.field, finding.reason) for item, finding in found] == [
        tuple(says[:3]) for says in case.get("says", [])]
    for (_item, finding), says in zip(found, case.get("says", [])):
        assert says[3] in finding.fix


@pytest.mark.parametrize("case", CASES["explained"], ids=names(CASES["explained"]))
def test_a_wish_or_a_slip_is_answered(case):
    field, words = case["says"]
    found = [finding for item in model.items([case["service"]], [], {}) for finding in verdict.server(item, Facts())]
    assert [words in finding.fix for finding in found if finding.field == field] == [True], found


@pytest.mark.parametrize(("first", "last", "band"), [
    (30000, 32767, range(30000, 30086)), (30000, 30127, range(30000, 30016)), (1, 65535, range(1, 129)),
    (30000, 30010, range(30000, 30000))])
def test_static_band(first, last, band):
    assert static_band(range(first, last + 1)) == band


def test_refusals_are_errors_for_a_delivery_and_advice_for_a_check():
    both = model.items([{"name": name, "type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}
                        for name in "ab"], [], {})
    assert verdict.errors(verdict.everything(both, Facts()))
    assert not verdict.errors(verdict.everything(both, Facts(), level=ADVICE))
