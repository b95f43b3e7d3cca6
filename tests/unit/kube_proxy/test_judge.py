"""The verdict on configurations; tests/parity holds the same rules against the real kube-proxy."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.kube_proxy import fields, values
from ansible.module_utils.fairlead.kube_proxy.decode import leaves
from ansible.module_utils.fairlead.kube_proxy.judge import judge_configuration, refused
from ansible.module_utils.fairlead.services.findings import ADVICE, ERROR

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/kube_proxy/judge.yml").read_text())["cases"]
SOUND = {"apiVersion": fields.API_VERSION, "kind": fields.KIND, "mode": "iptables", "clusterCIDR": "10.244.0.0/16"}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_findings(case):
    findings = judge_configuration({**SOUND, **case["config"]}, case.get("release", "1.37"))
    for level, wanted in ((ERROR, case.get("errors", [])), (ADVICE, case.get("advice", []))):
        found = [finding for finding in findings if finding.level == level]
        assert [finding.field for finding in found] == [row[0] for row in wanted], found
        for finding, row in zip(found, wanted):
            for words in row[1:]:
                assert words in f"{finding.message} {finding.fix}"


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_mapping_is_one_finding(document):
    assert len(judge_configuration(document)) == 1


def test_ambiguous_addresses_are_refused_beside_errors():
    wrong = refused(judge_configuration({**SOUND, "clusterCIDR": "010.0.0.0/8", "oomScoreAdj": 2000, "mode": ""}))
    assert {finding.field for finding in wrong} == {"clusterCIDR", "oomScoreAdj"}


def test_a_mapped_network_is_ipv4_as_kube_proxy_reads_it():
    mapped = {**SOUND, "clusterCIDR": "::ffff:10.0.0.0/104,10.0.0.0/8"}
    assert [finding.field for finding in refused(judge_configuration(mapped))] == ["clusterCIDR"]
    assert not refused(judge_configuration({**SOUND, "clusterCIDR": "::ffff:10.0.0.0/104,fd00::/56"}))


def test_every_field_with_its_default_is_sound():
    document = dict(SOUND)
    for path, field in leaves():
        if field.default is None:
            continue
        below = document
        *blocks, name = path.split(".")
        for block in blocks:
            below = below.setdefault(block, {})
        below[name] = SOUND.get(path, field.default)
    document.update(nodePortAddresses=["primary"], featureGates={"KubeProxyIPVS": True})
    assert not refused(judge_configuration(document))


@pytest.mark.parametrize(("text", "nanoseconds"), [
    ("1h30m", 5400 * 10**9), ("0", 0), ("-1.5s", -1500 * 10**6), (".5s", 500 * 10**6), ("1.s", 10**9),
    ("1\u00b5s", 1000),
    ("30", None), ("", None), (".s", None), ("1d", None), ("9223372037s", None), ("\u0661s", None)])
def test_durations_are_gos(text, nanoseconds):
    assert values.duration(text) == nanoseconds


@pytest.mark.parametrize(("text", "meant"), [
    ("010.0.0.1", "10.0.0.1"), ("::ffff:01.2.3.4", "::ffff:102:304"), ("00001::1", "1::1"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ("fe80::1%e", None), ("1.2.3", None), (":::", None), ("", None), ("1.2.3.256", None)])
def test_addresses_are_read_as_kube_proxy_reads_them(text, meant):
    assert (str(values.address(text)) if values.address(text) else None) == meant


@pytest.mark.parametrize(("text", "parts"), [
    ("[::1]:80", ("::1", "80")), (":80", ("", "80")), ("a:b", ("a", "b")), ("::1:80", None), ("[::1]", None),
    ("a]:1", None)])
def test_host_and_port_are_split_as_go_splits_them(text, parts):
    assert values.host_port(text) == parts
