"""What is on each node, asked of the kernel and of kube-proxy over ssh, never of our own output."""
from __future__ import annotations

import pytest
from lab_modes import rules
from lab_tools import Lab

LAB = Lab()
# What a node in each mode shows when the Service network is in that mode's own rules, and in no other's.
MODULES = {"iptables": "nft_compat", "ipvs": "ip_vs", "nftables": "nft_chain_nat"}


@pytest.fixture(params=LAB.nodes)
def node(request):
    return request.param


@pytest.fixture
def machine(node):
    return LAB.machine(node)


def test_module_of_the_mode_is_loaded(node, machine):
    assert machine.run(f"grep -qw ^{MODULES[LAB.nodes[node]]} /proc/modules").succeeded


def test_bridge_filter_is_loaded_now_and_at_boot(machine):
    assert machine.run("grep -qw ^br_netfilter /proc/modules").succeeded
    assert "br_netfilter" in machine.file("/etc/modules-load.d/fairlead.conf").content_string.splitlines()


@pytest.mark.parametrize("key", [
    "net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding",
    "net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"])
def test_key_is_set(machine, key):
    assert machine.file(f"/proc/sys/{key}").content_string.strip() == "1"


def test_kube_proxy_answers_the_mode_of_the_inventory(node, machine):
    assert machine.check_output("curl -s 127.0.0.1:10249/proxyMode") == LAB.nodes[node]


def test_service_stands_in_the_rules_of_its_mode_and_of_no_other(node):
    assert rules(LAB, node) == {mode: mode == LAB.nodes[node] for mode in MODULES}


def test_kube_proxy_starts_at_boot(machine):
    if LAB.daemonset:
        assert "kube-proxy" in LAB.kubectl("get", "daemonsets", "--namespace", "kube-system", "--output", "name")
    else:
        assert machine.service("kube-proxy").is_running
        assert machine.service("kube-proxy").is_enabled
