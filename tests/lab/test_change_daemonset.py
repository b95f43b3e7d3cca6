"""Live changes of one node whose kube-proxy is a pod, under load, with real kubelets, containers, IPVS and systemd.

Needs a lab of that kind: make sweep-change KUBE_PROXY=daemonset. Long.
"""
from __future__ import annotations

import json
import time

import pytest
from ansible.module_utils.fairlead.mode_change import own_sources
from ansible.module_utils.fairlead.probe.summary import summarize
from lab_change import PLACE, UNIT, paused, state
from lab_modes import MODES, proxies, rules, settle, traces
from lab_tools import wait_until
from lab_traffic import Services, Traffic, flows

NODE, RATE, KEPT = "node1", 20, 12
TOKEN = "/run/fairlead-mode-change.token"
BOOT = "/etc/systemd/system/fairlead-mode-change-boot.service"
LABEL = "fairlead.dev/kube-proxy-mode"
SECONDS = 900


@pytest.fixture(scope="module")
def services(lab):
    if not lab.daemonset:
        pytest.skip("this lab runs kube-proxy under systemd: make sweep-change KUBE_PROXY=daemonset has one with pods")
    with Services(lab) as made:
        yield made
    assert settle(lab, lab.nodes, "--limit", NODE).ok


@pytest.fixture
def others(lab, services):
    """Every other node's kube-proxy processes; they have to be the same afterwards."""
    before = {node: found for node, found in proxies(lab).items() if node != NODE}
    yield
    assert {node: found for node, found in proxies(lab).items() if node != NODE} == before


def bring(lab, services, mode):
    """Whatever the node did before, by a restart."""
    assert settle(lab, {NODE: mode}, "--limit", NODE).ok
    services.ready(NODE)


def change(lab, mode):
    wish = {"change_mode_to": mode, "change_mode_soak": 4, "probe_flows": []}
    return lab.playbook("playbooks/change_mode.yml", "--limit", NODE, "--extra-vars", json.dumps(wish))


def settled(lab, mode):
    """Asked of kube-proxy, kernel and API server."""
    machine = lab.machine(NODE)
    assert machine.check_output("curl -s 127.0.0.1:10249/proxyMode") == mode
    assert rules(lab, NODE) == {name: name == mode for name in MODES}
    assert traces(lab, NODE) == {name: name == mode for name in MODES}
    assert "fairlead" not in machine.check_output("nft list tables")
    if own_sources.DEVICE in machine.check_output("ip -brief link"):  # the node's own connections were older
        assert f"device {own_sources.DEVICE} stays" in machine.check_output(f"cat {PLACE}/journal.log")
    assert len(proxies(lab)[NODE]) == 1
    node = lab.get("node", NODE)["metadata"]
    assert node["labels"][LABEL].startswith(f"{mode}-")
    assert "fairlead.dev" not in json.dumps(node.get("annotations", {}))
    assert not machine.file(TOKEN).exists
    assert not machine.file(BOOT).exists
    assert "eyJ" not in machine.check_output(f"cat {PLACE}/state.json {PLACE}/journal.log")  # how a token begins


def nothing_lost(traffic, what):
    summary = summarize(traffic.results())
    print(f"{what}: new {summary.new - summary.failed} ok, {summary.failed} failed; {summary.broken} of "
          f"{summary.established} broken; {summary.moved} of {summary.clients} affinity clients moved")
    assert summary.new > RATE
    assert summary.established > 0
    assert (summary.failed, summary.broken) == (0, 0), summary


def label(lab):
    return lab.get("node", NODE)["metadata"]["labels"].get(LABEL)


def live(lab):
    """To nftables, without change_mode.yml, which would go back in the same run."""
    return settle(lab, {NODE: "nftables"}, "--limit", NODE, kube_proxy_mode_change="live")


@pytest.mark.parametrize("old", ["iptables", "ipvs"])
def test_to_nftables_and_back(lab, services, others, old):
    bring(lab, services, old)
    with Traffic(lab, NODE, flows(lab, NODE, RATE, KEPT)) as traffic:
        for mode in ("nftables", old):
            changed = change(lab, mode)
            assert changed.ok
            settled(lab, mode)
            print("\n".join(lab.machine(NODE).check_output(f"cat {PLACE}/journal.log").splitlines()))
        time.sleep(3.0)
    nothing_lost(traffic, f"{old} to nftables and back")


def test_a_guard_that_is_killed_while_it_proves_and_the_next_run(lab, services, others):
    """The bridge serves until then."""
    bring(lab, services, "iptables")
    node = lab.machine(NODE)
    with Traffic(lab, NODE, flows(lab, NODE, RATE, KEPT)) as traffic:
        with paused(node, "prove", 15, SECONDS, lambda: live(lab)) as answers:
            node.check_output(f"systemctl kill --signal=KILL {UNIT}")
        assert not answers[0].ok
        assert "not completed" in answers[0].output
        assert "fairlead-bridge" in node.check_output("nft list tables")
        assert settle(lab, {NODE: "nftables"}, "--limit", NODE, kube_proxy_mode_change="refuse").ok
        settled(lab, "nftables")
        time.sleep(3.0)
    nothing_lost(traffic, "guard killed in phase prove, completed by the next run")


def test_a_node_that_loses_power_while_its_label_is_none(lab, services, others):
    """It has neither bridge nor kube-proxy then; at boot it serves in its old mode again, without any run of ours."""
    bring(lab, services, "iptables")
    node, before = lab.machine(NODE), label(lab)
    # To the end of the playbook, which must not be what brings the node back.
    with paused(node, "configure", 300, SECONDS, lambda: live(lab)) as answers:
        assert label(lab) == "none"
        assert node.check_output(f"systemctl is-enabled {BOOT.rpartition('/')[2]}") == "enabled"
        lab.power_off(NODE)
    assert not answers[0].ok
    assert label(lab) == "none"
    lab.power_on()
    wait_until(f"the label {before} again", 300, lambda: label(lab) == before, 2.0)
    wait_until("the unit to be gone", 120, lambda: node.run(f"test ! -e {BOOT}").succeeded, 2.0)
    assert state(node)["outcome"] == "rolled back"
    print(node.check_output(f"cat {PLACE}/journal.log"))
    services.ready(NODE)
    settled(lab, "iptables")
    again = change(lab, "iptables")
    assert again.ok
    assert again.changed == set()
    assert change(lab, "nftables").ok
    settled(lab, "nftables")


def test_a_node_that_is_settled_changes_nothing(lab, services, others):
    before = proxies(lab)
    again = change(lab, lab.machine(NODE).check_output("curl -s 127.0.0.1:10249/proxyMode"))
    assert again.ok
    assert again.changed == set()
    assert proxies(lab) == before
