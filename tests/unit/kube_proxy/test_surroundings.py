"""Each thing around kube-proxy that deserves a warning gets its line, and no other."""
from __future__ import annotations

import json

import pytest
from ansible.module_utils.fairlead.kube_proxy.rules import Kernel, Server
from ansible.module_utils.fairlead.kube_proxy.surroundings import Surroundings, dropping, judge, recommended

KUBELET = "*filter\n:FORWARD ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\nCOMMIT\n"
FORWARD = KUBELET.replace("FORWARD ACCEPT", "FORWARD DROP")
LVS = (Server("TCP", "192.0.2.10", 443, "rr"),)


def seen(**changes):
    kernel = {name: changes.pop(name) for name in ("saved", "servers", "addresses") if name in changes}
    return Surroundings(Kernel(**{"saved": {("IPv4", "nft"): KUBELET}, **kernel}), **changes)


@pytest.mark.parametrize(("mode", "changes", "subjects"), [
    ("nftables", {}, []),
    ("nftables", {"saved": {("IPv4", "nft"): FORWARD}}, ["FORWARD policy"]),
    ("iptables", {"saved": {("IPv4", "nft"): FORWARD}}, []),
    ("nftables", {"drops": ("inet firewall forward",)}, ["nftables chains"]),
    ("iptables", {"active": ("firewalld",)}, ["firewall"]),
    ("iptables", {"saved": {("IPv4", "nft"): KUBELET, ("IPv4", "legacy"): KUBELET}}, ["iptables"]),
    ("iptables", {"saved": {("IPv4", "nft"): KUBELET, ("IPv6", "legacy"): KUBELET}}, []),
    ("ipvs", {"servers": LVS}, ["virtual servers"]),
    ("ipvs", {"servers": LVS, "addresses": ("192.0.2.10",)}, []),
    ("iptables", {"connections": 80, "limit": 100}, ["connection table"]),
    ("iptables", {"connections": 70, "limit": 100}, []),
])
def test_each_finding_has_its_line_and_no_other(mode, changes, subjects):
    assert [subject for subject, _reason in judge(mode, seen(**changes))] == subjects


def test_foreign_chains_that_drop():
    def chain(family, table, hook, policy):
        return {"chain": {"family": family, "table": table, "name": "c", "hook": hook, "policy": policy}}

    listed = json.dumps({"nftables": [
        {"metainfo": {}}, chain("inet", "firewall", "forward", "drop"), chain("inet", "firewall", "input", "drop"),
        chain("ip", "filter", "forward", "drop"), chain("inet", "other", "forward", "accept"),
        {"chain": {"family": "ip", "table": "kube-proxy", "name": "services"}}]})
    assert dropping(listed) == ("inet firewall c",)
    assert dropping("") == dropping("not json") == ()


@pytest.mark.parametrize(("unfit", "version", "mode"), [
    ({}, (1, 37), "nftables"), ({"nftables": "kernel 5.4"}, (1, 37), "iptables"), ({}, (1, 32), "iptables"),
    ({}, (), "nftables")])
def test_the_recommended_mode(unfit, version, mode):
    found, why = recommended(unfit, version)
    assert found == mode
    assert why
