"""Every node serves in the next mode: /proxyMode, rules, leftovers and node ports from outside agree."""
from __future__ import annotations

from lab_modes import TURNED, assert_agree
from lab_tools import Lab

LAB = Lab()


def test_every_node_serves_in_the_next_mode_alone():
    assert_agree(LAB, {node: TURNED[mode] for node, mode in LAB.nodes.items()})
