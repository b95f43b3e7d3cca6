"""The main job on a fresh lab: what check mode predicts and what the run changes.

That a second run finds nothing to do is what molecule's idempotence step holds it to.
"""
from __future__ import annotations


def test_check_mode_predicts_exactly_what_the_first_run_changes(lab):
    predicted = lab.playbook("site.yml", "--check", "--diff")
    assert predicted.ok
    assert predicted.changed, "this lab has been settled before: run make lab-down first"
    real = lab.playbook("site.yml")
    assert real.ok
    assert predicted.changed == real.changed


def test_cluster_dns_came_to_life_with_the_service_network(lab):
    lab.kubectl("wait", "deployment/coredns", "--namespace", "kube-system", "--for=condition=Available",
                "--timeout=120s")
