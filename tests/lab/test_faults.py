"""The proof can fail, and what was settled survives: each test damages the lab for real and mends it again."""
from __future__ import annotations

import contextlib

import pytest
from lab_tools import wait_until

# The rules of each mode, removed as a person would with kube-proxy stopped.
FLUSH = {
    "iptables": ["iptables -t nat -F", "ip6tables -t nat -F"],
    "ipvs": ["ipvsadm --clear"],
    "nftables": ["nft delete table ip kube-proxy", "nft delete table ip6 kube-proxy"],
}


@contextlib.contextmanager
def without_kube_proxy(machine, mode):
    """kube-proxy stopped and its rules flushed, until the end of the block."""
    machine.check_output("systemctl stop kube-proxy")
    try:
        for command in FLUSH[mode]:
            machine.check_output(command)
        yield
    finally:
        machine.check_output("systemctl start kube-proxy")


@pytest.mark.parametrize("mode", FLUSH)
def test_verify_fails_and_names_the_node_without_rules(lab, mode):
    if lab.daemonset:
        pytest.skip("systemd only: a DaemonSet's kube-proxy cannot be stopped on one node without changing the cluster")
    node = next(name for name, its_mode in lab.nodes.items() if its_mode == mode)
    with without_kube_proxy(lab.machine(node), mode):
        # What is missing on this node nothing will bring back, but another may answer late once: it is asked again.
        proof = lab.playbook("playbooks/verify.yml", "-e", "service_verify_patience=20")
    wait_until(f"{node} to answer again", 240, pause=5.0,
               is_so=lambda: set(lab.pods_answering("client1", node, 30080, 45)) == lab.pods())
    assert not proof.ok
    message = next(line for line in proof.output.splitlines() if line.startswith("fatal:"))
    assert node in message
    assert "myapp-nodeport" in message
    assert "client1" in message
    for other in set(lab.nodes) - {node}:
        assert other not in message


def test_a_node_that_was_powered_off_returns_without_another_run(lab):
    node = next(iter(lab.nodes))
    machine = lab.machine(node)
    before = settings(machine)
    lab.power_off(node)
    lab.power_on()
    assert settings(machine) == before
    assert lab.playbook("playbooks/verify.yml").ok
    assert lab.playbook("playbooks/drift.yml").ok


def settings(machine) -> dict[str, str]:
    """Modules of our file that are loaded, our keys' values, and kube-proxy's mode."""
    wanted = [line for line in machine.file("/etc/modules-load.d/fairlead.conf").content_string.splitlines()
              if line and not line.startswith("#")]
    loaded = machine.check_output("cut -d' ' -f1 /proc/modules").split()
    keys = ["net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"]
    return {
        "modules": " ".join(sorted(set(wanted) & set(loaded))),
        **{key: machine.file(f"/proc/sys/{key}").content_string.strip() for key in keys},
        "mode": machine.check_output("curl -s --retry 60 --retry-delay 2 --retry-all-errors 127.0.0.1:10249/proxyMode"),
    }
