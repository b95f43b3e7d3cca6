"""fairlead verify, as far as no cluster is needed; tests/api has the rest."""
from __future__ import annotations

import os

import pytest
from ansible.module_utils.fairlead.cli import verify


def test_no_kubeconfig_could_not_tell(fairlead, tmp_path):
    said = fairlead("verify", "--kubeconfig", tmp_path / "none")
    assert said.status == 2
    assert "cannot be used" in said.err


@pytest.mark.parametrize(("written", "status"), [
    ('{"verdict": "proven"}', 0), ('{"verdict": "disproven"}', 1), ('{"verdict": "unknown"}', 2), ("half a {", 2),
    (None, 2)])
def test_the_playbooks_report_decides(fairlead, tmp_path, monkeypatch, written, status):
    report = tmp_path / "verify.json"

    def play(inventory, wishes):
        assert inventory == "/hosts.yml"
        assert wishes["service_verify_report_path"] == str(report)
        assert "service_verify_kubeconfig" not in wishes
        if written is not None:
            report.write_text(written)

    monkeypatch.setattr(verify, "_play", play)
    assert fairlead("verify", "--inventory", "/hosts.yml", "--report", report).status == status


def test_drift_takes_an_inventory(fairlead, tmp_path, monkeypatch):
    said = fairlead("verify", "--kubeconfig", tmp_path / "none", "--drift")
    assert said.status == 2
    assert "--inventory" in said.err
    seen = {}
    monkeypatch.setattr(verify, "_play", lambda inventory, wishes: seen.update(wishes))
    fairlead("verify", "--inventory", "/hosts.yml", "--drift")
    assert seen["service_verify_drift"] is True


def test_the_depth_goes_to_the_playbook(fairlead, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(verify, "_play", lambda inventory, wishes: seen.update(wishes))
    fairlead("verify", "--inventory", "/hosts.yml", "--depth", "quick", "--sample", "50", "--seed", "monday")
    assert {name: seen[f"service_verify_{name}"] for name in ("depth", "sample", "seed")} == {
        "depth": "quick", "sample": 50, "seed": "monday"}


def test_a_sample_of_no_number_of_cells_is_refused(fairlead, tmp_path):
    """Before any cluster is asked."""
    said = fairlead("verify", "--kubeconfig", tmp_path / "none", "--depth", "quick", "--sample", "-1")
    assert said.status == 2
    assert "service_verify_sample=-1" in said.err


def test_the_report_of_an_earlier_run_is_not_taken_for_this_ones(fairlead, tmp_path, monkeypatch):
    report = tmp_path / "verify.json"
    report.write_text('{"verdict": "proven"}')
    os.utime(report, (1, 1))
    monkeypatch.setattr(verify, "_play", lambda inventory, wishes: None)
    assert fairlead("verify", "--inventory", "/hosts.yml", "--report", report).status == 2
