"""Deliberate damage on the lab: each is found, placed and worded rightly, and nothing else turns red.

What must turn red is said as a predicate on the cells, from what the damage does to packets; the proof must name
exactly those. Each test mends what it broke, and the last one shows that everything is proven again.
"""
from __future__ import annotations

import contextlib
import json

import pytest
from lab_tools import wait_until
from proving import broken

NODE_PORT, AFFINITY = 30080, 30081


def by_mode(lab, mode):
    return next(name for name, its_mode in lab.nodes.items() if its_mode == mode)


@contextlib.contextmanager
def stopped(lab, node, mend=()):
    """kube-proxy does not repair what is broken meanwhile; its start does."""
    machine = lab.machine(node)
    machine.check_output("systemctl stop kube-proxy")
    try:
        yield machine
    finally:
        for command in mend:
            machine.check_output(command)
        machine.check_output("systemctl start kube-proxy")
        wait_until(f"kube-proxy of {node}", 120, lambda: machine.run("curl -sf 127.0.0.1:10256/healthz").succeeded)


def assert_only(report, cells=lambda _cell: False, rows=frozenset()):
    found, discovery = broken(report)
    assert report["verdict"] == "disproven"
    due = {cell["id"] for cell in report["cells"] if cell["verdict"] != "none" and cells(cell)}
    assert due or rows
    assert set(found) == due
    assert discovery == set(rows)
    return "\n".join(line["text"] for line in report["lines"] if "FAIL:" in line["text"] or "note" in line["text"])


def test_everything_is_proven_before(proof):
    assert proof.run(service_verify_patience=60)["verdict"] == "proven"


def test_a_rule_is_removed(lab, proof):
    """nftables: the element that sends one node port on its way."""
    node = by_mode(lab, "nftables")
    with stopped(lab, node) as machine:
        machine.check_output(f"nft delete element ip kube-proxy service-nodeports '{{ tcp . {NODE_PORT} }}'")
        report = proof.run()
    told = assert_only(report, lambda cell: cell["address"] == lab.address(node) and cell["port"] == NODE_PORT)
    assert f"{node} NodePort FAIL: walkthrough/myapp-nodeport 30080/TCP from client1" in told
    assert "ECONNREFUSED" in told


def test_affinity_is_off_in_the_rules(lab, proof):
    """iptables: the rules that look up where a client was sent before."""
    node = by_mode(lab, "iptables")
    with stopped(lab, node) as machine:
        rules = [rule for rule in machine.check_output("iptables-save -t nat").splitlines() if rule.startswith("-A")]
        looks = [rule for rule in rules if "walkthrough/myapp-affinity" in rule and "--rcheck" in rule]
        assert looks
        chain = looks[0].split()[1]
        own = [rule for rule in rules if rule.split()[1] == chain]
        for number in reversed([number for number, rule in enumerate(own, 1) if rule in looks]):
            machine.check_output(f"iptables -t nat -D {chain} {number}")
        report = proof.run()

    def through_it(cell):
        by = cell["client_node"] if cell["place"] == "ClusterIP" else cell["node"]
        return cell["service"] == "walkthrough/myapp-affinity" and cell["family"] == "IPv4" and by == node

    told = assert_only(report, through_it)
    assert f"{node} Affinity FAIL: walkthrough/myapp-affinity" in told
    assert "one client was sent to several pods" in told


def test_a_node_port_is_dropped_by_a_firewall(lab, proof):
    node = by_mode(lab, "ipvs")
    machine = lab.machine(node)
    machine.check_output("nft add table inet damage")
    try:
        machine.check_output("nft add chain inet damage in '{ type filter hook prerouting priority raw; }'")
        machine.check_output(f"nft add rule inet damage in tcp dport {NODE_PORT} drop")
        report = proof.run()
    finally:
        machine.check_output("nft delete table inet damage")
    # What starts on the node itself does not come in through prerouting.
    told = assert_only(report, lambda cell: cell["node"] == node and cell["port"] == NODE_PORT and (
        cell["client_node"] != node or cell["kind"] == "pod"))
    assert f"{node} NodePort FAIL: walkthrough/myapp-nodeport 30080/TCP" in told
    assert "ETIMEDOUT" in told


def test_wrong_node_port_addresses(lab, proof):
    """kube-proxy of one node serves node ports on another network only; the inventory says every address."""
    node = by_mode(lab, "iptables")
    machine = lab.machine(node)
    file = machine.check_output("systemctl show -p ExecStart kube-proxy | grep -o -- '--config=[^ ;]*' | cut -d= -f2")
    before = machine.file(file).content_string
    document = json.loads(before[before.index("{"):])
    document["nodePortAddresses"] = ["192.0.2.0/24"]
    try:
        write(machine, file, json.dumps(document))
        restart(machine)
        report = proof.run()
    finally:
        write(machine, file, before)
        restart(machine)
    told = assert_only(report, lambda cell: cell["address"] == lab.address(node) and cell["place"] == "NodePort")
    assert f"{node} NodePort FAIL: walkthrough/myapp-nodeport 30080/TCP" in told


def write(machine, file, text):
    """The same file, so that its owner and mode stay."""
    done = machine.run(f"cat > {file} <<'END'\n{text.rstrip()}\nEND")
    assert done.succeeded, done.stderr


def restart(machine):
    machine.check_output("systemctl restart kube-proxy")
    wait_until("kube-proxy to serve", 120, lambda: machine.run("curl -sf 127.0.0.1:10256/healthz").succeeded)


def test_a_pods_server_is_stopped(lab, proof):
    """It takes connections and answers none. The proof has to be faster than the readiness probe, which takes 10 s."""
    pod = lab.get("pods", "--namespace", "walkthrough", "--selector", "app=myapp")["items"][0]
    name, machine = pod["metadata"]["name"], lab.machine(pod["spec"]["nodeName"])
    uid = pod["metadata"]["uid"].replace("-", "[-_]")
    found = machine.check_output(
        f"for p in $(pgrep -f 'netexec --http-port=8080'); do grep -q 'pod{uid}' /proc/$p/cgroup && echo $p; done")
    process = found.split()[0]
    # The probe stays asleep, as that of a server which fails only now and then would.
    machine.check_output("systemctl stop kubelet")
    try:
        machine.check_output(f"kill -STOP {process}")
        report = proof.run(service_verify_patience=0, service_verify_kinds=["node"])
    finally:
        machine.run(f"kill -CONT {process}")
        machine.check_output("systemctl start kubelet")
    found, _ = broken(report)
    services = {cell["service"] for cell in found.values()}
    assert services == {"walkthrough/myapp", "walkthrough/myapp-nodeport", "walkthrough/myapp-affinity"}
    told = "\n".join(line["text"] for line in report["lines"] if "FAIL:" in line["text"])
    assert f"{name} answered no client at all" in told
    others = {item for item in lab.pods() if item != name}
    assert not any(f"{other} answered no client" in told for other in others)


@pytest.fixture
def changed_dns(lab):
    """CoreDNS gives another address for one Service."""
    name = ("--namespace", "kube-system", "configmap", "coredns")
    before = lab.get(*name)["data"]["Corefile"]
    lie = "hosts {\n 192.0.2.66 myapp.walkthrough.svc.cluster.local\n fallthrough\n }\n"
    serve(lab, before.replace("    kubernetes ", f"    {lie}    kubernetes ", 1))
    yield
    serve(lab, before)


def serve(lab, corefile):
    patch = json.dumps({"data": {"Corefile": corefile}})
    lab.kubectl("--namespace", "kube-system", "patch", "configmap", "coredns", "--patch", patch)
    lab.kubectl("--namespace", "kube-system", "rollout", "restart", "deployment/coredns")
    lab.kubectl("--namespace", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=110s")


def test_a_dns_answer_is_changed(proof, changed_dns):
    report = proof.run(service_verify_patience=5)
    told = assert_only(report, rows={("walkthrough/myapp", "A"), ("walkthrough/myapp", "AAAA")})
    assert "cluster DNS answers 192.0.2.66, the Service has " in told


def test_everything_is_proven_after(lab, proof):
    lab.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=100s")
    assert proof.run(service_verify_patience=120, service_verify_budget=240)["verdict"] == "proven"
