"""playbooks/change_mode.yml watched by a machine outside: what its probe sees decides, and rollback.yml goes back."""
from __future__ import annotations

import os

import live_change
import pytest
from bench import Bench
from traffic import STAY, WEB, services

from playbooks import Playbooks

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
NOBODY = 30999  # a node port that no Service has
BROKEN = {"name": "nobody", "kind": "new", "address": "node", "port": NOBODY, "rate": 2}
FLOWS = [{"name": "node port", "kind": "new", "address": "node", "port": WEB, "rate": 20},
         {"name": "node port, IPv6", "kind": "new", "address": "node6", "port": WEB, "rate": 10},
         {"name": "affinity", "kind": "affinity", "address": "node", "port": STAY, "rate": 5},
         {"name": "kept", "kind": "established", "address": "node", "port": WEB, "count": 8, "interval": 0.25}]


@pytest.fixture(scope="module")
def bench():
    with Bench() as made:
        made.apply(*services())
        made.install()
        made.kube_proxy("iptables")
        yield made


def running(bench):
    return bench.on_node("python3", "-c", "import urllib.request as u; "
                         "print(u.urlopen('http://127.0.0.1:10249/proxyMode', timeout=3).read().decode())").strip()


def test_a_watched_change_and_its_rollback_by_hand(bench, tmp_path):
    runs = Playbooks(bench, tmp_path, FLOWS)
    for playbook, mode, came in (("change_mode.yml", "nftables", "iptables"), ("rollback.yml", "", "nftables")):
        status, said = runs.run(playbook, mode)
        assert status == 0, said
        report = runs.report()
        assert (report["from"], report["outcome"]) == (came, "done")
        [probe] = report["probes"]
        assert probe["summary"]["new"] > 50
        assert probe["summary"]["established"] == 8
        assert probe["summary"]["failures"] == 0, probe["summary"]
        assert {"bridge", "stop", "prove", "unbridge"} <= set(report["phases"])
        assert "fairlead" not in bench.on_node("nft", "list", "tables")
    assert running(bench) == "iptables"
    assert (runs.reports / "change-node1.html").stat().st_size > 5000


def test_the_probe_alone(bench, tmp_path):
    runs = Playbooks(bench, tmp_path, FLOWS)
    status, said = runs.run("probe.yml", "", "--extra-vars", "probe_seconds=2")
    assert status == 0, said
    assert "0 failed" in said
    runs = Playbooks(bench, tmp_path, [{"name": "nobody", "kind": "new", "address": "node", "port": NOBODY, "rate": 2}])
    status, said = runs.run("probe.yml", "", "--extra-vars", "probe_seconds=2")
    assert status != 0
    assert "Connection refused" in said


def test_a_probe_that_fails_before_a_change_keeps_it_from_beginning(bench, tmp_path):
    runs = Playbooks(bench, tmp_path, [*FLOWS, BROKEN])
    begun = live_change.state(bench).get("begun")
    status, said = runs.run("change_mode.yml", "nftables")
    assert status != 0
    assert "Look at every probe before anything is changed" in said
    assert "Connection refused" in said
    assert running(bench) == "iptables"
    assert live_change.state(bench).get("begun") == begun
    assert not runs.reports.exists(), "there was no change to report"


def test_a_probe_that_fails_brings_the_node_back(bench, tmp_path):
    runs = Playbooks(bench, tmp_path, [*FLOWS, BROKEN])
    status, said = runs.run("change_mode.yml", "nftables", "--extra-vars", "change_mode_quiet=0")
    assert status != 0
    assert "node1 is in iptables mode again" in said, said
    assert "failed" in said
    assert running(bench) == "iptables"
    assert "fairlead" not in bench.on_node("nft", "list", "tables")
    [probe] = runs.report()["probes"]
    errors = probe["summary"]
    assert errors["failed"] > 0
    # Only the flow to nobody failed: forth and back cost the others nothing.
    assert errors["errors"] == {"new: Connection refused": errors["failed"]}
    assert errors["broken"] == errors["moved"] == 0


def test_what_the_budget_takes_does_not_bring_it_back(bench, tmp_path):
    runs = Playbooks(bench, tmp_path, [BROKEN])
    status, said = runs.run("change_mode.yml", "nftables", "--extra-vars", "change_mode_budget=100000")
    assert status == 0, said
    assert running(bench) == "nftables"


def test_a_rollback_is_not_undone_by_a_probe_that_fails(bench, tmp_path):
    """That something fails may be why somebody goes back."""
    answer = bench.kube_proxy("nftables", "live")
    assert not answer.get("failed"), answer
    status, said = Playbooks(bench, tmp_path, [BROKEN]).run("rollback.yml", "")
    assert status != 0
    assert "Connection refused" in said
    assert "node1 is in iptables mode again" in said, said
    assert running(bench) == "iptables"
