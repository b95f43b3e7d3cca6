"""Every node serves in the inventory's mode again: /proxyMode, rules, leftovers and node ports from outside agree."""
from __future__ import annotations

from lab_modes import assert_agree
from lab_tools import Lab

LAB = Lab()


def test_every_node_serves_in_its_own_mode_alone():
    assert_agree(LAB, LAB.nodes)
