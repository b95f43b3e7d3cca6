"""The probe's results second by second, small enough to carry and to draw. Pure."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible.module_utils.fairlead.probe.summary import Result, share

Second = dict[str, Any]


def seconds(results: Iterable[Result]) -> list[Second]:
    """For each second in which something began: opened and failed connections, the latencies of those that succeeded
    in milliseconds, questions on established connections and how many of them failed, UDP answers and silences."""
    found: dict[int, Second] = {}
    lasted: dict[int, list[float]] = {}
    for each in results:
        at = int(each["at"])
        one = found.setdefault(at, {"at": at, "new": 0, "failed": 0, "kept": 0, "broken": 0, "udp": 0, "unanswered": 0})
        good, bad = {"new": ("new", "failed"), "affinity": ("new", "failed"), "established": ("kept", "broken"),
                     "udp": ("udp", "unanswered")}.get(each["kind"], ("", ""))
        if not good:
            continue
        one[good] += 1
        one[bad] += not each["ok"]
        if good == "new" and each["ok"]:
            lasted.setdefault(at, []).append(each["ms"])
    for at, one in found.items():
        ordered = sorted(lasted.get(at, ()))
        one.update(p50=share(ordered, 0.5), p99=share(ordered, 0.99), longest=ordered[-1] if ordered else 0.0)
    return [found[at] for at in sorted(found)]


def together(courses: Iterable[list[Second]]) -> list[Second]:
    """Several probes' courses as one; of latencies the worst counts."""
    found: dict[int, Second] = {}
    for course in courses:
        for one in course:
            known = found.setdefault(one["at"], {"at": one["at"]})
            for key, value in one.items():
                if key != "at":
                    known[key] = max(known.get(key, 0), value) if key in ("p50", "p99", "longest") else (
                        known.get(key, 0) + value)
    return [found[at] for at in sorted(found)]
