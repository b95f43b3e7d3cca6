"""What a change of release or mode brings: every line, its order, and which of them are upstream's plan."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import fields, modes
from ansible.module_utils.fairlead.kube_proxy.planner import Situation, plan, target_mode

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/kube_proxy/planner.yml").read_text())["cases"]


def situation(case):
    config = {"apiVersion": fields.API_VERSION, "kind": fields.KIND, "clusterCIDR": "10.244.0.0/16",
              "mode": case["mode"], **case["config"]} if "config" in case else {}
    services = [{"metadata": {"name": one["name"]}, "spec": one["spec"]} for one in case.get("services", [])]
    return Situation(modes.release(case["from"]), modes.release(case["to"]), case["mode"], case.get("to_mode", ""),
                     config, services)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_lines(case):
    changes = [one for one in plan(situation(case)) if one.subject != "conntrack.maxPerCore"]
    assert [(one.when, one.effect) for one in changes] == [(row[0], row[1]) for row in case["lines"]], changes
    for change, row in zip(changes, case["lines"]):
        assert change.subject.startswith(row[2])


def test_every_line_has_its_source_and_later_releases_are_marked_as_a_plan():
    changes = plan(Situation((1, 25), (1, 46), "ipvs"))
    assert {one.when for one in changes if one.planned} == {"1.40", "1.43", "1.46"}
    assert not any(one.planned for one in changes if one.when in ("1.35", "1.37", "mode"))
    assert all(one.source and one.fix and one.what for one in changes)


@pytest.mark.parametrize(("now", "wanted", "mode", "target"), [
    ((1, 37), (1, 40), "ipvs", "nftables"), ((1, 37), (1, 39), "ipvs", "ipvs"), ((1, 39), (1, 40), "", "nftables"),
    ((1, 36), (1, 39), "", "iptables"), ((1, 25), (1, 28), "userspace", "iptables")])
def test_where_a_release_leaves_a_mode(now, wanted, mode, target):
    assert target_mode(Situation(now, wanted, mode)) == target


@pytest.mark.parametrize(("asked", "words"), [
    (Situation((1, 37), (1, 36), "ipvs"), "older release"), (Situation((1, 37), (1, 37), "nft"), "no mode"),
    (Situation((1, 30), (1, 37), "userspace"), "does not exist in 1.30")])
def test_what_cannot_be(asked, words):
    with pytest.raises(FairleadError, match=words):
        plan(asked)
