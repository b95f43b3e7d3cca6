"""The figures of a run as one HTML page in the style of the proof's, with plots drawn in it. Pure.

Nothing is fetched and no script runs. Modes differ by colour, by dash and by the word at the end of their line.
"""
from __future__ import annotations

import math
from html import escape
from typing import Any

from ansible.module_utils.fairlead.verify.page_style import STYLE

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 520, 250, 62, 88, 14, 34
LOOKS = {"iptables": ("#c2571a", ""), "nftables": ("#2b6cb0", "7 4"), "ipvs": ("#2f855a", "2 4"),
         "userspace": ("#805ad5", "9 3 2 3")}
# (field, title, unit, factor)
PLOTS = (("start", "From start to the first complete sync", "s", 1.0),
         ("change", "One sync, while single Services are added", "ms", 1000.0),
         ("p50", "First packet of a new connection, median", "ms", 1.0),
         ("rate", "Connections answered", "a second", 1.0))
OWN_STYLE = """
figure { display: inline-block; margin: .5rem 1rem .5rem 0; } figcaption { font-weight: bold; }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; } svg text { fill: var(--ink); }
svg .axis { stroke: var(--line); } svg path { fill: none; stroke-width: 2; }
"""


def render(report: dict[str, Any]) -> str:
    body = "".join(_run(one) for one in report["runs"])
    told = ("Sites are not to be compared with each other: one is at this machine's own speed, another may be "
            "emulated. Every plot's axes are logarithmic, those of Services and of values.")
    where = escape(f"{report['time']} · {report['machine']}")
    return ('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">\n'
            f"<title>kube-proxy's modes, measured</title>\n<style>{STYLE}{OWN_STYLE}</style>\n</head>\n<body>\n"
            f"<header><h1>kube-proxy's modes, measured</h1><p>{where}</p>"
            f'<p class="legend">{told}</p></header>\n{body}</body>\n</html>\n')


def _run(one: dict[str, Any]) -> str:
    plots = "".join(f"<figure><figcaption>{title}, {unit}</figcaption>{_plot(one['rows'], field, factor)}</figure>"
                    for field, title, unit, factor in PLOTS)
    return f"<section><h2>{escape(one['site'])}</h2>{plots}{_table(one['rows'])}</section>\n"


def _plot(rows: list[dict[str, Any]], field: str, factor: float) -> str:
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        lines.setdefault(row["mode"], []).append((row["services"], max(row[field] * factor, 1e-3)))
    across = [point[0] for points in lines.values() for point in points]
    upward = [point[1] for points in lines.values() for point in points]
    place_x = _scale(min(across), max(across), LEFT, WIDTH - RIGHT)
    ticks = _ticks(min(upward), max(upward))
    place_y = _scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">']
    for tick in ticks:
        y = place_y(tick)
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                     f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for size in sorted(set(across)):
        parts.append(f'<text x="{place_x(size):.1f}" y="{HEIGHT - 12}" text-anchor="middle">{size:,}</text>')
    for (mode, points), y in zip(lines.items(), _apart([place_y(points[-1][1]) for points in lines.values()])):
        colour, dash = LOOKS[mode]
        path = " L ".join(f"{place_x(x):.1f} {place_y(value):.1f}" for x, value in points)
        parts.append(f'<path d="M {path}" stroke="{colour}" stroke-dasharray="{dash}"/>')
        parts += [f'<circle cx="{place_x(x):.1f}" cy="{place_y(value):.1f}" r="3" fill="{colour}">'
                  f"<title>{mode}, {x:,} Services: {value:.3g}</title></circle>" for x, value in points]
        parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{y + 4:.1f}">{mode}</text>')
    return "".join([*parts, "</svg>"])


def _scale(low: float, high: float, start: float, end: float):
    """From a value to its place on a logarithmic axis; one value alone stands in the middle."""
    span = math.log(high / low) if high > low else 0.0
    return lambda value: start + (end - start) * (math.log(value / low) / span if span else 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten, from below the lowest value to above the highest."""
    steps = [base * 10.0 ** power for power in range(-4, 8) for base in (1, 2, 5)]
    first = max(index for index, step in enumerate(steps) if step <= low)
    last = min(index for index, step in enumerate(steps) if step >= high and index > first)
    chosen = steps[first:last + 1]
    return chosen if len(chosen) <= 8 else [step for step in chosen if f"{step:e}"[0] == "1" or step in (
        chosen[0], chosen[-1])]


def _apart(places: list[float]) -> list[float]:
    """Where the lines' words go, so that none lies on another."""
    put, lowest = list(places), -math.inf
    for index in sorted(range(len(put)), key=lambda each: places[each]):
        put[index] = lowest = max(places[index], lowest + 14)
    return put


def _table(rows: list[dict[str, Any]]) -> str:
    heads = ("Services", "mode", "start, s", "estimated, s", "in syncs, s", "one more Service, ms",
             "first packet p50, ms", "p99, ms", "connections/s", "failed", "kube_proxy_info, s")
    cells = [[f"{row['services']:,}", row["mode"], f"{row['start']:.2f}", f"{row['estimated']:.1f}",
              f"{row['sync']:.2f}", f"{row['change'] * 1000:.0f}", f"{row['p50']:.2f}", f"{row['p99']:.2f}",
              f"{row['rate']:.0f}", str(row["failed"]), f"{row['info']:.2f}" if row["info"] else ""] for row in rows]
    head = "".join(f'<th scope="col">{word}</th>' for word in heads)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in cells)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
