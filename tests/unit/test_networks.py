"""Overlaps of the three networks, and the kernel's routing tables."""
from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead import networks

CASES = yaml.safe_load((Path(__file__).parent / "cases/networks/overlaps.yml").read_text())["cases"]

ROUTES4 = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010012C6\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000012C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
*\t0000640A\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t00F40A0A\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
_NONE = "0" * 32
ROUTES6 = "\n".join(f"{destination} {length} {_NONE} 00 {gateway} 00000400 00000001 00000000 {flags} {device}"
                    for destination, length, gateway, flags, device in (
    ("fd980000000000000000000000000000", "40", _NONE, "00000001", "    eth0"),
    ("fe800000000000000000000000000000", "40", _NONE, "00000001", "    eth0"),
    (_NONE, "00", "fd980000000000000000000000000001", "00000003", "    eth0"),
    ("fd980000000000000000000000000011", "80", _NONE, "80200001", "    eth0"),
    ("00000000000000000000000000000001", "80", _NONE, "80200001", "      lo"),
    ("ff000000000000000000000000000000", "08", _NONE, "00000001", "    eth0"),
    (_NONE, "00", _NONE, "00200200", "      lo"),
)) + "\n"


def objects(case):
    nodes = [{"metadata": {"name": name}, "spec": {"podCIDRs": case["pods"].get(name)},
              "status": {"addresses": [{"type": "InternalIP", "address": a} for a in addresses]}}
             for name, addresses in case["nodes"].items()]
    services = [{"metadata": {"name": name}, "spec": {"cidrs": cidrs}} for name, cidrs in case["services"].items()]
    return nodes, services


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_overlaps(case):
    ranges = networks.read_ranges(*objects(case))
    routes = [networks.Route(ipaddress.ip_network(cidr), "eth0", direct) for cidr, direct in case.get("routes", [])]
    sentences = networks.overlaps(ranges) + networks.route_overlaps(ranges, routes, "here")
    wanted = case.get("overlaps", [])
    assert len(sentences) == len(wanted), sentences
    for sentence, parts in zip(sentences, wanted):
        for part in parts:
            assert part in sentence
    unknown = networks.unknown(ranges)
    assert len(unknown) == len(case.get("unknown", []))
    for sentence, part in zip(unknown, case.get("unknown", [])):
        assert part in sentence


def test_routes():
    assert [(str(r.network), r.device, r.direct) for r in networks.parse_ipv4_routes(ROUTES4)] == [
        ("0.0.0.0/0", "eth0", False), ("198.18.0.0/24", "eth0", True)]
    assert [(str(r.network), r.device, r.direct) for r in networks.parse_ipv6_routes(ROUTES6)] == [
        ("fd98::/64", "eth0", True), ("::/0", "eth0", False)]


def test_this_machine_s_own_tables_can_be_read():
    assert all(isinstance(route, networks.Route) for route in networks.observe_routes())


def test_a_machine_without_ipv6(tmp_path):
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(ROUTES4)
    assert len(networks.observe_routes(str(tmp_path))) == 2


RANGES = [networks.Range("pod", ipaddress.ip_network("10.244.1.0/24"), "pods of node1"),
          networks.Range("Service", ipaddress.ip_network("10.96.0.0/16"), "ServiceCIDR kubernetes")]


@pytest.mark.parametrize(("link", "on_node", "elsewhere"), [
    ("10.244.1.0/24", 0, 0),  # the bridge of a node
    ("10.244.1.7/32", 0, 1), ("10.244.1.0/26", 0, 1),  # a pod's own link, a block of the pod network
    ("10.244.0.0/16", 1, 1), ("10.96.3.0/24", 1, 1), ("10.0.0.0/8", 2, 2),
    ("10.96.0.10/32", 0, 1),  # a Service's address on a node
    ("198.18.0.0/24", 0, 0)])
def test_links_of_nodes_and_of_other_machines(link, on_node, elsewhere):
    routes = [networks.Route(ipaddress.ip_network(link), "eth0", True)]
    assert len(networks.route_overlaps(RANGES, routes, "here", of_node=True)) == on_node
    assert len(networks.route_overlaps(RANGES, routes, "here")) == elsewhere


def test_ranges_pass_through_data():
    assert networks.from_data(networks.as_data(RANGES)) == RANGES
