"""What the probe's results come to. Pure."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Result = dict[str, Any]  # as load.py writes it


@dataclass(frozen=True)
class Summary:
    """new, failed: connections opened and lost; p50, p99, longest: their milliseconds, of those that succeeded
    resent: connections whose packets were sent again; established, broken: kept connections and how many of them broke
    silence: longest time between two answers of a UDP flow, in milliseconds
    clients, moved: affinity clients, and how often one was answered by another pod than before
    stall: the longest time in milliseconds for which a probe itself did not run; latencies say little beyond it
    errors: what the failures said, with numbers; first_failure: UNIX time, 0 for none
    """

    new: int
    failed: int
    p50: float
    p99: float
    longest: float
    resent: int
    established: int
    broken: int
    silence: float
    clients: int
    moved: int
    stall: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    first_failure: float = 0.0


def summarize(results: Iterable[Result], begin: float = 0.0, end: float = float("inf")) -> Summary:
    """Of the results that began within this time."""
    chosen = sorted((each for each in results if begin <= each["at"] <= end), key=lambda each: each["at"])
    opened = [each for each in chosen if each["kind"] in ("new", "affinity")]
    kept = [each for each in chosen if each["kind"] == "established"]
    lasted = sorted(each["ms"] for each in opened if each["ok"])
    failures = [each for each in chosen if not each["ok"] and each["kind"] != "udp"]
    return Summary(
        new=len(opened), failed=sum(not each["ok"] for each in opened),
        p50=share(lasted, 0.5), p99=share(lasted, 0.99), longest=lasted[-1] if lasted else 0.0,
        resent=sum(bool(each["resent"]) for each in opened),
        established=len({(each["flow"], each["id"]) for each in kept}),
        broken=len({(each["flow"], each["id"]) for each in kept if not each["ok"]}),
        silence=_silence(chosen), **_affinity(chosen),
        stall=max((each["ms"] for each in chosen if each["kind"] == "stall"), default=0.0),
        errors=dict(Counter(f"{each['kind']}: {each['error']}" for each in failures)),
        first_failure=min((each["at"] for each in failures), default=0.0))


def share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _silence(results: list[Result]) -> float:
    """Milliseconds between two answers, at most, over all UDP flows."""
    last: dict[Any, float] = {}
    longest = 0.0
    for each in results:
        if each["kind"] == "udp" and each["ok"]:
            flow, now = (each["flow"], each["id"]), each["at"] + each["ms"] / 1000
            longest = max(longest, now - last.get(flow, now))
            last[flow] = now
    return round(longest * 1000, 1)


def _affinity(results: list[Result]) -> dict[str, int]:
    last: dict[Any, str] = {}
    moved = 0
    for each in results:
        if each["kind"] == "affinity" and each["ok"]:
            client = (each["flow"], each["source"])
            moved += last.get(client, each["answer"]) != each["answer"]
            last[client] = each["answer"]
    return {"clients": len(last), "moved": moved}
