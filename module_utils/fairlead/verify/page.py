"""The report as one HTML page: nothing is fetched, no script runs, and no verdict is told by colour alone. Pure."""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead.verify import discovery, history, names, page_grids, page_settings, sample, table
from ansible.module_utils.fairlead.verify.findings import NONE, PROVEN, UNKNOWN
from ansible.module_utils.fairlead.verify.page_markup import (
    CIRCLE,
    PART,
    SIGNS,
    UNASKED,
    bullets,
    by,
    section,
    td,
    text,
    th,
)
from ansible.module_utils.fairlead.verify.page_markup import table as table_of
from ansible.module_utils.fairlead.verify.page_style import STYLE
from ansible.module_utils.fairlead.verify.promise import PLACES

MOST_FAILURES = 200

Report = dict[str, Any]


def render(report: Report) -> str:
    cells = report["cells"]
    worse = set((report.get("since") or {}).get("worse", ()))
    kept, taken = page_grids.affinity(cells), report.get("sample")
    parts = [
        _head(report),
        f'<div class="pair">{_glance(report)}{_clients(report)}</div>',
        _failures(report) if report["failures"] else "",
        section("Nodes", _nodes(report)),
        section("Discovery", _discovery(report), "Whether cluster DNS answers as the EndpointSlices say, "
                "asked with dig in a pod on each node; whether Endpoints are the ready pods; which pods know the "
                "Service from their environment.") if discovery.columns(report.get("discovery") or []) else "",
        section("Every cell that was asked" if taken else "Every cell",
                page_grids.services(cells, worse, sampled=bool(taken)),
                "One grid for each Service port: rows are clients, columns addresses. Point at a square for what "
                "answered." + (" A frame marks what was proven in the earlier run." if worse else "")
                + (" A circle was not asked." if taken else "")),
        section("Affinity: who stayed with which pod", kept,
                "A letter alone is the one pod that answered every connection. Every node keeps affinity by itself, so "
                "the same client may be sent to another pod through another node, and in ipvs mode through another "
                "address; clients behind one NAT address are one client.") if kept else "",
        section("Latency", _latency(cells), "How many connections took less than so many milliseconds."),
        section("Settings against wishes", page_settings.render(report.get("settings")), page_settings.SAY),
        section("Notes", bullets(report["notes"])) if report["notes"] else "",
    ]
    return (f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">\n'
            f"<title>{text(report['verdict'])}: proof of the cluster's Services</title>\n"
            f"<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(filter(None, parts)) + "\n</body>\n</html>\n")


def _head(report: Report) -> str:
    counted = [cell for cell in report["cells"] if cell["verdict"] != NONE]
    proven = sum(cell["verdict"] == PROVEN for cell in counted)
    figures = [(f"{proven}/{len(counted)}", "cells proven"),
               (sum(1 for node in report["nodes"] if node["addresses"]), "nodes"),
               (len(report["clients"]), "clients"), (len(report["services"]), "Service ports"),
               (report["connections"], "connections")]
    legend = "".join(f'<i class="{word}">{sign}</i> {word if word != NONE else "nothing is promised"}'
                     for word, sign in SIGNS.items())
    since = "".join(f"<p>{text(line)}</p>" for line in history.sentences(report.get("since")))
    taken = report.get("sample")
    if taken:
        legend += (f'<i class="{PROVEN} {PART}">{SIGNS[PROVEN]}</i> proven, but not all of it asked'
                   f'<i class="{UNASKED}">{CIRCLE}</i> not asked')
        figures.insert(1, (f"{taken['asked']}/{taken['of']}", "cells asked"))
        since = f"<p>This was {text(sample.told(taken), 1000)}.</p>{since}"
    return (f'<header class="{report["verdict"]}"><h1>{SIGNS[report["verdict"]]} {text(report["verdict"])}'
            f'{" <small>(of a sample)</small>" if taken else ""}</h1>'
            f'<p>Does every client reach every Service as promised? Asked {text(_time(report))}</p>'
            '<div class="figures">'
            + "".join(f"<span><b>{figure}</b>{words}</span>" for figure, words in figures)
            + f'</div>{since}<p class="legend">{legend}</p></header>')


def _time(report: Report) -> str:
    return report.get("time", "").replace("T", " ").replace("+00:00", " UTC")


def _nodes(report: Report) -> str:
    checks = table.checks_shown(report)
    rows = []
    for node in report["nodes"]:
        about = f"<small>{text(', '.join(node['addresses']))}</small>" if node["addresses"] else ""
        kube_proxy = f"{table.mode(node)} {node['kube_proxy']}" if node["kube_proxy"] != UNKNOWN else table.mode(node)
        rows.append([f'<th scope="row">{text(node["name"])}{about}</th>', td(node["kernel"]), td(node["kubernetes"]),
                     td(kube_proxy), *(td(table.NOT_JUDGED) if check in table.unjudged(report)
                                       else _check(node["checks"][check], report.get("sample")) for check in checks)])
    return table_of(["node", "kernel", "Kubernetes", "kube-proxy", *checks], rows, "sums")


def _glance(report: Report) -> str:
    return section("At a glance", page_grids.glance(report["cells"], report.get("sample")),
                   "Each square is one client and one Service port: the worst of what was found at all its addresses.")


def _clients(report: Report) -> str:
    """A row for each kind of client. Nodes and pods stand on a node, whose own port is a column of its own."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for row in report["matrix"]:
        kind, _, where = row["client"].partition(", ")
        for place, check in row["places"].items():
            if check["of"]:
                own = where in ("itself", "same node")
                rows.setdefault(kind, {})["NodePort, own node" if own else place] = check
    columns = [place for place in (PLACES[0], "NodePort, own node", *PLACES[1:])
               if any(place in row for row in rows.values())]
    empty, sampled = {"verdict": NONE}, report.get("sample")
    shown = [[th(kind), *(_check(row.get(column, empty), sampled) for column in columns)]
             for kind, row in rows.items()]
    return section("Who reaches what", table_of(["from", *columns], shown, "sums"),
                   "Proven cells of all, by who asks and what kind of address is asked.")


def _discovery(report: Report) -> str:
    lines = report["discovery"]
    checks = discovery.columns(lines)
    return table_of(["Service", *checks], [
        [th(line["service"]), *(_check(line["checks"][check], check in names.TYPES and report.get("sample"))
                                for check in checks)] for line in lines], "sums")


def _check(check: dict[str, Any], sampled: Any) -> str:
    """The sum of a sample is one of what was asked, and looks like it."""
    if check["verdict"] == NONE:
        return "<td></td>"
    part = f" {PART}" if sampled and check["verdict"] == PROVEN else ""
    return f'<td class="{check["verdict"]}{part}">{SIGNS[check["verdict"]]} {check["proven"]}/{check["of"]}</td>'


def _failures(report: Report) -> str:
    groups = table.grouped(report["failures"])
    told = [f'<li><b class="{group["verdict"]}">{SIGNS[group["verdict"]]}</b><span>{text(table.headline(group), 1000)}'
            f"<br>by hand, on {text(group['client'])}: <code>{text(group['repeat'], 1000)}</code></span></li>"
            for group in groups[:MOST_FAILURES]]
    left = len(groups) - MOST_FAILURES
    more = [f"<li><b></b><span>and {left} more, in the JSON</span></li>"] if left > 0 else []
    return section("What failed or could not be told", f'<ul class="faults">{"".join(told + more)}</ul>')


def _latency(cells: list[dict[str, Any]]) -> str:
    """For each kind of address, by who asked, how many connections took less than 1, 2, 4, ... ms."""
    tables = []
    for place, there in by(cells, lambda cell: cell["place"]).items():
        rows = []
        for kind, own in by(there, lambda cell: cell["kind"]).items():
            seen = [cell["seen"]["latency_ms"]["counts"] for cell in own if cell["seen"] and cell["seen"]["latency_ms"]]
            longest = max(map(len, seen), default=0)
            sums = [sum(counts[index] for counts in seen if index < len(counts)) for index in range(longest)]
            if sums:
                rows.append([th(kind), *(_bar(count, max(sums)) for count in sums)])
        width = max(map(len, rows), default=1) - 1
        heads = ["from", *(f"< {2 ** index} ms" for index in range(width))]
        tables.append(f"<div><h3>to {text(place)}</h3>{table_of(heads, rows)}</div>")
    return f'<div class="cards">{"".join(tables)}</div>'


def _bar(count: int, most: int) -> str:
    bar = f'<i style="height:{round(1.3 * count / most, 2)}rem"></i>' if count else ""
    return f'<td class="bar">{count or ""}{bar}</td>'
