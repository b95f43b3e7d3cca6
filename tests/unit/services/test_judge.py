"""What is said of Services and workloads, offline."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import model
from ansible.module_utils.fairlead.services.facts import Facts, parse_range
from ansible.module_utils.fairlead.services.findings import ADVICE, SHOWN, near, summary
from ansible.module_utils.fairlead.services.verdict import errors, everything

CASES = yaml.safe_load((Path(__file__).resolve().parents[1] / "cases/services/judge.yml").read_text(encoding="utf-8"))


CLUSTER = Facts(service_cidrs=("10.96.0.0/16", "fd00:96::/108"))


def judged(services=(), manifests=(), defaults=None, facts=CLUSTER):
    """Errors alone; for advice see test_advice.py."""
    return errors(everything(model.items(list(services), list(manifests), defaults or {}), facts))


def compare(findings, wanted):
    assert [(f.field, f.reason) for f in findings] == [(field, reason) for field, reason, _fix in wanted]
    for finding, (_field, _reason, fix) in zip(findings, wanted):
        assert fix in finding.fix
        assert finding.item
        assert not finding.words().endswith("..")


@pytest.mark.parametrize("case", CASES["cases"], ids=[case["name"] for case in CASES["cases"]])
def test_service(case):
    compare(sorted(judged([case["service"]]), key=lambda f: f.field),
            sorted(case.get("findings", []), key=lambda wanted: wanted[0]))


@pytest.mark.parametrize("case", CASES["manifests"], ids=[case["name"] for case in CASES["manifests"]])
def test_manifest(case):
    manifest = case["manifest"]
    if (manifest.get("metadata") or {}) and manifest["metadata"].get("name") == "LONG":
        manifest = {**manifest, "metadata": {"name": "a" * 250}}
    found = judged(manifests=[manifest])
    wanted = case.get("findings", [])
    assert sorted((f.field, f.reason) for f in found) == sorted((field, reason) for field, reason, _fix in wanted)
    for _field, _reason, fix in wanted:
        assert any(fix in finding.fix for finding in found)


def test_one_node_port_for_two_services_names_the_first():
    common = {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}
    found = judged([{"name": "a", **common}, {"name": "b", **common}])
    assert [(f.item, f.field, f.reason) for f in found] == [("services[1]", "spec.ports[0].nodePort", "Invalid")]
    assert "services[0] Service default/a" in found[0].fix


def test_one_node_port_for_two_protocols_is_fine():
    ports = [{"port": 53, "nodePort": 30053, "protocol": "UDP"}, {"port": 53, "nodePort": 30053}]
    assert not judged([{"name": f"a{nr}", "type": "NodePort", "ports": [port]} for nr, port in enumerate(ports)])


def test_the_same_object_twice():
    web = {"name": "web", "ports": [{"port": 80}]}
    complete = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
                "spec": {"ports": [{"port": 81}]}}
    found = judged([web, complete, {**web, "namespace": "other"}])
    assert [(f.item, f.reason) for f in found] == [("services[1]", "Duplicate")]


def test_range_of_the_cluster():
    service = {"name": "a", "type": "NodePort", "ports": [{"port": 80, "nodePort": 8080}]}
    assert not judged([service], facts=Facts(node_ports=parse_range("8000-9000")))
    assert "8100-9000" in judged([service], facts=Facts(node_ports=parse_range("8100-9000")))[0].fix


@pytest.mark.parametrize("text", ["", "30000", "9-8", "0-5", "1-65536", "a-b"])
def test_what_is_not_a_range(text):
    with pytest.raises(FairleadError, match="30000-32767"):
        parse_range(text)


def test_what_the_server_fills_in_is_advice():
    metadata = {"name": "a", "uid": "1", "creationTimestamp": None}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    found = everything(model.items([], [manifest], {}), CLUSTER)
    assert [(f.field, f.level) for f in found] == [("metadata.uid", ADVICE)]
    assert errors(found) == []


def test_terminal_escapes_do_not_reach_the_terminal():
    odd = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
           "spec": {"template": {"metadata": {"labels": {"a": "\x1b[31m"}}}}}
    found = judged([{"name": "a\x1b[31m", "type": "\x07", "ports": [{"port": 80}]}], [odd])
    assert len(found) == 3
    assert all(finding.words().isprintable() for finding in found)


def test_a_long_list_of_mistakes_is_cut():
    found = judged([{"name": f"a{index}"} for index in range(SHOWN + 3)])
    lines = summary(found, "nothing was written").splitlines()
    assert (lines[0], lines[-1]) == (f"{SHOWN + 3} mistakes; nothing was written:", "and 3 more")


@pytest.mark.parametrize(("word", "meant"), [("sesionAffinity", "sessionAffinity"), ("TYPE", "type"), ("zzz", "")])
def test_near(word, meant):
    assert near(word, ["sessionAffinity", "type"]) == meant
