"""Faults during a live change of mode on a node with real IPVS and systemd, each under load. Long: make sweep-change.

The list of what was tried and what came of it is printed at the end. Nothing may be lost, except while the node itself
is off, and in the moment in which IPVS connections are handed over: a guard that is killed just then breaks those.
"""
from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest
from ansible.module_utils.fairlead.lab.record import RUN
from ansible.module_utils.fairlead.probe.summary import summarize
from lab_change import UNIT, begun, paused, state, tell, wait_for_phase
from lab_tools import INVENTORY, ROOT, wait_until
from lab_traffic import Services, Traffic, flows

NODE = "node1"  # serves in ipvs mode
# What an emulated node bears beside its change on a machine of two processors; less on a slow one.
RATE, KEPT = int(os.environ.get("RATE", "20")), int(os.environ.get("KEPT", "12"))
PHASES = os.environ.get("PHASES", "bridge stop handover configure start prove carry unbridge reconcile").split()
SECONDS = 400
OUTCOMES: list[str] = []
# The node fills its own connection table for a while, and ends that by itself: ssh would need an entry too.
FILL = ("systemd-run --quiet --collect sh -c 'cd /proc/sys/net/netfilter; limit=$(cat nf_conntrack_max); "
        "cat nf_conntrack_count > nf_conntrack_max; sleep 15; echo $limit > nf_conntrack_max'")


@pytest.fixture(scope="module")
def services(lab):
    if lab.daemonset:
        pytest.skip("systemd only; a lab with pods has tests/lab/test_change_daemonset.py")
    with Services(lab) as made:
        yield made
    bring(lab, lab.nodes[NODE])
    print("\n".join(["", "fault and outcome:", *OUTCOMES]))


@pytest.fixture
def node(lab, services):
    """In ipvs mode, and serving."""
    bring(lab, "ipvs")
    services.ready(NODE)
    return lab.machine(NODE)


def play(mode, **more):
    """playbooks/change_mode.yml without its own probes: (status, what it said)."""
    wish = {"change_mode_to": mode, "change_mode_soak": 2, "probe_flows": [], **more}
    done = subprocess.run(
        ["ansible-playbook", "-i", str(INVENTORY), str(ROOT / "playbooks/change_mode.yml"), "--limit", NODE,
         "--extra-vars", json.dumps(wish)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")})
    return done.returncode, done.stdout + done.stderr


def bring(lab, mode):
    if running(lab) != mode or "fairlead" in lab.machine(NODE).check_output("nft list tables"):
        status, said = play(mode)
        assert status == 0, said


def running(lab):
    return lab.machine(NODE).run("curl -s 127.0.0.1:10249/proxyMode").stdout


def note(fault, outcome, summary):
    OUTCOMES.append(f"{fault}: {outcome}; new {summary.new - summary.failed} ok, {summary.failed} failed; "
                    f"{summary.broken} of {summary.established} broken")
    print(OUTCOMES[-1])


def settled(lab, mode):
    assert running(lab) == mode
    assert "fairlead" not in lab.machine(NODE).check_output("nft list tables")


@pytest.mark.parametrize("phase", PHASES)
def test_a_guard_that_is_killed(lab, node, phase):
    with Traffic(lab, NODE, flows(lab, NODE, RATE, KEPT)) as traffic:
        with paused(node, phase, 8, SECONDS, lambda: play("nftables")) as answers:
            node.check_output(f"systemctl kill --signal=KILL {UNIT}")
        status, said = answers[0]
        assert status != 0
        assert "is in ipvs mode again" in said, said  # the playbook itself undid what was begun
        settled(lab, "ipvs")
        time.sleep(3.0)
    summary = summarize(traffic.results())
    note(f"SIGKILL of the guard in phase {phase}", "undone by the same run", summary)
    assert (summary.failed, summary.broken) == (0, 0), summary


def test_a_playbook_that_is_killed(lab, node):
    """The guard goes on by itself."""
    with Traffic(lab, NODE, flows(lab, NODE, RATE, KEPT)) as traffic:
        earlier = begun(node)
        argv = ["ansible-playbook", "-i", str(INVENTORY), str(ROOT / "playbooks/change_mode.yml"), "--limit", NODE,
                "--extra-vars", json.dumps({"change_mode_to": "nftables", "probe_flows": []})]
        # ssh makes the stderr that it shares with this process non-blocking, and Ansible refuses such a one.
        started = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True,
                                   env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")})
        wait_for_phase(node, "stop", earlier, SECONDS)
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        wait_until("the guard to end", SECONDS, lambda: state(node)["outcome"] != "open")
        settled(lab, "nftables")
        time.sleep(3.0)
    summary = summarize(traffic.results())
    note("SIGKILL of the playbook", "completed by the guard", summary)
    assert (summary.failed, summary.broken) == (0, 0), summary


def test_an_api_server_that_is_away(lab, node):
    """Neither kube-proxy can sync then: the bridge serves until it is back."""
    server = json.loads((RUN / lab.name / "processes" / "kube-apiserver.json").read_text(encoding="utf-8"))["pid"]
    with Traffic(lab, NODE, flows(lab, NODE, RATE, KEPT)) as traffic:
        with paused(node, "configure", 3, SECONDS, lambda: play("nftables")) as answers:
            os.kill(server, signal.SIGSTOP)
            try:
                time.sleep(20.0)
                assert "fairlead-bridge" in node.check_output("nft list tables")
            finally:
                os.kill(server, signal.SIGCONT)
        mode = running(lab)
        settled(lab, mode)
        time.sleep(3.0)
    summary = summarize(traffic.results())
    note("API server away for 20 s from configure on", f"status {answers[0][0]}, in {mode} mode", summary)
    assert (summary.failed, summary.broken) == (0, 0), summary


def test_a_node_that_loses_power(lab, node):
    """Whatever was in the kernel is gone; the next run settles it."""
    with paused(node, "prove", 20, SECONDS, lambda: play("nftables")):
        lab.power_off(NODE)
    lab.power_on()
    again = lab.machine(NODE)
    wait_until("ssh", 240, lambda: again.run("true").rc == 0, 3.0)
    before = state(again)["outcome"]
    status, said = play("nftables")
    assert status == 0, said
    settled(lab, "nftables")
    OUTCOMES.append(f"power-off in phase prove: journal said {before}, completed by the next run")
    assert set(lab.pods_answering("client1", NODE, 30080, 45)) == lab.pods()


def test_a_connection_table_that_is_full(lab, node):
    """New connections fail on such a node, whoever is at work there; so nothing is begun, and what is established
    stays."""
    with Traffic(lab, NODE, flows(lab, NODE, RATE, KEPT)) as traffic:
        with paused(node, "observe", 5, SECONDS, lambda: play("nftables")) as answers:
            node.check_output(FILL)
        time.sleep(15.0)
        settled(lab, "ipvs")
    summary = summarize(traffic.results())
    note("a full connection table", "nothing was changed", summary)
    status, said = answers[0]
    assert status != 0
    assert "nothing was changed: nf_conntrack_max" in said, said
    assert summary.broken == 0, summary


def test_without_the_bridge_the_same_change_loses_connections(lab, node):
    with Traffic(lab, NODE, flows(lab, NODE, RATE, KEPT)) as traffic:
        tell(node, without_bridge=True)
        status, said = play("nftables")
        assert status == 0, said
        time.sleep(3.0)
    summary = summarize(traffic.results())
    note("the bridge left out", "changed", summary)
    assert summary.failed > 0
