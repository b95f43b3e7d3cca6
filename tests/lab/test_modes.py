"""kube-proxy under systemd: three nodes in three modes, permuted so that every change from one mode to another is made.

Long, and it leaves the lab as the inventory wishes it: make sweep-modes.
"""
from __future__ import annotations

import pytest
from lab_modes import (
    TURNED,
    answered,
    assert_agree,
    assert_settled,
    assert_stops_at_the_first_node,
    proxies,
    settle,
    url,
)

# What is somebody else's on the node that leaves ipvs for iptables, and must be there afterwards.
FOREIGN = ("ipvsadm -A -t 192.0.2.10:443 -s rr && ipvsadm -a -t 192.0.2.10:443 -r 192.0.2.20:443 -m",
           "nft add table inet other && nft add chain inet other c && nft add rule inet other c tcp dport 9 drop")
DUMPS = ("ipvsadm --save --numeric | grep -F 192.0.2.10", "nft list table inet other")

# How each scheduler of IPVS spreads 200 connections of one client over equal servers. "hold": all of them stay open,
# "spread": each is closed before the next. Sources: ip_vs_*.c of Linux 6.12.
EVEN, ONE, SOME = "evenly", "to one server", "to every server"
SCHEDULERS = {
    "rr": ("hold", EVEN), "wrr": ("hold", EVEN),
    "lc": ("hold", EVEN), "wlc": ("hold", EVEN), "sed": ("hold", EVEN), "nq": ("hold", EVEN),  # by open connections
    "sh": ("hold", ONE), "dh": ("hold", ONE),  # by the client's address, by the Service's
    "lblc": ("spread", ONE), "lblcr": ("spread", ONE),  # the last server of this Service, while it is not overloaded
    "mh": ("hold", SOME),  # Maglev; kube-proxy has it look at the client's port as well
}


@pytest.fixture(scope="module")
def settled(lab):
    """The lab as the inventory asks."""
    assert lab.playbook("site.yml").ok
    assert settle(lab, lab.nodes).ok
    yield lab.nodes
    assert settle(lab, lab.nodes).ok


def test_three_modes(lab, settled):
    assert set(settled.values()) == set(TURNED)
    assert_agree(lab, settled)
    assert_settled(lab, settled)


def test_every_node_in_another_mode_and_nothing_of_others_is_touched(lab, settled):
    modes = {node: TURNED[mode] for node, mode in settled.items()}
    machine = lab.machine(next(node for node, mode in settled.items() if mode == "ipvs"))
    for command in FOREIGN:
        machine.check_output(command)
    before = [machine.check_output(command) for command in DUMPS]
    try:
        assert settle(lab, modes).ok
        assert [machine.check_output(command) for command in DUMPS] == before
    finally:
        machine.run("ipvsadm -D -t 192.0.2.10:443; nft delete table inet other")
    assert_agree(lab, modes)
    assert_settled(lab, modes)


def test_and_back(lab, settled):
    assert settle(lab, settled).ok
    assert_agree(lab, settled)
    assert_settled(lab, settled)


def test_a_configuration_that_does_not_serve_stops_at_the_first_node(lab, settled):
    assert_stops_at_the_first_node(lab, settled)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_scheduler(lab, settled, scheduler):
    node = next(name for name, mode in settled.items() if mode == "ipvs")
    before = proxies(lab)
    assert settle(lab, settled, "--limit", node, kube_proxy_scheduler=scheduler).ok
    after = proxies(lab)
    assert {name for name in before if before[name] != after[name]} <= {node}
    port = f"{lab.address(node)}:30080"
    assert f"-t {port} -s {scheduler}" in lab.machine(node).check_output("ipvsadm --save --numeric")
    way, shape = SCHEDULERS[scheduler]
    pods = answered(lab, "client1", way, "200", url(lab, node))
    print(f"{scheduler}: 200 connections, {way}: {sorted(pods.values())}")
    assert sum(pods.values()) == 200
    assert set(pods) <= lab.pods()
    assert spread_of(list(pods.values()), len(lab.pods())) == shape, pods


def spread_of(counts: list[int], servers: int) -> str:
    """The shape of a distribution. One connection in twenty may go elsewhere, when others ask in between."""
    if max(counts) >= 0.95 * sum(counts):
        return ONE
    if len(counts) == servers and max(counts) - min(counts) <= 0.05 * sum(counts):
        return EVEN
    return SOME if len(counts) == servers else "otherwise"
