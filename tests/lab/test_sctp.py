"""SCTP between virtual machines, in every mode and through a live change. Part of make sweep-change.

Asked from nodes, since the kernel under the client machines, this machine's own, may know no SCTP.
"""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.module_utils.fairlead.bridge import table
from lab_tools import wait_until

CLIENT = Path(__file__).with_name("sctp_client.py")
NAMESPACE, NAME, PORT, KEPT_PORT, ASKED = "walkthrough", "sctp", 30095, 30096, 16
KEPT_TARGET = 9091
WATCHED_SECONDS, QUIET_SECONDS = 900, 60


def objects(image):
    labels = {"app": NAME}
    pod = {"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False, "containers": [{
        "name": "server", "image": image, "imagePullPolicy": "IfNotPresent",
        "args": ["netexec", "--http-port=8080", "--sctp-port=9090"],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 2, "timeoutSeconds": 5}}]}
    yield {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": NAME, "namespace": NAMESPACE},
           "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": {
        "type": "NodePort", "selector": labels, "ipFamilyPolicy": "RequireDualStack",
        "ports": [{"name": "sctp", "protocol": "SCTP", "port": 9090, "nodePort": PORT},
                  {"name": "kept", "protocol": "SCTP", "port": KEPT_TARGET, "nodePort": KEPT_PORT}]}}


@pytest.fixture(scope="module")
def pods(lab, tmp_path_factory):
    """Names of the servers' pods, one on each node."""
    for node in lab.nodes:
        lab.machine(node).check_output("modprobe sctp")
    [container] = lab.get("daemonset", "--namespace", NAMESPACE, "myapp")["spec"]["template"]["spec"]["containers"]
    file = tmp_path_factory.mktemp("sctp") / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects(container["image"]))}),
                    encoding="utf-8")
    lab.kubectl("apply", "--filename", str(file))
    try:
        wait_until("a pod with SCTP on each node", 240, lambda: len(lab.pods(f"app={NAME}")) == len(lab.nodes), 2.0)
        names = lab.pods(f"app={NAME}")
        for node in lab.nodes:  # each kube-proxy in its own time
            wait_until(f"{node} to answer SCTP", 180, lambda node=node: answers(lab, node, 4) == names, 3.0)
        yield names
    finally:
        lab.kubectl("delete", "--filename", str(file))


@pytest.fixture
def kept_servers(lab, pods):
    """In each pod's network beside its own server, for associations that stay."""
    running = []
    try:
        for node in lab.nodes:
            process = lab.machine(node).check_output("pgrep --full '[n]etexec .*--sctp-port'").split()[0]
            server = lab.python(node, CLIENT, "serve", str(WATCHED_SECONDS + 60), node, str(KEPT_TARGET),
                                network_of=process)
            running.append((node, server, server.stdout.readline().strip()))
            assert running[-1][2], server.communicate(timeout=10)[1]
        yield
    finally:
        for node, server, process in running:
            if process:
                lab.machine(node).run("kill %s", process)
            server.terminate()
            server.communicate(timeout=60)


def other(lab, node):
    return next(each for each in lab.nodes if each != node)


def bare(lab, node, family):
    return lab.address(node, family).strip("[]")


def answers(lab, node, family):
    """The pods that answered associations from another node."""
    with lab.python(other(lab, node), CLIENT, "spread", str(ASKED), bare(lab, node, family), str(PORT)) as asking:
        said, errors = asking.communicate(timeout=ASKED * 6 + 60)
    if asking.returncode:
        print(errors)
    return set(json.loads(said)) if said else set()


@pytest.mark.parametrize("family", [4, 6])
def test_every_mode_spreads_it_over_all_pods(lab, pods, family):
    assert {node: answers(lab, node, family) for node in lab.nodes} == dict.fromkeys(lab.nodes, pods)


@pytest.mark.parametrize("family", [4, 6])
def test_an_association_stays_when_nothing_is_changed(lab, pods, kept_servers, family):
    """The control of the next one."""
    watch = watched(lab, "node1", family, QUIET_SECONDS)
    said, errors = watch.communicate(timeout=QUIET_SECONDS * 3)
    assert watch.returncode == 0, errors
    proven(said, pods, 20)


@pytest.mark.parametrize("family", [4, 6])
def test_a_live_change_loses_no_association(lab, pods, kept_servers, family):
    """node1, out of its own mode and back, watched from node2."""
    node, mode = "node1", lab.nodes["node1"]
    watch = watched(lab, node, family, WATCHED_SECONDS)
    try:
        for goal in ("nftables", mode):
            assert lab.playbook("playbooks/change_mode.yml", "--limit", node, "--extra-vars", json.dumps(
                {"change_mode_to": goal, "change_mode_soak": 4, "probe_flows": []})).ok
        assert table.TABLE not in lab.machine(node).check_output("nft list tables")
        assert watch.poll() is None, "the watch ended before the change"
    finally:
        watch.terminate()
        said, _errors = watch.communicate(timeout=60)
    proven(said, pods, 60)


def watched(lab, node, family, seconds):
    return lab.python(other(lab, node), CLIENT, "watch", str(seconds), bare(lab, node, family), str(PORT),
                      str(KEPT_PORT))


def proven(said, pods, least):
    found = [json.loads(line) for line in said.splitlines() if line.endswith("}")]
    assert [each for each in found if not each["ok"]] == []
    assert len(found) > least
    assert len({each["pod"] for each in found if each["kind"] == "kept"}) == 1
    assert {each["pod"] for each in found if each["kind"] == "new"} == pods
