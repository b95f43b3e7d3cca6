"""Role kube_proxy takes nodes one after the other and ends at the first that does not serve.

Ansible and the role are real; the modules are stand-ins that write down each call. The same on real nodes, with the
real modules, is tests/lab/test_modes.py and test_take_over.py.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NODES = ("n1", "n2", "n3")
MODULE = '''#!{python}
# WANT_JSON
import json, sys
args = json.load(open(sys.argv[1]))
plan = json.load(open("{plan}"))
name = "{name}"
words = [name] + [str(args[key]) for key in ("node", "restarts", "label", "wait_for_mode", "owner", "after_moves")
                  if args.get(key) not in (None, "")]
with open("{log}", "a") as log:
    log.write(" ".join(words) + "\\n")
result = {{"changed": False}}
if name in ("kube_proxy", "kube_proxy_arguments") and args["restarts"] == "hold":
    due = args["node"] in plan["due"]
    given = {{key: value for key, value in args.items() if not key.startswith("_")}}
    result["restart_due"] = {{**given, "restarts": "now"}} if due else {{}}
if name in ("kube_proxy", "kube_proxy_arguments") and args["restarts"] == "now":
    result = {{"changed": True, "failed": args["node"] in plan["bad"], "msg": "did not serve. The node went back"}}
if name == "kube_proxy_info":
    result.update(mode="iptables", deployment=plan["deployment"], **plan["change"])
    if args.get("wait_for_mode") == "nftables" and plan["bad"]:
        result = {{"failed": True, "msg": "did not serve in nftables mode"}}
if name == "kube_proxy_daemonset":
    result["due"] = [] if args.get("after_moves") else [
        {{"node": node, "label": "nftables-1", "mode": "nftables", "label_before": "", "mode_before": "iptables",
          "live": args["mode_change"] == "live" or node in args["unfinished"]}}
        for node in plan["due"]]
if name == "kube_proxy_token":
    result["token"] = "the-token-itself"
if name == "kube_proxy_daemonset_change":
    assert args["token"] == "the-token-itself"
    result = {{"changed": True, "failed": args["node"] in plan["bad"], "msg": "rolled back"}}
print(json.dumps(result))
'''
MODULES = ("kube_proxy", "kube_proxy_arguments", "kube_proxy_leftovers", "kube_proxy_info", "kube_proxy_daemonset",
           "kube_proxy_daemonset_move", "kube_proxy_daemonset_change", "kube_proxy_token")
NO_CHANGE = {"unfinished_change": "", "change_under_way": False}


@pytest.fixture
def run(tmp_path):
    """Run the role on three nodes; (status, output, calls in order)."""
    (tmp_path / "library").mkdir()
    for name in MODULES:
        text = MODULE.format(python=sys.executable, plan=tmp_path / "plan.json", log=tmp_path / "calls", name=name)
        (tmp_path / "library" / f"{name}.py").write_text(text)
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": dict.fromkeys(NODES, variables)}}))

    def call(deployment, due, bad=(), *, check=False, runs="other", serial=None, change=NO_CHANGE, **more):
        (tmp_path / "plan.json").write_text(json.dumps(
            {"due": list(due), "bad": list(bad), "deployment": runs, "change": change}))
        play = {"hosts": "all", "gather_facts": False, "roles": ["kube_proxy"], "serial": serial or "100%"}
        (tmp_path / "play.json").write_text(json.dumps([play]))
        (tmp_path / "calls").write_text("")
        wish = json.dumps({"kube_proxy_deployment": deployment, "kube_proxy_kubernetes_version": "1.37.2",
                           "kube_proxy_cluster_cidrs": ["10.244.0.0/16"], **more})
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(tmp_path / "hosts.json"),
                str(tmp_path / "play.json"), "--extra-vars", wish, *(["--check"] if check else [])]
        environment = {
            **os.environ, "ANSIBLE_LIBRARY": str(tmp_path / "library"), "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(argv, cwd=tmp_path, env=environment, check=False, timeout=1200, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout, (tmp_path / "calls").read_text().splitlines()

    return call


def test_restarts_take_turns(run):
    status, output, calls = run("systemd", due=("n1", "n3"))
    assert status == 0, output
    assert sorted(calls[:3]) == [f"kube_proxy {node} hold" for node in NODES]
    assert calls[3:] == ["kube_proxy n1 now", "kube_proxy n3 now"]


def test_nothing_to_restart_is_one_round_trip_for_each_node(run):
    status, output, calls = run("systemd", due=())
    assert status == 0, output
    assert sorted(calls) == [f"kube_proxy {node} hold" for node in NODES]


def test_a_node_that_does_not_serve_ends_the_run(run):
    status, output, calls = run("systemd", due=NODES, bad=("n1",))
    assert status != 0
    assert "went back" in output
    assert calls[3:] == ["kube_proxy n1 now"]


def test_moves_take_turns_and_end_with_a_clean_up(run):
    status, output, calls = run("daemonset", due=("n1", "n2"))
    assert status == 0, output
    assert calls[3:] == [
        "kube_proxy_daemonset fairlead",
        "kube_proxy_daemonset_move n1 nftables-1", "kube_proxy_info nftables",
        "kube_proxy_daemonset_move n2 nftables-1", "kube_proxy_info nftables",
        "kube_proxy_daemonset fairlead True"]


def test_check_mode_predicts_the_moves_and_waits_for_nothing(run):
    status, output, calls = run("daemonset", due=("n1",), check=True)
    assert status == 0, output
    assert calls[3:] == ["kube_proxy_daemonset fairlead", "kube_proxy_daemonset_move n1 nftables-1",
                         "kube_proxy_daemonset fairlead True"]


def test_nothing_to_move_is_one_round_trip_for_each_node_and_one_for_all(run):
    status, output, calls = run("daemonset", due=())
    assert status == 0, output
    assert calls == ["kube_proxy_info"] * 3 + ["kube_proxy_daemonset fairlead"]


def test_a_pod_that_does_not_serve_is_moved_back_and_ends_the_run(run):
    status, output, calls = run("daemonset", due=NODES, bad=("n1",))
    assert status != 0
    assert "n1 did not serve in nftables mode and went back to iptables mode" in output
    assert calls[4:] == ["kube_proxy_daemonset_move n1 nftables-1", "kube_proxy_info nftables",
                         "kube_proxy_daemonset_move n1", "kube_proxy_info iptables"]


def test_live_changes_are_made_on_the_node_and_take_turns(run):
    status, output, calls = run("daemonset", due=("n1", "n2"), kube_proxy_mode_change="live")
    assert status == 0, output
    assert calls[3:] == [
        "kube_proxy_daemonset fairlead",
        "kube_proxy_token", "kube_proxy_daemonset_change n1 nftables-1",
        "kube_proxy_token", "kube_proxy_daemonset_change n2 nftables-1",
        "kube_proxy_daemonset fairlead True"]
    assert "the-token-itself" not in output


def test_a_live_change_that_fails_ends_the_run_and_removes_nothing(run):
    status, output, calls = run("daemonset", due=("n1", "n2"), bad=("n1",), kube_proxy_mode_change="live")
    assert status != 0
    assert "rolled back" in output
    assert "the-token-itself" not in output
    assert calls[4:] == ["kube_proxy_token", "kube_proxy_daemonset_change n1 nftables-1"]


def test_a_change_that_was_left_is_taken_up_whatever_is_said(run):
    left = {"unfinished_change": "prove", "change_under_way": False}
    status, output, calls = run("daemonset", due=("n1",), change=left, kube_proxy_mode_change="refuse")
    assert status == 0, output
    assert calls[4:6] == ["kube_proxy_token", "kube_proxy_daemonset_change n1 nftables-1"]


def test_a_change_that_is_under_way_is_left_alone(run):
    status, output, calls = run("daemonset", due=NODES, change={"unfinished_change": "prove", "change_under_way": True})
    assert status != 0
    assert "under way, in phase prove" in output
    assert calls == ["kube_proxy_info"] * 3


@pytest.mark.parametrize(("deployment", "first"), [
    ("daemonset", ["kube_proxy_info", "kube_proxy_daemonset fairlead", "kube_proxy_daemonset_move n1 nftables-1"]),
    ("systemd", ["kube_proxy n1 hold", "kube_proxy n1 now"])])
def test_one_node_after_the_other_under_serial(run, deployment, first):
    status, output, calls = run(deployment, due=("n1",), serial=1)
    assert status == 0, output
    assert calls[:len(first)] == first


def test_the_way_back_asks_for_kubeadms_objects(run):
    status, output, calls = run("kubeadm", due=())
    assert status == 0, output
    assert calls[3:] == ["kube_proxy_daemonset kubeadm"]


@pytest.mark.parametrize("distribution", ["k3s", "rke2"])
def test_restarts_of_a_distribution_take_turns(run, distribution):
    status, output, calls = run(distribution, due=("n1", "n3"))
    assert status == 0, output
    assert sorted(calls[:3]) == [f"kube_proxy_arguments {node} hold" for node in NODES]
    assert calls[3:] == ["kube_proxy_arguments n1 now", "kube_proxy_arguments n3 now"]


def test_a_distribution_that_does_not_serve_ends_the_run(run):
    status, output, calls = run("k3s", due=NODES, bad=("n1",))
    assert status != 0
    assert "went back" in output
    assert calls[3:] == ["kube_proxy_arguments n1 now"]


@pytest.mark.parametrize("wish", [{"kube_proxy_hostname_override": "x"}, {"kube_proxy_mode_change": "live"}])
def test_what_a_distribution_cannot_do_is_refused_before_anything_is_written(run, wish):
    status, output, calls = run("k3s", due=NODES, **wish)
    assert status != 0
    assert "node-name" in output
    assert calls == []


@pytest.mark.parametrize("runs", ["systemd", "k3s", "rke2"])
def test_pods_are_not_started_beside_a_proxy_of_another_kind(run, runs):
    status, output, calls = run("daemonset", due=NODES, runs=runs)
    assert status != 0
    assert f"{runs} runs kube-proxy there" in output
    assert calls == ["kube_proxy_info"] * 3
