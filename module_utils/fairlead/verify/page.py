"""The report as one HTML page: nothing is fetched, no script runs, and no verdict is told by colour alone. Pure."""
from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from ansible.module_utils.fairlead.verify import history, table
from ansible.module_utils.fairlead.verify.findings import AFFINITY, DISPROVEN, NONE, PROVEN, UNKNOWN
from ansible.module_utils.fairlead.verify.page_style import STYLE
from ansible.module_utils.fairlead.verify.promise import PLACES
from ansible.module_utils.fairlead.verify.words import plain

SIGNS = {PROVEN: "✓", DISPROVEN: "✗", UNKNOWN: "?", NONE: "·"}
MOST_COURSES = 60  # affinity timelines; all of them are in the JSON
MOST_FAILURES = 200

Report = dict[str, Any]


def render(report: Report) -> str:
    parts = [
        _head(report),
        _section("Nodes", _nodes(report)),
        _section("Who reaches what", _clients(report)),
        _section("What failed or could not be told", _failures(report)) if report["failures"] else "",
        _section("Every cell", _services(report)),
        _section("Latency", _latency(report["cells"])),
        _section("Affinity, connection by connection", _courses(report["cells"])),
        _section("Notes", _list(report["notes"])) if report["notes"] else "",
    ]
    return (f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">\n'
            f"<title>{_text(report['verdict'])}: proof of the cluster's Services</title>\n"
            f"<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(filter(None, parts)) + "\n</body>\n</html>\n")


def _head(report: Report) -> str:
    lines = [table.conclusion(report), *history.sentences(report.get("since"))]
    legend = ", ".join(f"{sign} {word if word != NONE else 'nothing is promised'}" for word, sign in SIGNS.items())
    return (f'<header class="{report["verdict"]}"><h1>{SIGNS[report["verdict"]]} {_text(report["verdict"])}</h1>'
            + "".join(f"<p>{_text(line)}</p>" for line in lines)
            + f'<p class="legend">{_text(report.get("time", ""))} · {legend}</p></header>')


def _nodes(report: Report) -> str:
    checks = table.checks_shown(report)
    rows = [[_th(node["name"]), *(_td(node[key]) for key in ("kernel", "kubernetes", "kube_proxy", "mode")),
             *(_check(node["checks"][check]) for check in checks)] for node in report["nodes"]]
    return _table(["node", "kernel", "Kubernetes", "kube-proxy", "mode", *checks], rows)


def _clients(report: Report) -> str:
    places = [place for place in PLACES if any(row["places"][place]["of"] for row in report["matrix"])]
    rows = [[_th(row["client"]), *(_check(row["places"][place]) for place in places)] for row in report["matrix"]]
    return _table(["from", *places], rows)


def _check(check: dict[str, Any]) -> str:
    if check["verdict"] == NONE:
        return "<td></td>"
    return f'<td class="{check["verdict"]}">{SIGNS[check["verdict"]]} {check["proven"]}/{check["of"]}</td>'


def _failures(report: Report) -> str:
    groups = table.grouped(report["failures"])
    told = [f'<li class="{group["verdict"]}">{SIGNS[group["verdict"]]} {_text(table.headline(group), 1000)}'
            f"<br>on {_text(group['client'])}: <code>{_text(group['repeat'], 1000)}</code></li>"
            for group in groups[:MOST_FAILURES]]
    more = [f"<li>and {len(groups) - MOST_FAILURES} more, in the JSON</li>"] if len(groups) > MOST_FAILURES else []
    return "<ul>" + "".join(told + more) + "</ul>"


def _services(report: Report) -> str:
    """A grid for each Service port: a row for each client, a column for each address."""
    return "".join(_grid(title, cells) for title, cells in _by(report["cells"], lambda cell: (
        f"{cell['service']} {cell['service_port']}/{cell['protocol']}")).items())


def _grid(title: str, cells: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys((cell["place"], cell["address"], cell["port"]) for cell in cells))
    owners = {cell["address"]: cell["node"] for cell in cells if cell["place"] == "NodePort"}
    heads = [f"{place} {owners.get(address, '')} {address} {port}" for place, address, port in columns]
    rows = []
    for client, own in _by(cells, lambda cell: cell["client"]).items():
        found = {(cell["place"], cell["address"], cell["port"]): cell for cell in own}
        rows.append([_th(client), *(_cell(found.get(column)) for column in columns)])
    return f"<h3>{_text(title)}</h3>" + _table(["", *heads], rows, "grid")


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "<td></td>"
    seen = cell["seen"] or {}
    answers = ", ".join(f"{pod} {count}" for pod, count in seen.get("answers", {}).items())
    words = [f"{cell['client']} to {cell['address']} port {cell['port']}: {cell['verdict']}",
             *(finding["reason"] for finding in cell["findings"] if finding["reason"]),
             f"answers: {answers}" if answers else "",
             f"the pods see {seen['source']}" if seen.get("source") else ""]
    return (f'<td class="{cell["verdict"]}" data-id="{_text(cell["id"])}" '
            f'title="{_text("; ".join(filter(None, words)), 1000)}">{SIGNS[cell["verdict"]]}</td>')


def _latency(cells: list[dict[str, Any]]) -> str:
    """By point of view how many connections took less than 1, 2, 4, ... ms."""
    rows = []
    for kind, own in _by(cells, lambda cell: f"{cell['kind']} to {cell['place']}").items():
        seen = [cell["seen"]["latency_ms"]["counts"] for cell in own if cell["seen"] and cell["seen"]["latency_ms"]]
        longest = max(map(len, seen), default=0)
        sums = [sum(counts[index] for counts in seen if index < len(counts)) for index in range(longest)]
        if sums:
            rows.append([_th(kind), *(_bar(count, max(sums)) for count in sums)])
    width = max(map(len, rows), default=1) - 1
    return _table(["connections that took", *(f"< {2 ** index} ms" for index in range(width))], rows)


def _bar(count: int, most: int) -> str:
    return f'<td class="bar"><i style="height:{round(2 * count / most, 2)}em"></i>{count or ""}</td>'


def _courses(cells: list[dict[str, Any]]) -> str:
    own = [cell for cell in cells if any(finding["check"] == AFFINITY for finding in cell["findings"])
           and cell["seen"] and cell["seen"]["course"]]
    own.sort(key=lambda cell: cell["verdict"] == PROVEN)
    rows = [[_th(f"{cell['client']} to {cell['address']} port {cell['port']}"),
             f"<td>{SIGNS[cell['verdict']]}</td>",
             "<td>" + " → ".join(f"{_text(pod)} {int(count)} times" for pod, count in cell["seen"]["course"]) + "</td>"]
            for cell in own[:MOST_COURSES]]
    if not rows:
        return "<p>No Service with affinity was asked.</p>"
    more = f"<p>and {len(own) - MOST_COURSES} more, in the JSON</p>" if len(own) > MOST_COURSES else ""
    return _table(["client and address", "", "which pod answered, in turn"], rows) + more


def _by(cells: Iterable[dict[str, Any]], key) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return groups


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{body}</section>"


def _table(heads: list[str], rows: list[list[str]], kind: str = "") -> str:
    head = "".join(f'<th scope="col"><span>{_text(word)}</span></th>' for word in heads)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(line, 1000)}</li>" for line in lines) + "</ul>"


def _th(text: str) -> str:
    return f'<th scope="row">{_text(text)}</th>'


def _td(text: str) -> str:
    return f"<td>{_text(text)}</td>"


def _text(text: object, longest: int = 400) -> str:
    """Nothing of a cluster's own becomes markup, and nothing hides in the direction of writing."""
    return escape(plain(text, longest), quote=True)
