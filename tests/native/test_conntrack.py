"""Connection-tracking entries of a real kernel, in a namespace of its own: exactly those that lead nowhere go."""
from __future__ import annotations

import os
import socket
import time

import namespaces
import pytest
from ansible.module_utils.fairlead import netfilter_conntrack as conntrack
from ansible.module_utils.fairlead.bridge.layout import Part
from ansible.module_utils.fairlead.mode_change import reconcile

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network namespace")
FRONT = {4: "10.96.0.10", 6: "fd00:96::10"}
HERE, GONE = {4: "10.244.0.1", 6: "fd00:244::1"}, {4: "10.244.0.2", 6: "fd00:244::2"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


@pytest.fixture
def inside():
    namespaces.remove_left()
    try:
        namespaces.make("conntrack")
        namespaces.ip("conntrack", "".join(
            f"address add {each} dev lo\n" for each in (
                "198.18.100.1/24", "fd98:100::1/64", f"{HERE[4]}/32", f"{GONE[4]}/32", f"{HERE[6]}/128",
                f"{GONE[6]}/128")) + "link add back type bridge\nlink set back up\n"
            "address add fd98:101::1/64 dev back nodad\nroute add 10.96.0.0/16 dev back\n"
            "route add fd00:96::/108 dev back\n")  # IPv6 refuses what is routed to lo
        with namespaces.inside("conntrack"):
            namespaces.run("nft", "-f", "-", stdin="".join(
                f"table {ip} t {{ chain out {{ type nat hook output priority -100;\n"
                f"{ip} daddr {FRONT[number]} udp dport 53 dnat to {at(HERE[number])}\n"
                f"{ip} daddr {FRONT[number]} udp dport 54 dnat to {at(GONE[number])}\n"
                f"}}\n}}\n" for number, ip in ((4, "ip"), (6, "ip6"))))
            yield
    finally:
        namespaces.remove_own()


def at(address):
    return f"[{address}]:5353" if ":" in address else f"{address}:5353"


def part(number):
    front = FRONT[number]
    return Part(elements={
        ("frontends", f"{front} . udp . 53"): "goto cluster-1", ("frontends", f"{front} . udp . 54"): "goto cluster-1",
        ("frontends", f"{front} . udp . 55"): "goto cluster-1",
        ("endpoints", f"{front} . udp . 53 . 0"): f"{HERE[number]} . 5353"})


def send(number, address, *ports):
    for port in ports:
        with socket.socket(FAMILY[number], socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", (address, port))


def listed(number):
    return sorted((entry.original.target, entry.original.target_port) for translated in (False, True)
                  for entry in conntrack.entries(FAMILY[number], translated=translated))


@pytest.mark.parametrize("number", [4, 6])
def test_what_leads_nowhere_goes_and_all_else_stays(inside, number):
    ports = (53, 54, 55, 56)  # here, gone, never translated, no Service's port
    deadline = time.monotonic() + 10
    for port in ports:
        while (FRONT[number], port) not in listed(number):  # a new address of IPv6 takes a moment to be of use
            assert time.monotonic() < deadline, f"no entry for port {port} came about: {listed(number)}"
            send(number, FRONT[number], port)
            time.sleep(0.05)
    assert listed(number) == [(FRONT[number], port) for port in ports]
    stale = [entry for translated in (False, True) for entry in reconcile.stale(
        conntrack.entries(FAMILY[number], translated=translated), part(number), ())]
    assert sorted(entry.original.target_port for entry in stale) == [54, 55]
    assert all(conntrack.delete(entry) for entry in stale)
    assert listed(number) == [(FRONT[number], 53), (FRONT[number], 56)]
    assert not conntrack.delete(stale[0])  # gone already


def test_only_the_protocol_that_was_asked_for(inside):
    send(4, FRONT[4], 53)
    found = list(conntrack.entries(socket.AF_INET, translated=True, protocol=socket.IPPROTO_UDP))
    assert [(entry.reply.source, entry.reply.source_port) for entry in found] == [(HERE[4], 5353)]
    assert list(conntrack.entries(socket.AF_INET, translated=True, protocol=socket.IPPROTO_TCP)) == []


def test_a_node_port_counts_on_the_nodes_addresses_alone(inside):
    ports = Part(elements={("node-frontends", "udp . 30053"): "goto node-external-1"})
    send(4, "198.18.100.1", 30053)
    send(4, "10.96.0.99", 30053)
    found = list(reconcile.stale(conntrack.entries(socket.AF_INET, translated=False), ports, ("198.18.100.1",)))
    assert [entry.original.target for entry in found] == ["198.18.100.1"]
