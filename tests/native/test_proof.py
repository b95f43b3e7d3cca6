"""The proof of a first sync: nothing is missing where a real kube-proxy has written its rules, and damage is named."""
from __future__ import annotations

import os

import pytest
from ansible.module_utils.fairlead.bridge import layout, node
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.mode_change import proof
from bench import Bench, service
from traffic import services

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
BALANCED = {"loadBalancer": {"ingress": [{"ip": "198.19.100.7"}]}}
# What is taken away, as a shell script on the node, and what is then named.
DAMAGE = {
    "nftables": [
        ("nft flush chain ip kube-proxy $(nft list table ip kube-proxy | grep -o 'service-[^ ]*/datagrams/[^ ]*' "
         "| head -n 1)", "default/datagrams's endpoint"),
        ("nft delete element ip kube-proxy service-ips '{ 198.19.100.7 . tcp . 80 }'", "198.19.100.7 . tcp . 80"),
        ("nft flush chain ip6 kube-proxy masquerading", "IPv6: the masquerade rule"),
        ("nft delete table ip6 kube-proxy", "IPv6: the table"),
    ],
    "iptables": [
        ("iptables -t nat -F $(iptables-save -t nat | grep -m 1 'A KUBE-SEP.*default/datagrams' | cut -d ' ' -f 2)",
         "default/datagrams's endpoint"),
        ("ip6tables -t nat -F KUBE-POSTROUTING", "IPv6: the masquerade rule"),
        ("iptables -t nat -F KUBE-SERVICES", "IPv4: default/"),
    ],
}


class OnNode(Commands):
    def __init__(self, bench):
        self._bench = bench

    def run(self, argv, timeout=30.0, stdin=None):
        return super().run(self._bench.node_argv(*argv), timeout, stdin)


@pytest.fixture(scope="module")
def bench():
    with Bench() as made:
        made.apply(*services())
        made.apply(*service("nobody", [], type="NodePort"))
        made.apply(*service("elsewhere", ["pod3"], type="LoadBalancer", externalTrafficPolicy="Local", status=BALANCED))
        yield made


@pytest.mark.parametrize("mode", DAMAGE)
def test_whole_and_damaged(bench, mode):
    items = [bench.api.request("GET", path)[1]["items"]
             for path in ("/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices")]
    for script, words in DAMAGE[mode]:
        bench.start_kube_proxy(mode)
        facts = node.facts(mode, bench.configz(), bench.api.request("GET", "/api/v1/nodes/node1")[1], ())
        bench.on_node("systemctl", "stop", "kube-proxy.service")
        parts = {(family, name): part for family, name, part in layout.parts(*items, facts)}
        assert proof.missing_rules(mode, facts.families, parts, OnNode(bench)) == ""
        bench.on_node("sh", "-c", script)
        assert words in proof.missing_rules(mode, facts.families, parts, OnNode(bench)), script
