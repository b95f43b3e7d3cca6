"""userspace mode on one node, by the kube-proxy of 1.20.2: asked from outside, and given back. make sweep-userspace.

That release reads Endpoints and serves one address family, so only IPv4 is asked.
"""
from __future__ import annotations

import json
import subprocess

import pytest
from lab_modes import PORT, assert_agree, rules, settle
from lab_tools import INVENTORY, ROOT, wait_until

RELEASE, BINARY = "1.20.2", "/usr/local/bin/kube-proxy-1.20.2"
STAY = 30081  # of the Service with ClientIP affinity
PORTALS = "-A KUBE-PORTALS-CONTAINER "
# The release would lower the kernel's limit of connections; nothing of the node is to change for it.
WISH = {"kube_proxy_kubernetes_version": RELEASE, "kube_proxy_binary": BINARY,
        "kube_proxy_config": {"conntrack": {"maxPerCore": 0, "udpTimeout": "30s"}}}


def ansible(node: str, module: str, **arguments) -> str:
    """An ad-hoc call on a node; what it printed."""
    done = subprocess.run(["ansible", "-i", str(INVENTORY), node, "-m", module, "-a", json.dumps(arguments)], cwd=ROOT,
                          capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def node(lab):
    """The node that runs in iptables mode, with the old program beside its own; afterwards as it was."""
    place = ROOT / ".lab" / "userspace.json"
    assert place.exists(), "run ansible-playbook -i inventories/lab playbooks/userspace_build.yml first"
    name = next(name for name, mode in lab.nodes.items() if mode == "iptables")
    ansible(name, "ansible.builtin.copy", src=json.loads(place.read_text())["kube_proxy"], dest=BINARY, mode="0755")
    yield name
    assert settle(lab, lab.nodes).ok
    ansible(name, "ansible.builtin.file", path=BINARY, state="absent")
    assert PORTALS not in saved(lab, name)


def saved(lab, node: str) -> str:
    return lab.machine(node).check_output("iptables-save; ip6tables-save; iptables-legacy-save 2>/dev/null || true")


def test_it_is_refused_for_the_release_of_the_lab(lab, node):
    refused = settle(lab, {node: "userspace"}, "--limit", node)
    assert not refused.ok
    assert "was removed in Kubernetes 1.26" in refused.output
    assert "Write nftables or iptables" in refused.output
    assert rules(lab, node)["iptables"]


def test_it_serves(lab, node):
    done = settle(lab, {node: "userspace"}, "--limit", node, **WISH)
    assert done.ok
    assert "conntrack.udpTimeout: userspace mode does not look at it" in done.output
    machine = lab.machine(node)
    assert machine.check_output("curl -s 127.0.0.1:10249/proxyMode") == "userspace"
    assert 'v1.20.2' in machine.check_output("curl -s 127.0.0.1:10249/metrics | grep kubernetes_build_info")
    assert PORTALS in saved(lab, node)
    assert ":KUBE-SVC-" not in saved(lab, node)  # else the rules of iptables mode would be what answers


def test_a_second_run_changes_nothing(lab, node):
    again = settle(lab, {node: "userspace"}, "--limit", node, **WISH)
    assert again.ok
    assert again.changed == set()


@pytest.mark.parametrize("client", ["client1", "client2"])
def test_the_node_port_answers_from_every_pod(lab, node, client):
    wait_until("every pod to answer", 60, pause=3.0,
               is_so=lambda: set(lab.pods_answering(client, node, PORT, 20)) == lab.pods())
    answers = lab.pods_answering(client, node, PORT, 60)
    print(f"{client}: {dict(answers)}")
    assert set(answers) == lab.pods()


def test_affinity_holds_and_its_control_does_not(lab, node):
    stays = lab.pods_answering("client1", node, STAY, 40)
    print(f"with affinity: {dict(stays)}")
    assert len(stays) == 1
    assert set(stays) <= lab.pods()
    assert len(lab.pods_answering("client1", node, PORT, 40)) > 1


def test_it_is_seen(node):
    told = json.loads(ansible(node, "kube_proxy_info").split("SUCCESS =>", 1)[1])
    assert (told["mode"], told["deployment"], told["configured_mode"]) == ("userspace", "systemd", "userspace")
    assert told["rules"] == {"userspace": True, "iptables": False, "ipvs": False, "nftables": False}
    assert told["leftovers"] == []


def test_and_back(lab, node):
    assert settle(lab, lab.nodes).ok
    assert PORTALS not in saved(lab, node)
    assert_agree(lab, lab.nodes)
