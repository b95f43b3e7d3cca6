"""What a plain restart into another mode cost on the lab, to stand beside a live change in its report.

Source: make bench-change-lab of 27 November 2026, one restart of each pair: kube-proxy 1.37.2 on an emulated node with
one processor and 8 Services, 30 new connections a second, 19 established ones and 4 affinity clients.
With more Services the first sync comes later, and more is lost.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """new, failed: connections that were opened and lost; established, broken: kept ones; clients, moved: affinity."""

    new: int
    failed: int
    established: int
    broken: int
    clients: int
    moved: int


LAB = {
    ("iptables", "ipvs"): Cost(1111, 0, 19, 0, 4, 2),
    ("ipvs", "nftables"): Cost(2168, 174, 19, 19, 4, 1),
    ("nftables", "iptables"): Cost(1458, 61, 19, 6, 4, 1),
    ("iptables", "nftables"): Cost(1397, 122, 19, 6, 4, 2),
    ("nftables", "ipvs"): Cost(1257, 103, 19, 6, 4, 2),
    ("ipvs", "iptables"): Cost(1500, 0, 19, 18, 4, 2),
}
