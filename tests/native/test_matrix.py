"""What promise.py says is what the real kube-proxy does: every kind of address and policy, on the native bench."""
from __future__ import annotations

import copy
import os

import namespaces
import pytest
from ansible.module_utils.fairlead.verify import cells, findings, targets
from ansible.module_utils.fairlead.verify.clients import NODE, POD, Client
from ansible.module_utils.fairlead.verify.probe import Bounds, Task, probe_all
from ansible.module_utils.fairlead.verify.promise import BALANCER, Proxies
from bench import CLIENTS, CLIENTS6, PODS, Bench
from test_bridge import CASES, take_rules_away

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
BOTH = ("IPv4", "IPv6")
# Client and the namespace that it asks from. pod1 is behind most of the Services, pod2 behind none.
WHERE = {
    Client("client", sources=(*CLIENTS, *CLIENTS6)): "client",
    Client("node1", NODE, "node1", families=BOTH): "node1",
    Client("pod1", POD, "node1", families=BOTH): "pod1",
    Client("pod2", POD, "node1", families=BOTH): "pod2",
}
MODES = {
    "iptables": ("iptables", []),
    "nftables": ("nftables", []),
    "iptables, one network": ("iptables", ["198.18.100.0/24"]),
    "nftables, another network": ("nftables", ["10.244.1.0/24", "fd98:100::/64"]),
}


@pytest.fixture(scope="module")
def bench():
    names = {address: pod for pod, (_node, *addresses) in PODS.items() for address in addresses}
    with Bench() as made:
        for objects in copy.deepcopy(list(CASES.values())):
            for item in objects:
                for endpoint in item.get("endpoints", ()):
                    endpoint["hostname"] = names[endpoint["addresses"][0]]
            made.apply(*objects)
        yield made


def matrix(bench, proxies):
    """The cells that this bench has: one kube-proxy, on node1, which all load-balancer addresses are routed to."""
    def listed(path):
        return bench.api.request("GET", path)[1]["items"]

    nodes = targets.read_nodes(listed("/api/v1/nodes"))
    services = [item for item in listed("/api/v1/services") if item["metadata"]["name"] in CASES]
    found, _unproven = targets.read_targets(services, listed("/apis/discovery.k8s.io/v1/endpointslices"), nodes)
    made = cells.compute(list(WHERE), nodes, found, cells.Question({"TCP": "/hostname", "UDP": "hostname"}, proxies))
    return [cell for cell in made if cell["node"] != "node2" and not (
        # A load balancer would not send it to a node without such a pod.
        cell["service"] == "default/local-elsewhere" and cell["place"] == BALANCER and cell["kind"] == "outside")]


def ask(made, timeout, patience):
    """Results by cell. A machine that stalls for a second is no broken promise, so what is broken is asked again."""
    networks = {client.name: os.open(namespaces.PLACE / namespaces.name(short), os.O_RDONLY)
                for client, short in WHERE.items()}
    try:
        tasks = [Task(**task, network=networks[client["name"]])
                 for machine in cells.tasks_of(WHERE, made).values() for client in machine for task in client["tasks"]]
        bounds = Bounds(timeout, threads=16, budget=300, patience=patience,
                        sources={"TCP": "/clientip", "UDP": "clientip"})
        return {result["id"]: result for result in probe_all(tasks, bounds)}
    finally:
        for descriptor in networks.values():
            os.close(descriptor)


def verdicts(made, results):
    """(cell, finding, result) of every finding."""
    return [(cell["id"], cell["service"], cell["expect"]["outcome"], finding, results[cell["id"]])
            for cell in made for finding in findings.judge_cell(cell, results[cell["id"]], {})]


@pytest.mark.parametrize("case", MODES)
def test_kube_proxy_keeps_every_promise(bench, case):
    mode, node_ports = MODES[case]
    bench.start_kube_proxy(mode, node_port_addresses=node_ports)
    made = matrix(bench, Proxies({"node1": mode}, {"node1": node_ports}))
    results = ask(made, timeout=2, patience=30)
    found = verdicts(made, results)
    broken = [f"{cell} {service} {outcome}: {finding.verdict} {finding.check} {finding.reason}: {result}"
              for cell, service, outcome, finding, result in found
              if finding.verdict not in (findings.PROVEN, findings.NONE) and outcome != "no endpoint"]
    assert broken == []
    # What nothing answers proves nothing, and is never green.
    assert {finding.verdict for _, _, outcome, finding, _ in found if outcome == "no endpoint"} == {findings.UNKNOWN}
    outcomes = {outcome: sum(1 for cell in made if cell["expect"]["outcome"] == outcome)
                for outcome in {cell["expect"]["outcome"] for cell in made}}
    print(f"{case}: {len(made)} cells, {outcomes}, {sum(r['connections'] for r in results.values())} connections")
    assert outcomes.keys() >= {"answer", "no endpoint", "not here", "not allowed", "either"}

    bench.on_node("systemctl", "stop", "kube-proxy.service")
    take_rules_away(bench, mode)
    left = [entry for entry in verdicts(made, ask(made, timeout=1, patience=0))
            if entry[2] == "answer" and entry[3].verdict == findings.PROVEN]
    assert left == [], "somebody else answers too, so this test could not fail"
