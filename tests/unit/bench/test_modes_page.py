"""The page of make bench-modes: every figure is on it, every mode is told by a word, and nothing is fetched."""
from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

HERE = Path(__file__).resolve().parents[2] / "bench/modes"
sys.path.append(str(HERE))
import page  # noqa: E402


def row(mode, services, **more):
    return {"mode": mode, "services": services, "start": 1.5, "estimated": 2.0, "sync": 0.5, "change": 0.012,
            "p50": 0.31, "p99": 0.9, "rate": 2345.0, "failed": 0, "info": 0.4, **more}


def report(*rows):
    return {"time": "now", "machine": "<m>", "runs": [{"site": "a & b", "rows": list(rows)}]}


def test_figures_and_words():
    made = page.render(report(row("iptables", 10), row("nftables", 10), row("iptables", 1000, p50=7.77),
                              row("nftables", 1000, failed=3)))
    for words in ("&lt;m&gt;", "a &amp; b", "7.77", "<td>3</td>", "2345", ">iptables</text>", ">nftables</text>"):
        assert words in made
    assert not re.search(r"https?://|<script|<link|url\(", made)
    for svg in re.findall(r"<svg.*?</svg>", made, re.DOTALL):
        ElementTree.fromstring(svg)


@pytest.mark.parametrize("rows", [
    (row("ipvs", 10),), (row("ipvs", 10, rate=0.0, p50=0.0),), (row("ipvs", 10), row("ipvs", 10000, start=900.0))])
def test_one_point_no_value_and_a_wide_range_stay_inside_the_plot(rows):
    made = page.render(report(*rows))
    for name, most in (("cx", page.WIDTH), ("cy", page.HEIGHT)):
        places = [float(each) for each in re.findall(rf'{name}="([^"]+)"', made)]
        assert places
        assert all(0 <= place <= most for place in places)


def test_words_of_equal_lines_do_not_lie_on_each_other():
    assert page._apart([50.0, 52.0, 51.0]) == [50.0, 78.0, 64.0]
    assert page._apart([50.0, 50.0]) == [50.0, 64.0]
