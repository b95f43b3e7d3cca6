from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.bridge import layout, node, table
from ansible.module_utils.fairlead.errors import FairleadError

NODE = {"metadata": {"name": "n1", "labels": {node.ZONE: "z1"}}, "spec": {"podCIDRs": ["10.244.1.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"},
                                  {"type": "Hostname", "address": "n1"}]}}
LINKS = ("127.0.0.1", "192.0.2.1", "198.51.100.1", "::1", "2001:db8::1")


def facts(mode="iptables", **config):
    return node.facts(mode, {"clusterCIDR": "10.244.0.0/16", **config}, NODE, LINKS)


def service(**spec):
    return {"metadata": {"name": "web", "namespace": "shop"},
            "spec": {"clusterIPs": ["10.96.0.10"], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}], **spec}}


def slices(*addresses):
    return [{"metadata": {"name": "web-1", "namespace": "shop"}, "addressType": "IPv4",
             "ports": [{"name": "http", "port": 8080}], "endpoints": [{"addresses": [each]} for each in addresses]}]


def part(item, *addresses, of=None):
    of = of or facts()
    return layout.service_part(item, slices(*addresses), of.families[0], of)


def test_a_plain_service_needs_two_maps_and_two_shared_chains():
    found = part(service(), "10.0.0.2", "10.0.0.1")
    assert found.elements == {
        ("frontends", "10.96.0.10 . tcp . 80"): "goto cluster-2", ("addresses", "10.96.0.10"): "",
        ("endpoints", "10.96.0.10 . tcp . 80 . 0"): "10.0.0.1 . 8080",
        ("endpoints", "10.96.0.10 . tcp . 80 . 1"): "10.0.0.2 . 8080",
        ("hairpin", "10.0.0.1 . 10.0.0.1"): "", ("hairpin", "10.0.0.2 . 10.0.0.2"): ""}
    assert found.chains["cluster-2"] == ("ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x2000", "goto pick-2")
    assert set(found.chains) == {"cluster-2", "pick-2"}


@pytest.mark.parametrize(("spec", "more"), [
    ({"type": "ExternalName", "clusterIPs": None}, {}), ({"clusterIPs": ["None"]}, {}),
    ({"clusterIPs": ["fd00::1"]}, {}),
    ({}, {"labels": {"service.kubernetes.io/service-proxy-name": "other"}}),
], ids=str)
def test_not_ours(spec, more):
    item = service(**spec)
    item["metadata"].update(more)
    assert part(item, "10.0.0.1") == layout.Part()


def test_nobody_there_is_refused_and_nobody_here_is_dropped():
    assert part(service()).elements["refused", "10.96.0.10 . tcp . 80"] == "goto refuse"
    local = part(service(internalTrafficPolicy="Local"), "10.0.0.1")
    assert local.elements["refused", "10.96.0.10 . tcp . 80"] == "drop"


def test_affinity_has_a_set_per_endpoint_with_its_clients():
    found = part(service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}}),
                 "10.0.0.1")
    (name, pin), = found.pins.items()
    assert (pin.port, pin.protocol, pin.address, pin.endpoint_port, pin.seconds) == (
        "shop/web:http", "tcp", "10.0.0.1", 8080, 60)
    text = table.load(facts(), {"IPv4": found, "IPv6": layout.Part()}, {name: {"192.0.2.9": 100}})
    assert f"set {name} {{ type ipv4_addr; flags dynamic,timeout; timeout 60s; elements = {{ 192.0.2.9 timeout 60s " \
           "expires 60s }; }" in text


def test_a_change_of_endpoints_touches_only_what_differs():
    old, new = part(service(), "10.0.0.1", "10.0.0.2"), part(service(), "10.0.0.1", "10.0.0.3", "10.0.0.4")
    lines = table.change(facts().families[0], old, new).splitlines()
    assert "delete element ip fairlead-bridge endpoints { 10.96.0.10 . tcp . 80 . 1 }" in lines
    assert "add element ip fairlead-bridge endpoints { 10.96.0.10 . tcp . 80 . 1 : 10.0.0.3 . 8080 }" in lines
    assert "add element ip fairlead-bridge frontends { 10.96.0.10 . tcp . 80 : goto cluster-3 }" in lines
    assert not [line for line in lines if "80 . 0 " in line]
    assert table.change(facts().families[0], new, new) == ""


def test_source_ranges_admit_the_load_balancers_own_address_only_where_they_hold_the_node():
    item = service(loadBalancerSourceRanges=["192.0.2.0/24", "2001:db8::/32"])
    item["status"] = {"loadBalancer": {"ingress": [{"ip": "203.0.113.5"}, {"ip": "203.0.113.6", "ipMode": "Proxy"}]}}
    admitted = {key for name, key in part(item, "10.0.0.1").elements if name == "admitted"}
    assert admitted == {"203.0.113.5 . tcp . 80 . 192.0.2.0/24", "203.0.113.5 . tcp . 80 . 203.0.113.5"}
    item["spec"]["loadBalancerSourceRanges"] = ["2001:db8::/32"]
    assert ("guarded", "203.0.113.5 . tcp . 80") not in part(item, "10.0.0.1").elements


@pytest.mark.parametrize(("mode", "config", "expected"), [
    ("iptables", {}, None), ("nftables", {}, ("192.0.2.1",)), ("nftables", {"nodePortAddresses": ["all"]}, None),
    ("iptables", {"nodePortAddresses": ["198.51.0.0/16"]}, ("198.51.100.1",)),
    ("iptables", {"nodePortAddresses": ["0.0.0.0/0"]}, None),
    ("iptables", {"nodePortAddresses": ["primary"]}, ("192.0.2.1",)),
], ids=str)
def test_node_port_addresses(mode, config, expected):
    assert facts(mode, **config).families[0].node_ports == expected


@pytest.mark.parametrize(("config", "expected"), [
    ({}, "ip saddr 10.244.0.0/16"), ({"clusterCIDR": ""}, ""),
    ({"detectLocalMode": "NodeCIDR"}, "ip saddr 10.244.1.0/24"),
    ({"detectLocalMode": "BridgeInterface", "detectLocal": {"bridgeInterface": "cni0"}}, 'iifname "cni0"'),
    ({"detectLocalMode": "InterfaceNamePrefix", "detectLocal": {"interfaceNamePrefix": "veth"}}, 'iifname "veth*"'),
], ids=str)
def test_how_pods_are_told(config, expected):
    assert facts(**config).families[0].pods == expected


def test_a_wrong_address_is_named():
    with pytest.raises(FairleadError, match=r"10\.244\.0\.0/77"):
        facts(clusterCIDR="10.244.0.0/77")
