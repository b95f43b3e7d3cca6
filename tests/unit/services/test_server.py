"""The API server's answers: to creating a Service, to changing one, and when a fact about the cluster is not known."""
from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import judge
from ansible.module_utils.fairlead.services.facts import (
    Facts,
    parse_cidrs,
    parse_feature_gates,
    parse_range,
    parse_version,
)
from ansible.module_utils.fairlead.services.findings import ADVICE
from ansible.module_utils.fairlead.services.server.addresses import address_problem, network_problem, parse_address

CASES = Path(__file__).resolve().parents[1] / "cases/services"
CREATES = yaml.safe_load((CASES / "server_create.yml").read_text(encoding="utf-8"))
UPDATES = yaml.safe_load((CASES / "server_update.yml").read_text(encoding="utf-8"))
ADDRESSES = yaml.safe_load((CASES / "addresses.yml").read_text(encoding="utf-8"))
METADATA = {"name": "web", "namespace": "default", "uid": "this", "resourceVersion": "7"}


def facts_of(case):
    known = case.get("facts", {})
    return Facts(parse_version(known.get("version", "1.37")), parse_range(known.get("node_ports", "30000-32767")),
                 parse_cidrs(known.get("cidrs", "10.96.0.0/16,fd00:96::/108")),
                 parse_feature_gates(known.get("gates", "")), known.get("dry_run", True))


def service(metadata, spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def update_of(case):
    """(stored, new) of a case in server_update.yml."""
    stored = service(METADATA, UPDATES["stored"][case["of"]])
    new = copy.deepcopy(stored)
    for part, changes in (("spec", case.get("change", {})), ("metadata", case.get("metadata", {}))):
        new[part] = {key: value for key, value in {**new[part], **changes}.items() if value is not None}
    return stored, new


def create_of(case):
    metadata = {**{key: METADATA[key] for key in ("name", "namespace")}, **case.get("metadata", {})}
    return service(metadata, case.get("spec", {"ports": [{"port": 80}]}))


def compare(answer, case, accepted):
    """Only a 422 of the server names fields; whatever else it refuses with, we say why."""
    says = sorted((field, reason) for field, reason in case.get("says", []))
    code = case.get("code", 422 if says else accepted)
    assert answer.code == code
    if code in (accepted, 422):
        assert sorted({(finding.field, finding.reason) for finding in answer.findings}) == says
    else:
        assert answer.findings
    for finding in answer.findings:
        assert finding.fix
        assert not finding.words().endswith("..")


@pytest.mark.parametrize("case", CREATES, ids=[case["name"] for case in CREATES])
def test_create(case):
    given = create_of(case)
    before = copy.deepcopy(given)
    compare(judge.answer(given, facts_of(case)), case, 201)
    assert given == before


@pytest.mark.parametrize("case", UPDATES["cases"], ids=[case["name"] for case in UPDATES["cases"]])
def test_update(case):
    stored, new = update_of(case)
    before = copy.deepcopy((stored, new))
    compare(judge.answer(new, facts_of(case), stored), case, 200)
    assert (stored, new) == before


@pytest.mark.parametrize("case", ADDRESSES["addresses"], ids=str)
def test_address(case):
    text, sloppy, strict = case
    assert (not address_problem(text, False), not address_problem(text, True)) == (sloppy, strict)


@pytest.mark.parametrize("case", ADDRESSES["networks"], ids=str)
def test_network(case):
    text, sloppy, strict = case
    assert (not network_problem(text, False), not network_problem(text, True)) == (sloppy, strict)


def test_ipv4_written_as_ipv6_is_ipv4():
    assert parse_address("::ffff:1.2.3.4")[:2] == parse_address("1.2.3.4")[:2]


def found(spec, **facts):
    return [(finding.field, finding.reason, finding.level)
            for finding in judge.judge_one(service({"name": "web"}, spec), Facts(**facts))]


def test_an_address_needs_the_service_networks():
    spec = {"ports": [{"port": 80}], "clusterIP": "10.96.0.5"}
    assert found(spec) == [("spec.clusterIPs[0]", "Unknown", ADVICE)]
    assert found(spec, service_cidrs=("10.96.0.0/16",)) == []


def test_families_need_the_service_networks():
    spec = {"ports": [{"port": 80}], "ipFamilyPolicy": "RequireDualStack"}
    assert found(spec) == [("spec.ipFamilyPolicy", "Unknown", ADVICE)]
    assert found({**spec, "ipFamilyPolicy": "PreferDualStack"}) == []


def test_what_is_wrong_in_every_cluster_is_certain():
    spec = {"ports": [{"port": 80}], "clusterIP": "10.96.0.5", "ipFamilies": ["IPv4", "IPv4"]}
    assert found(spec) == [("spec.ipFamilies[1]", "Duplicate", "error")]


def test_a_stored_service_tells_its_family():
    stored = service(METADATA, UPDATES["stored"]["cluster_ip"])
    assert list(judge.judge_update(stored, {**stored, "metadata": {"name": "web"}}, Facts())) == []


def test_what_is_no_stored_service():
    with pytest.raises(FairleadError, match="kubectl get service"):
        list(judge.judge_update({"kind": "List"}, service({"name": "web"}, {}), Facts()))


def test_unknown_field_and_a_mistake_besides():
    spec = {"ports": [{"port": 0, "targetPort": 1}], "selectors": {}}
    answer = judge.answer(service({"name": "web"}, spec), Facts())
    assert answer.code == 400
    assert [finding.field for finding in answer.findings] == ["spec.selectors", "spec.ports[0].port"]


@pytest.mark.parametrize(("text", "version"), [("1.37", (1, 37)), ("v1.29.6", (1, 29)), ("1.37.2-rc.1+x", (1, 37))])
def test_version(text, version):
    assert parse_version(text) == version


@pytest.mark.parametrize(("parse", "text"), [
    *((parse_version, text) for text in ("1.28", "1.38", "x", "")),
    *((parse_cidrs, text) for text in ("10.96.0.0", "10.96.0.0/16,10.97.0.0/16", "10.0.0.0/8,fd00::/64,fd01::/64")),
    *((parse_feature_gates, text) for text in ("A", "A=maybe")),
    (parse_range, "30000-99999999999999999999")])
def test_what_is_no_fact(parse, text):
    with pytest.raises(FairleadError):
        parse(text)
