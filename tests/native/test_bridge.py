"""The bridge alone answers as kube-proxy alone does: same requests, same answers, case by case.

Everything is real: API server, kube-proxy, kernel, packets. kube-proxy's rules are taken away while the bridge is
asked, and a control shows that nothing answers without either.
"""
from __future__ import annotations

import json
import os

import ask
import pytest
from ansible.module_utils.fairlead.bridge import layout, node, table
from bench import BALANCED, EXTERNAL, NODE1, NODE1_6, Bench, service

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
FOUR = ("IPv4",)
BOTH_ENDS = ["pod1", "pod3"]
GOING = {"conditions": {"ready": False, "serving": True, "terminating": True}}
NOT_READY = {"conditions": {"ready": False, "serving": False, "terminating": False}}


def balanced(number: int) -> dict:
    return {"loadBalancer": {"ingress": [{"ip": f"{BALANCED}{number}"}, {"ip": f"fd99:100::{number}"}]}}


def hints(node_name: str, of: str) -> dict:
    return {"hints": {"forZones": [{"name": f"zone-{node_name}"}], of: [{"name": node_name if of == "forNodes" else
                                                                        f"zone-{node_name}"}]}}


CASES = {
    "cluster": service("cluster", BOTH_ENDS),
    "udp": service("udp", BOTH_ENDS, protocol="UDP", type="NodePort", node_port=30001),
    "node-port": service("node-port", BOTH_ENDS, type="NodePort", node_port=30002),
    "four-only": service("four-only", BOTH_ENDS, families=FOUR, type="NodePort", node_port=30003),
    "local": service("local", BOTH_ENDS, type="LoadBalancer", node_port=30004, externalTrafficPolicy="Local",
                     status=balanced(4)),
    "local-elsewhere": service("local-elsewhere", ["pod3", "pod4"], type="LoadBalancer", node_port=30005,
                               externalTrafficPolicy="Local", status=balanced(5)),
    "inside-local": service("inside-local", BOTH_ENDS, internalTrafficPolicy="Local"),
    "inside-elsewhere": service("inside-elsewhere", ["pod3"], internalTrafficPolicy="Local", type="NodePort",
                                node_port=30006),
    "nobody": service("nobody", [], type="NodePort", node_port=30007),
    "nobody-local": service("nobody-local", [], type="NodePort", node_port=30008, externalTrafficPolicy="Local"),
    "balanced": service("balanced", BOTH_ENDS, type="LoadBalancer", node_port=30009, status=balanced(9)),
    "ranges-in": service("ranges-in", BOTH_ENDS, type="LoadBalancer", node_port=30010, status=balanced(10),
                         loadBalancerSourceRanges=["198.18.100.0/24", "fd98:100::/64"]),
    "ranges-out": service("ranges-out", BOTH_ENDS, type="LoadBalancer", node_port=30011, status=balanced(11),
                          loadBalancerSourceRanges=["10.244.0.0/16"]),
    "external": service("external", BOTH_ENDS, externalIPs=[f"{EXTERNAL}12", "fd99:100::12"]),
    "going": service("going", BOTH_ENDS, endpoint=GOING),
    "not-ready": service("not-ready", BOTH_ENDS, endpoint=NOT_READY),
    "hairpin": service("hairpin", ["pod1"], type="NodePort", node_port=30013),
    "port-8443": service("port-8443", BOTH_ENDS, port=8443),
    "same-zone": service("same-zone", BOTH_ENDS, endpoint=hints("node1", "forZones")),
    "same-node": service("same-node", BOTH_ENDS, endpoint=hints("node1", "forNodes")),
    "no-masquerade": service("no-masquerade", BOTH_ENDS, type="LoadBalancer", node_port=30014, status=balanced(14),
                             allocateLoadBalancerNodePorts=True, internalTrafficPolicy="Local"),
}
MODES = {
    "iptables": {}, "nftables": {},
    "iptables, masqueradeAll": {"iptables": {"masqueradeAll": True}},
    "iptables, no loopback": {"iptables": {"localhostNodePorts": False}},
}
SOURCES = ("client", "pod1", "pod2", "node1", "pod3")


@pytest.fixture(scope="module")
def bench():
    with Bench() as made:
        for objects in CASES.values():
            # One endpoint of the hinted Services is for another node, else the filter would have nothing to leave out.
            for item in objects:
                if item["metadata"]["name"].startswith("same-") and item["kind"] == "EndpointSlice":
                    item["endpoints"][1]["hints"] = json.loads(
                        json.dumps(item["endpoints"][1]["hints"]).replace("node1", "node2"))
            made.apply(*objects)
        yield made


def targets(bench):
    """(case, protocol, address, port) of every way to every Service."""
    for item in bench.api.request("GET", "/api/v1/namespaces/default/services")[1]["items"]:
        name, spec = item["metadata"]["name"], item["spec"]
        if name not in CASES:
            continue
        port = spec["ports"][0]
        ingress = [each["ip"] for each in item["status"].get("loadBalancer", {}).get("ingress", ())]
        for address in [*spec["clusterIPs"], *ingress, *spec.get("externalIPs", ())]:
            yield name, port["protocol"], address, port["port"]
            if name == "cluster":
                yield "unknown port", port["protocol"], address, 4711
        if "nodePort" in port:
            for address in (NODE1, NODE1_6, "10.244.1.1", "127.0.0.1", "::1"):
                yield name, port["protocol"], address, port["nodePort"]


def _reaches(source, case, _protocol, address, port):
    """Whether the question is one for this node: a pod elsewhere asks node ports, and where it keeps its own address
    the answer would not come back this way."""
    if source == "pod3":
        return port >= 30000 and address in (NODE1, NODE1_6) and "local" not in case and "elsewhere" not in case
    return source == "node1" or address not in ("127.0.0.1", "::1")


def ask_all(bench, times=16):
    wanted = list(targets(bench))
    found = {}
    for source in SOURCES:
        mine = [each for each in wanted if _reaches(source, *each)]
        said = ask.answers(source, [each[1:] for each in mine], times)
        found.update({(source, *each): said[each[1:]] for each in mine})
    return found


def take_rules_away(bench, mode):
    if mode == "nftables":
        bench.on_node("nft", "delete table ip kube-proxy; delete table ip6 kube-proxy")
    else:
        for program in ("iptables", "ip6tables"):
            for name in ("nat", "filter", "mangle"):
                bench.on_node(program, "-t", name, "-F")


def bridge_text(bench, mode, config):
    listed = {kind: bench.api.request("GET", path)[1]["items"] for kind, path in (
        ("services", "/api/v1/services"), ("slices", "/apis/discovery.k8s.io/v1/endpointslices"))}
    links = json.loads(bench.on_node("ip", "--json", "address"))
    addresses = tuple(one["local"] for link in links for one in link["addr_info"])
    facts = node.facts(mode, config, bench.api.request("GET", "/api/v1/nodes/node1")[1], addresses)
    found = {family.name: layout.Part() for family in facts.families}
    for family, _name, part in layout.parts(listed["services"], listed["slices"], facts):
        found[family].add(part)
    return table.load(facts, found, {}), facts


@pytest.mark.parametrize("case", MODES)
def test_the_bridge_alone_answers_as_kube_proxy_alone(bench, case):
    mode = case.partition(",")[0]
    bench.start_kube_proxy(mode, **MODES[case])
    config = bench.configz()
    bench.on_node("systemctl", "stop", "kube-proxy.service")
    by_kube_proxy = ask_all(bench)
    text, facts = bridge_text(bench, mode, config)
    bench.on_node("nft", "-f", "-", stdin=text)
    take_rules_away(bench, mode)
    by_bridge = ask_all(bench)
    bench.on_node("nft", "-f", "-", stdin=table.remove(facts.families))
    differing = {key: (said, by_bridge[key]) for key, said in by_kube_proxy.items() if said != by_bridge[key]}
    # Silence is an answer too, but most cases must have been served, else the comparison compares nothing.
    served = [key for key, said in by_kube_proxy.items() if any(" sees " in one for one in said)]
    print(f"{case}: {len(by_kube_proxy)} requests compared, {len(served)} of them served")
    assert len(served) > len(by_kube_proxy) / 2
    assert not differing, "\n".join(f"{key}: kube-proxy {one}, bridge {other}" for key, (one, other)
                                    in differing.items())
    nothing = ask_all(bench, times=2)
    left = [key for key in served if any(" sees " in one for one in nothing[key])]
    assert left == [], "somebody else answers too, so this test could not fail"
