"""What `make bench-modes` measured on one machine, as preflight cites it. docs/bench-modes.html has all of it.

Another machine has other figures; which mode is ahead, and from how many Services on, is what carries over.
"""
from __future__ import annotations

from typing import NamedTuple


class Figures(NamedTuple):
    """first_ms: of the first packet of a new connection, median; rate: connections a second; more_s: seconds of one
    sync while single Services are added; start_s: from the start of the process to the first complete sync."""

    first_ms: float
    rate: float
    more_s: float
    start_s: float


WHERE = "a namespace node, two processors with other work beside it, kube-proxy 1.37.2"
FIGURES: dict[int, dict[str, Figures]] = {
    10: {"iptables": Figures(0.24, 3013, 0.06, 1.4), "nftables": Figures(0.2, 2944, 0.03, 0.9)},
    1000: {"iptables": Figures(0.32, 2658, 0.21, 2.2), "nftables": Figures(0.3, 2142, 0.09, 1.7)},
    3000: {"iptables": Figures(0.24, 2062, 0.72, 13.9), "nftables": Figures(0.22, 3152, 0.21, 7.0)},
}


def cite(services: int, mode: str, other: str) -> str:
    """One clause that sets a mode against another at the measured number of Services that comes nearest; 0 is unknown,
    which is answered for the largest. "" when there are no figures of both."""
    sizes = [size for size, by_mode in FIGURES.items() if {mode, other} <= set(by_mode)]
    if not sizes:
        return ""
    size = min(sizes, key=lambda each: abs(each - services)) if services else max(sizes)
    one, two = FIGURES[size][mode], FIGURES[size][other]
    return (f"measured at {size:,} Services ({WHERE}): first packet {one.first_ms:.2g} ms, in {other} mode "
            f"{two.first_ms:.2g} ms; one more Service {one.more_s:.2g} s, in {other} mode {two.more_s:.2g} s; "
            f"{one.rate:.0f} connections/s, in {other} mode {two.rate:.0f}")
