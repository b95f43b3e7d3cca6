"""Deliberate damage on the native bench, with the real kube-proxy and CoreDNS: each is found, placed and worded
rightly, and nothing else turns red. What must turn red is said from what the damage does to packets."""
from __future__ import annotations

import contextlib
import json

import cluster_dns
import namespaces
import pytest
from ansible.module_utils.fairlead.verify import cells, discovery, expect, table, targets
from ansible.module_utils.fairlead.verify.promise import Proxies
from ansible.module_utils.fairlead.verify.report import Seen, make
from bench import NODE1, PODS, Bench, service
from test_matrix import WHERE, ask

MODES = ("iptables", "nftables")
WEB, STICKY = 30002, 30003
SERVICES = {
    "web": service("web", ["pod1", "pod3"], type="NodePort", node_port=WEB),
    "sticky": service("sticky", ["pod1", "pod3", "pod4"], type="NodePort", node_port=STICKY,
                      sessionAffinity="ClientIP"),
    "inside": service("inside", ["pod3", "pod4"]),
    "datagrams": service("datagrams", ["pod1", "pod4"], protocol="UDP", type="NodePort", node_port=30004),
    "each": service("each", ["pod1", "pod3"], clusterIP="None"),
    "database": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "database", "namespace": "default"},
                  "spec": {"type": "ExternalName", "externalName": "my.database.example.com"}}],
}


class Ground:
    """The bench with its Services, CoreDNS's files, and a pod that asks it."""

    def __init__(self, bench, directory, pod):
        self.bench, self.directory, self.pod = bench, directory, pod

    def prove(self, mode, patience=10.0):
        """The report that the proof makes of what it sees now."""
        def listed(path):
            return self.bench.api.request("GET", path)[1]["items"]

        nodes = targets.read_nodes(listed("/api/v1/nodes"))
        services = [item for item in listed("/api/v1/services") if item["metadata"]["name"] in SERVICES]
        slices = listed("/apis/discovery.k8s.io/v1/endpointslices")
        found, _ = targets.read_targets(services, slices, nodes)
        question = cells.Question({"TCP": "/hostname", "UDP": "hostname"}, Proxies({"node1": mode}))
        made = [cell for cell in cells.compute(list(WHERE), nodes, found, question) if cell["node"] != "node2"]
        asker = next(client for client in WHERE if client.name == "pod2")
        names_due = {**discovery.expect(discovery.Objects(services, slices), [asker]), "environment": []}
        due = {"nodes": [{"name": "node1", "addresses": [NODE1], "ready": True, "kernel": "", "kubernetes": ""}],
               "services": [expect.described(target) for target in found], "unproven": [], "moving": [],
               "cells": made, "discovery": names_due}
        answers = cluster_dns.dig.ask_all(names_due["questions"], self.pod, 1, 0, lambda *_: True)
        return make(due, Seen(ask(made, 1.5, patience), {}, {}, discovery.Answers({"pod2": answers})), {}, 1.5)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    directory = tmp_path_factory.mktemp("dns")
    hosts = {address: pod for pod, (_node, *addresses) in PODS.items() for address in addresses}
    cluster_dns.install_dig(directory)
    with Bench() as bench:
        bench.apply(*cluster_dns.KUBE_DNS)
        for objects in SERVICES.values():
            for item in objects:
                for endpoint in item.get("endpoints", ()):
                    endpoint["hostname"] = hosts[endpoint["addresses"][0]]
            bench.apply(*objects)
        with cluster_dns.pod("pod2", directory) as pod:
            yield Ground(bench, directory, pod)


@contextlib.contextmanager
def sound(ground, mode, lie="", **config):
    """kube-proxy in this mode, and CoreDNS; kube-proxy stopped, so that it repairs nothing."""
    ground.bench.start_kube_proxy(mode, **config)
    with cluster_dns.coredns(ground.bench, ground.directory, lie):
        cluster_dns.wait(ground.pod, "inside.default.svc.cluster.local.")
        ground.bench.on_node("systemctl", "stop", "kube-proxy.service")
        yield


def delete(ground, wanted):
    """Take out the iptables rules that this holds of, by their numbers; there has to be one."""
    found, numbers = [], {}
    for rule in ground.bench.on_node("iptables-save", "-t", "nat").splitlines():
        if rule.startswith("-A"):
            chain = rule.split()[1]
            numbers[chain] = numbers.get(chain, 0) + 1
            found += [(chain, numbers[chain])] if wanted(rule) else []
    assert found
    for chain, number in reversed(found):
        ground.bench.on_node("iptables", "-t", "nat", "-D", chain, str(number))


def red(report):
    return {cell["id"] for cell in report["cells"] if cell["verdict"] not in ("proven", "none")}


def told(report):
    lines = [line["text"] for line in table.render(report)]
    return "\n".join(line for line in lines if "FAIL" in line or "unknown" in line)


def assert_only(report, is_red, names_red=frozenset()):
    assert report["verdict"] == "disproven"
    due = {cell["id"] for cell in report["cells"] if is_red(cell)}
    assert red(report) == due, told(report)
    wrong = {(row["service"], row["check"]) for row in report["discovery_rows"] if row["verdict"] != "proven"}
    assert wrong == set(names_red), told(report)


@pytest.mark.parametrize("mode", MODES)
def test_sound(ground, mode):
    with sound(ground, mode):
        report = ground.prove(mode)
    assert report["verdict"] == "proven", told(report)
    checks = {check for line in report["discovery"] for check in line["checks"] if line["checks"][check]["of"]}
    assert checks == {"A", "AAAA", "SRV", "CNAME", "pod names"}
    print(f"{mode}: {len(report['cells'])} cells, {report['connections']} connections, "
          f"{len(report['discovery_rows'])} names, all proven")


@pytest.mark.parametrize("mode", MODES)
def test_a_rule_is_removed(ground, mode):
    with sound(ground, mode):
        if mode == "nftables":
            ground.bench.on_node("nft", f"delete element ip kube-proxy service-nodeports {{ tcp . {WEB} }}")
        else:
            delete(ground, lambda rule: rule.startswith("-A KUBE-NODEPORTS") and f"--dport {WEB} " in rule)
        report = ground.prove(mode)
    assert_only(report, lambda cell: cell["address"] == NODE1 and cell["port"] == WEB)
    assert f"node1 NodePort FAIL: default/web {WEB}/TCP from client, node1, 2 pods: " in told(report)
    assert "ECONNREFUSED" in told(report)


@pytest.mark.parametrize("mode", MODES)
def test_affinity_is_off_in_the_rules(ground, mode):
    with sound(ground, mode):
        if mode == "nftables":
            table_ = json.loads(ground.bench.on_node("nft", "--json", "list", "table", "ip", "kube-proxy"))["nftables"]
            looks = [item["rule"] for item in table_ if "@affinity-" in json.dumps(item.get("rule", {}).get("expr", ""))
                     and "goto" in json.dumps(item["rule"]["expr"])]
            assert looks
            for rule in looks:
                ground.bench.on_node("nft", f"delete rule ip kube-proxy {rule['chain']} handle {rule['handle']}")
        else:
            delete(ground, lambda rule: "--rcheck" in rule and "default/sticky" in rule)
        report = ground.prove(mode, patience=0)
    assert_only(report, lambda cell: cell["service"] == "default/sticky" and cell["family"] == "IPv4")
    assert f"node1 Affinity FAIL: default/sticky {STICKY}/TCP from client, node1, 2 pods: one client was sent to " \
           "several pods" in told(report)


def test_a_node_port_is_dropped_by_a_firewall(ground):
    with sound(ground, "nftables"):
        ground.bench.on_node("nft", "add table inet damage; add chain inet damage in { type filter hook prerouting "
                             f"priority raw; }}; add rule inet damage in tcp dport {WEB} drop")
        try:
            report = ground.prove("nftables")
        finally:
            ground.bench.on_node("nft", "delete table inet damage")
    # What starts on the node itself does not come in through prerouting.
    assert_only(report, lambda cell: cell["port"] == WEB and cell["kind"] != "node")
    assert f"node1 NodePort FAIL: default/web {WEB}/TCP from client, 2 pods: " in told(report)
    assert "ETIMEDOUT" in told(report)


@pytest.mark.parametrize("mode", MODES)
def test_wrong_node_port_addresses(ground, mode):
    with sound(ground, mode, node_port_addresses=("192.0.2.0/24",)):
        report = ground.prove(mode)
    assert_only(report, lambda cell: cell["address"] == NODE1 and cell["place"] == "NodePort")
    assert f"node1 NodePort FAIL: default/web {WEB}/TCP" in told(report)


def test_a_pods_server_is_stopped(ground):
    """It takes connections, as the kernel does for a stopped process, and answers none."""
    pod3 = ["ip", "netns", "exec", namespaces.name("pod3"), "nft"]
    with sound(ground, "iptables"):
        namespaces.run(*pod3, "add table inet damage; add chain inet damage in { type filter hook input priority 0; }; "
                       "add rule inet damage in tcp dport 8080 tcp flags & psh == psh drop")
        try:
            report = ground.prove("iptables", patience=0)
        finally:
            namespaces.run(*pod3, "delete table inet damage")
    assert report["verdict"] == "disproven"
    wrong = {cell["service"] for cell in report["cells"] if cell["id"] in red(report)}
    assert wrong <= {"default/web", "default/sticky", "default/inside"}
    assert wrong >= {"default/web", "default/inside"}
    assert "pod3 answered no client at all" in told(report)
    assert not any(f"{pod} answered no client" in told(report) for pod in ("pod1", "pod4"))
    assert all(row["verdict"] == "proven" for row in report["discovery_rows"])


def test_a_dns_answer_is_changed(ground):
    with sound(ground, "nftables", lie="192.0.2.66 inside.default.svc.cluster.local"):
        report = ground.prove("nftables")
    assert_only(report, lambda _cell: False, {("default/inside", "A"), ("default/inside", "AAAA")})
    assert "cluster DNS answers 192.0.2.66, the Service has 10.96." in told(report)


def test_cluster_dns_is_down(ground):
    with sound(ground, "nftables"):
        pass
    report = ground.prove("nftables")
    assert report["verdict"] == "unknown"
    assert red(report) == set()
    assert {row["verdict"] for row in report["discovery_rows"]} == {"unknown"}
    assert "cluster DNS gives no answer" in told(report)
