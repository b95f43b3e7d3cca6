"""The report of a change, read as a browser would."""
from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from ansible.module_utils.fairlead.mode_change import page

SUMMARY = {"new": 100, "failed": 0, "established": 2, "broken": 0, "clients": 1, "moved": 0, "silence": 12.0,
           "p50": 1.0, "p99": 9.0, "resent": 0, "failures": 0}
CHANGE = {"came_from": "ipvs", "went_to": "nftables", "outcome": "done", "text": "", "ended": 1012.5,
          "phases": {"observe": 1000.0, "bridge": 1001.0, "stop": 1002.0, "prove": 1004.0},
          "handed_over": {"flows": 7, "paused_seconds": 0.21, "refused": 0, "untracked": 0}, "affinity_lost": 0,
          "log": ["1970-01-01T00:16:40.000Z observe", "a <b>line</b>"]}


def made(failed=0, outcome="done", probes=True):
    course = [{"at": at, "new": 10, "failed": failed if at == 1003 else 0, "kept": 4, "broken": 0, "udp": 0,
               "unanswered": 0, "p50": 1.0, "p99": 9.0, "longest": 30.0} for at in range(990, 1012)]
    summary = {**SUMMARY, "failed": failed, "failures": failed}
    return page.report("node1", {**CHANGE, "outcome": outcome},
                       {"client1": {"summary": summary, "course": course}} if probes else {})


class Checker(HTMLParser):
    """Every element that is opened is closed, in order."""

    VOID = ("meta", "line", "polyline", "br")

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize(("report", "verdict"), [
    (made(), "proven"), (made(failed=3), "disproven"), (made(outcome="rolled back"), "disproven"),
    (made(probes=False), "unknown")])
def test_the_page(report, verdict):
    text = page.render(report)
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert ("header", {"class": verdict}) in checker.seen
    assert page.judge(report) == verdict
    assert "<b>" not in text
    assert "7 connections of IPVS were handed over, paused for 0.21 s." in text
    assert "script" not in {tag for tag, _attributes in checker.seen}
    bars = [attributes for tag, attributes in checker.seen if tag == "rect"]
    assert len(bars) == (1 if verdict == "disproven" and report["probes"][0]["summary"]["failed"] else 0)
    assert re.search(r"<td>bridge</td><td>1\.00</td>", text)


def test_phases_and_failures_share_one_scale():
    checker = Checker()
    checker.feed(page.plot(made(failed=3)))
    lines = [float(attributes["x1"]) for tag, attributes in checker.seen
             if tag == "line" and attributes["class"] == "phase"]
    bar = next(float(attributes["x"]) for tag, attributes in checker.seen if tag == "rect")
    assert lines == sorted(lines)
    assert lines[2] < bar < lines[3]  # lost between stop and prove


def test_it_stands_beside_a_restart_of_the_same_pair():
    text = page.render(made(failed=3))
    assert "<td>this change</td><td>3 of 100</td><td>0 of 2</td><td>0 of 1</td>" in text
    assert "restart, on Fairlead&#x27;s lab</td><td>174 of 2168</td><td>19 of 19</td>" in text
