"""What counts as left over, whose virtual servers are whose, and in which order things go."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.kube_proxy import ask, inspect_node, leftovers, rules
from ansible.module_utils.fairlead.kube_proxy.rules import Kernel, Server

CASES_DIR = Path(__file__).parents[1] / "cases/kube_proxy"
CASES = yaml.safe_load((CASES_DIR / "leftovers.yml").read_text())["cases"]
SAVED = (CASES_DIR / "iptables.save").read_text()
SERVERS = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
TCP  0A600001:01BB rr
  -> 0AF40102:1F90      Masq    1      0          0
UDP  [fd00:0096:0000:0000:0000:0000:0000:000a]:0035 lc
TCP  C6330064:7580 rr
TCP  C0000201:01BB wlc persistent 300
FWM  00000001 rr
"""
NODE = ("198.51.0.100",)


def kernel(**changes):
    return Kernel(**{"saved": {("IPv4", "nft"): SAVED}, "servers": rules.parse_servers(SERVERS),
                     "addresses": ("10.96.0.1", "fd00:96::a"),
                     "sets": ("KUBE-6-CLUSTER-IP", "KUBE-CLUSTER-IP", "OTHER"), "nft": ("IPv4",), **changes})


@pytest.mark.parametrize("case", CASES, ids=[case["running"] for case in CASES])
def test_chains(case):
    assert sorted(" ".join(row) for row in leftovers.doomed(SAVED, case["running"])) == case["chains"]


def test_while_nobody_answers_nothing_is_left_over():
    assert leftovers.find(kernel(), "") == []
    assert not leftovers.plan(kernel(), "", NODE).changed


def test_servers_are_told_apart():
    assert [one.port for one in leftovers.ours(kernel(), NODE)] == [443, 53, 30080]
    assert [one.address for one in leftovers.foreign(kernel(), NODE)] == ["192.0.2.1", ""]
    assert leftovers.ours(kernel(addresses=None), NODE) == []


def test_servers_go_first_and_sets_last():
    steps = leftovers.plan(kernel(), "nftables", NODE).steps
    assert [step.target.split(" ")[0] for step in steps] == ["virtual"] * 3 + ["device", "11", "ipset", "ipset"]
    assert steps[1].data == ["ipvsadm", "--delete-service", "--udp-service", "[fd00:96::a]:53"]
    assert "OTHER" not in str(steps)


def test_beside_ipvs_only_the_table_and_the_per_service_chains_go():
    steps = leftovers.plan(kernel(), "ipvs", NODE).steps
    assert [step.target for step in steps] == ["table ip kube-proxy", "6 chains of IPv4 nft"]


def test_a_transaction_takes_jumps_out_before_it_deletes():
    lines = list(leftovers.removal(SAVED, "ipvs"))
    table = lines[:lines.index("COMMIT")]
    first_delete = next(i for i, line in enumerate(table) if line.startswith("-X"))
    assert all(not line.startswith("-D") for line in table[first_delete:])
    assert any(line.startswith("-D INPUT") and "KUBE-NODEPORTS" in line for line in table)
    assert not any("FOREIGN" in line or "KUBE-FIREWALL" in line for line in lines)


def test_servers_are_parsed():
    assert rules.parse_servers(SERVERS)[1] == Server("UDP", "fd00:96::a", 53, "lc")
    assert rules.parse_servers("") == ()


def test_addresses_without_link_local():
    shown = '[{"addr_info": [{"local": "10.96.0.1"}, {"local": "fe80::1"}]}]'
    assert rules.parse_addresses(shown) == ("10.96.0.1",)


@pytest.mark.parametrize(("text", "mode"), [('# ours\n{"mode": "ipvs"}', "ipvs"), ("mode: ipvs", ""), ("", ""),
                                            ("[]", "")])
def test_configured_mode(text, mode):
    assert inspect_node.configured_mode(text) == mode


def test_last_syncs():
    metrics = ('kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"} 1.7e+09\n'
               'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv6"} 0\n')
    assert ask.last_syncs(metrics) == {"IPv4": "2023-11-14T22:13:20Z"}


@pytest.mark.parametrize(("name", "expected"), [
    ("KUBE-LOAD-BALANCER-SOURCE-CIDR", True), ("KUBE-6-LOAD-BALANCER-SOURCE-CID", True),
    ("KUBE-6-NODE-PORT-LOCAL-SCTP-HAS", True), ("KUBE-6-LOAD-BALANCER-SOURCE", False), ("KUBE-ROUTER-SVIP", False)])
def test_sets_are_known_by_the_names_that_the_kernel_leaves_them(name, expected):
    """An ipset's name has 31 letters at most: seen on the lab."""
    assert leftovers.is_our_set(name) is expected
