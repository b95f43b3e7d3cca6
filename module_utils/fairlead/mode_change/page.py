"""What a live change of mode did to a node's connections, as one HTML page: a plot over time with the phases, the
figures, the journal. Nothing is fetched, no script runs. Pure."""
from __future__ import annotations

import math
from html import escape
from typing import Any

from ansible.module_utils.fairlead.mode_change import restarts
from ansible.module_utils.fairlead.probe import course
from ansible.module_utils.fairlead.verify.page_style import STYLE
from ansible.module_utils.fairlead.verify.words import plain

WIDTH, HEIGHT, LEFT, TOP = 960, 300, 60, 90
BEFORE = 15  # seconds before the first phase that are shown
MOST_LATENCY = 10_000.0  # milliseconds at the upper edge of the plot; its scale is logarithmic from 1 on
EXTRA = """
svg { max-width: 100%; height: auto; background: var(--paper); }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
svg .axis { stroke: var(--line); } svg .phase { stroke: var(--quiet); stroke-dasharray: 3 3; }
svg .p99 { fill: none; stroke: var(--bar); stroke-width: 2; } svg .longest { fill: none; stroke: var(--quiet); }
svg .failed { fill: #c0392b; }
pre { overflow-x: auto; font-size: .85rem; }
"""
_LOSSES = (("failed", "new"), ("broken", "established"), ("moved", "clients"))
Report = dict[str, Any]


def report(node: str, change: dict[str, Any], probes: dict[str, dict[str, Any]]) -> Report:
    """change: as module mode_change_info returns it; probes: client -> as connection_probe returned it at its end."""
    return {
        "node": node, "from": change["came_from"], "to": change["went_to"],
        **{key: change[key] for key in ("outcome", "text", "phases", "ended", "handed_over", "affinity_lost", "log")},
        "probes": [{"client": client, "summary": found["summary"], "course": found["course"]}
                   for client, found in sorted(probes.items()) if "summary" in found]}


def judge(report: Report) -> str:
    """"proven" when the node is in the wished mode and nobody lost anything, "disproven" when somebody did or it is
    not, "unknown" when nobody watched."""
    if report["outcome"] != "done" or any(probe["summary"]["failures"] for probe in report["probes"]):
        return "disproven"
    return "proven" if report["probes"] else "unknown"


def render(report: Report) -> str:
    verdict = judge(report)
    title = f"{report['node']}: {report['from']} to {report['to']} mode, {report['outcome']}"
    sections = [
        f'<header class="{verdict}"><h1>{_text(title)}</h1><p>{_text(_sentence(report))}</p></header>',
        _section("Over time", plot(report)) if report["probes"] else "",
        _section("What each client saw", _clients(report["probes"])) if report["probes"] else "",
        _section("Beside a restart", _restart(report)),
        _section("Phases", _phases(report)),
        _section("Journal", "<pre>" + "\n".join(map(_text, report["log"])) + "</pre>"),
    ]
    return ('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">\n'
            f"<title>{_text(title)}</title>\n<style>{STYLE}{EXTRA}</style>\n</head>\n<body>\n"
            + "\n".join(filter(None, sections)) + "\n</body>\n</html>\n")


def _sentence(report: Report) -> str:
    new = sum(probe["summary"]["new"] for probe in report["probes"])
    counts = {key: sum(probe["summary"][key] for probe in report["probes"])
              for key in ("failed", "broken", "established", "moved", "clients")}
    words = [f"{report['text']}." if report["text"] else "",
             f"{new} new connections, {counts['failed']} failed; {counts['broken']} of {counts['established']} "
             f"established ones broken; {counts['moved']} moves of {counts['clients']} affinity clients."
             if report["probes"] else "No probe watched this change."]
    over = report["handed_over"]
    if over:
        words.append(f"{over['flows']} connections of IPVS were handed over, paused for {over['paused_seconds']} s.")
    if report["affinity_lost"]:
        words.append(f"{report['affinity_lost']} affinity clients could not be carried.")
    return " ".join(filter(None, words))


def plot(report: Report) -> str:
    """Latency and failures by second, phases as lines. Times are each machine's own."""
    seconds = course.together(probe["course"] for probe in report["probes"])
    start = min(report["phases"].values(), default=seconds[0]["at"] if seconds else 0.0)
    seconds = [each for each in seconds if each["at"] >= start - BEFORE]
    end = max([each["at"] for each in seconds] + [report["ended"], start + 1])
    span = end - start + BEFORE

    def x(at: float) -> float:
        return round(LEFT + (at - start + BEFORE) / span * (WIDTH - LEFT - 10), 1)

    def y(ms: float) -> float:
        share = math.log10(max(1.0, min(ms, MOST_LATENCY))) / math.log10(MOST_LATENCY)
        return round(TOP + HEIGHT * (1 - share), 1)

    parts = [f'<line class="axis" x1="{LEFT}" x2="{WIDTH - 10}" y1="{y(ms)}" y2="{y(ms)}"/>'
             f'<text x="4" y="{y(ms) + 4}">{ms:g} ms</text>' for ms in (1, 10, 100, 1000, 10000)]
    ordered = sorted(report["phases"].items(), key=lambda each: each[1])
    parts += [f'<line class="phase" x1="{x(at)}" x2="{x(at)}" y1="{TOP}" y2="{TOP + HEIGHT}"/>'
              f'<text transform="translate({x(at) + 3},{TOP - 4}) rotate(-55)">{_text(name)}</text>'
              for name, at in ordered]
    for key in ("longest", "p99"):
        points = " ".join(f"{x(each['at'])},{y(each[key])}" for each in seconds)
        parts.append(f'<polyline class="{key}" points="{points}"/>')
    for each in seconds:
        lost = each["failed"] + each["broken"]
        if lost:
            tall = min(HEIGHT, 12 + 4 * lost)
            parts.append(f'<rect class="failed" x="{x(each["at"]) - 2}" width="5" y="{TOP + HEIGHT - tall}" '
                         f'height="{tall}"><title>{lost} lost</title></rect>')
    ticks = range(0, int(span), max(5, int(span / 12) // 5 * 5))
    parts += [f'<text x="{x(start - BEFORE + at)}" y="{TOP + HEIGHT + 16}">{at - BEFORE} s</text>' for at in ticks]
    return (f'<svg viewBox="0 0 {WIDTH} {TOP + HEIGHT + 30}" role="img" aria-label="Latency and failures over time">'
            + "".join(parts) + '</svg><p class="legend">Thick line: p99 of new connections in each second; thin line: '
            "the longest; bars: connections that failed or broke. Times are each machine's own clock's.</p>")


def _clients(probes: list[dict[str, Any]]) -> str:
    heads = ("from", "new", "failed", "established", "broken", "affinity clients", "moves", "UDP silence, ms",
             "p50, ms", "p99, ms", "sent again")
    keys = ("new", "failed", "established", "broken", "clients", "moved", "silence", "p50", "p99", "resent")
    rows = [[probe["client"], *(f"{probe['summary'][key]:g}" for key in keys)] for probe in probes]
    return _table(heads, rows)


def _restart(report: Report) -> str:
    """This change in one row, what a restart of the same pair cost on the lab in the next."""
    cost = restarts.LAB.get((report["from"], report["to"]))
    if cost is None:
        return "<p>No restart of this pair was measured.</p>"
    seen = [probe["summary"] for probe in report["probes"]]
    rows = [["this change", *(f"{sum(each[bad] for each in seen):g} of {sum(each[of] for each in seen):g}"
                              for bad, of in _LOSSES)]] if seen else []
    rows.append(["a restart, on Fairlead's lab", *(f"{getattr(cost, bad)} of {getattr(cost, of)}"
                                                   for bad, of in _LOSSES)])
    return _table(("how", "new connections failed", "established ones broken", "affinity clients moved"), rows) + (
        "<p class=\"legend\">The lab's figures are of one restart under 30 new connections a second, on one emulated "
        "processor and with few Services; with more Services a restart loses more.</p>")


def _phases(report: Report) -> str:
    ordered = sorted(report["phases"].items(), key=lambda each: each[1])
    ends = [at for _name, at in ordered[1:]] + [report["ended"]]
    return _table(("phase", "seconds"), [[name, f"{max(0.0, end - at):.2f}"] for (name, at), end in zip(ordered, ends)])


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{_text(word)}</th>' for word in heads)
    body = "\n".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{body}</section>"


def _text(text: object, longest: int = 1000) -> str:
    return escape(plain(text, longest), quote=True)
