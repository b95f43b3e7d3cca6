"""The table of a change under load, which both benches print."""
from __future__ import annotations

from ansible.module_utils.fairlead.probe.summary import Summary

COLUMNS = ("change", "how", "took", "new ok/failed", "broken", "moved", "sent again", "p50 ms", "p99 ms", "UDP silence",
           "probe's own stall")
WIDTHS = (26, 8, 7, 16, 9, 8, 12, 12, 14, 16, 14)


def row(change: str, how: str, took: float, quiet: Summary, during: Summary) -> tuple[str, ...]:
    """In parentheses what the quiet control right before it had."""
    return (change, how, f"{took:.1f} s", f"{during.new - during.failed}/{during.failed}",
            f"{during.broken}/{during.established}", f"{during.moved}/{during.clients}",
            f"{during.resent} ({1000 * during.resent / max(1, during.new):.1f} "
            f"vs {1000 * quiet.resent / max(1, quiet.new):.1f} per 1000)",
            f"{during.p50:.1f} ({quiet.p50:.1f})", f"{during.p99:.1f} ({quiet.p99:.1f})",
            f"{during.silence:.0f} ms ({quiet.silence:.0f})", f"{during.stall:.0f} ms ({quiet.stall:.0f})")


def show(cells: tuple[str, ...]) -> None:
    print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS)).rstrip(), flush=True)
