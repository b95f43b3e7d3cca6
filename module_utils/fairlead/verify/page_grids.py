"""The matrix as pictures: Service by client, for each Service client by address, who was sent to which pod. Pure."""
from __future__ import annotations

from itertools import groupby
from typing import Any

from ansible.module_utils.fairlead.verify.clients import KINDS
from ansible.module_utils.fairlead.verify.findings import AFFINITY, NONE, PROVEN, worst
from ansible.module_utils.fairlead.verify.page_markup import (
    CIRCLE,
    PART,
    SIGNS,
    UNASKED,
    Cell,
    by,
    framed,
    service_port,
    starts,
    text,
    th,
)
from ansible.module_utils.fairlead.verify.promise import NODE_PORT, PLACES
from ansible.module_utils.fairlead.verify.words import listed

MOST_CELLS = 4000  # squares in the grids by Service; those of Services that are proven throughout are left out first
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Column = tuple[str, str, str, int]  # kind of address, node, address, port


def glance(cells: list[Cell], sample: dict[str, Any] | None = None) -> str:
    """A row for each Service port, a column for each client, the worst of its cells in each square. In a sample a
    square says when not all of its cells were asked."""
    clients = {client: own[0]["kind"] for client, own in _by_client(cells).items()}
    every = {(port["service"], port["port"], port["protocol"]): port["clients"]
             for port in (sample or {}).get("ports", [])}
    gaps = starts(clients.values())
    heads = "".join(f'<th scope="col" class="turned"{" data-gap" if gap else ""}><span>{text(client)}</span></th>'
                    for client, gap in zip(clients, gaps))
    rows = []
    asked = by(cells, service_port)
    for port in every or asked:
        found = by(asked.get(port, []), lambda cell: cell["client"])
        of = every.get(port, {})
        rows.append("<tr>" + th(_name(port)) + "".join(
            _square(found.get(client, []), gap, of.get(client, 0)) for client, gap in zip(clients, gaps)) + "</tr>")
    return framed(f"<thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>", "grid")


def _square(cells: list[Cell], gap: bool, of: int) -> str:
    """of: how many cells a sample was drawn from here; 0 when there was no sample, or nothing to ask."""
    space = " data-gap" if gap else ""
    if not cells:
        return f'<td{space} class="{UNASKED}" title="none of {of} asked">{CIRCLE}</td>' if of else f"<td{space}></td>"
    verdict = worst(cell["verdict"] for cell in cells)
    counted = [cell for cell in cells if cell["verdict"] != NONE]
    proven = sum(cell["verdict"] == PROVEN for cell in counted)
    some = len(cells) < of
    asked = f"{len(cells)} of {of} asked, " if some else ""
    return (f'<td class="{verdict}{f" {PART}" if some and verdict == PROVEN else ""}"{space} '
            f'title="{asked}{proven} of {len(counted)} proven">{SIGNS[verdict]}</td>')


def services(cells: list[Cell], worse: set[str], sampled: bool = False) -> str:
    """A grid for each Service port: a row for each client, a column for each address. worse: cells that were proven."""
    groups = by(cells, service_port)
    shown, room = [], MOST_CELLS
    for port, own in sorted(groups.items(), key=lambda item: all(cell["verdict"] == PROVEN for cell in item[1])):
        # Of a sample most squares are there only to say that they were not asked.
        room -= len(_columns(own)) * len(_by_client(own)) if sampled else len(own)
        if room >= 0:
            shown.append(port)
    grids = "".join(_grid(port, own, worse, sampled) for port, own in groups.items() if port in shown)
    left = len(groups) - len(shown)
    more = f"{left} more Service ports are in the JSON only; this page would be too long." if left else ""
    return f'<div class="cards">{grids}</div><p class="say">{more}</p>'


def _grid(port: tuple[str, int, str], cells: list[Cell], worse: set[str], sampled: bool) -> str:
    columns = _columns(cells)
    gaps = starts((place, node) for place, node, _, _ in columns)
    rows = []
    clients = _by_client(cells)
    breaks = starts(own[0]["kind"] for own in clients.values())
    for (client, own), first in zip(clients.items(), breaks):
        found = {_column(cell): cell for cell in own}
        rows.append(f"<tr{' data-gap' if first else ''}>" + th(client) + "".join(
            _cell(found.get(column), gap, worse, sampled) for column, gap in zip(columns, gaps)) + "</tr>")
    pods = sorted({pod for cell in cells for pod in cell["expect"]["pods"]})
    about = f"{len(pods)} {'pod' if len(pods) == 1 else 'pods'}" if pods else "no ready pod"
    return (f"<div><h3>{text(_name(port))} <small>{about}</small></h3>"
            + framed(f"<thead>{_heads(columns)}</thead><tbody>{''.join(rows)}</tbody>", "grid") + "</div>")


def _by_client(cells: list[Cell]) -> dict[str, list[Cell]]:
    """Those of one kind beside each other."""
    return by(sorted(cells, key=lambda cell: KINDS.index(cell["kind"])), lambda cell: cell["client"])


def _column(cell: Cell) -> Column:
    owner = cell["node"] if cell["place"] == NODE_PORT else ""
    return cell["place"], owner, cell["address"], cell["port"]


def _columns(cells: list[Cell]) -> list[Column]:
    found = dict.fromkeys(_column(cell) for cell in cells)
    return sorted(found, key=lambda column: PLACES.index(column[0]))  # otherwise as they come: by node and family


def _heads(columns: list[Column]) -> str:
    """Three lines over the columns: the kind of address, whose it is, and its family."""
    gaps = starts((place, node) for place, node, _, _ in columns)
    lines = []
    for key in (lambda c: (c[0],), lambda c: c[:2]):
        heads, at = "", 0
        for group, same in groupby(columns, key):
            wide = len(list(same))
            heads += f'<th colspan="{wide}"{" data-gap" if gaps[at] else ""}>{text(group[-1])}</th>'
            at += wide
        lines.append(heads)
    lines.append("".join(
        f'<th scope="col"{" data-gap" if gap else ""} title="{text(address)} port {port}">v{6 if ":" in address else 4}'
        "</th>" for (_, _, address, port), gap in zip(columns, gaps)))
    return "".join(f"<tr><th></th>{line}</tr>" for line in lines)


def _cell(cell: Cell | None, gap: bool, worse: set[str], sampled: bool) -> str:
    space = " data-gap" if gap else ""
    if cell is None:
        return f'<td{space} class="{UNASKED}" title="not asked">{CIRCLE}</td>' if sampled else f"<td{space}></td>"
    was = ' data-was="proven"' if cell["id"] in worse else ""
    return (f'<td class="{cell["verdict"]}" data-id="{text(cell["id"])}"{was}{space} '
            f'title="{text(_words(cell), 1000)}">{SIGNS[cell["verdict"]]}</td>')


def _words(cell: Cell) -> str:
    """What a reader who points at a square gets to know."""
    seen = cell["seen"] or {}
    answers = ", ".join(f"{pod} {count}" for pod, count in seen.get("answers", {}).items())
    return "; ".join(filter(None, [
        f"{cell['client']} to {cell['address']} port {cell['port']}",
        *(finding["reason"] for finding in cell["findings"] if finding["reason"]),
        f"answers: {answers}" if answers else "",
        f"the pods see {seen['source']}" if seen.get("source") else ""]))


def affinity(cells: list[Cell]) -> str:
    """For each Service with affinity, client by address: the pod that each was sent to, as a letter; where there
    were several, how often each."""
    own = [cell for cell in cells if any(finding["check"] == AFFINITY for finding in cell["findings"])
           and cell["seen"] and cell["seen"]["course"]]
    kept = "".join(_kept(port, group) for port, group in by(own, service_port).items())
    return f'<div class="cards">{kept}</div>' if own else ""


def _kept(port: tuple[str, int, str], cells: list[Cell]) -> str:
    columns = _columns(cells)
    gaps = starts((place, node) for place, node, _, _ in columns)
    pods = sorted({pod for cell in cells for pod in cell["seen"]["answers"]})
    letters = {pod: LETTERS[index] if index < len(LETTERS) else str(index + 1) for index, pod in enumerate(pods)}
    rows, clients = [], _by_client(cells)
    breaks = starts(own[0]["kind"] for own in clients.values())
    for (client, own), first in zip(clients.items(), breaks):
        found = {_column(cell): cell for cell in own}
        rows.append(f"<tr{' data-gap' if first else ''}>" + th(client) + "".join(
            _course(found.get(column), gap, letters) for column, gap in zip(columns, gaps)) + "</tr>")
    legend = listed((f"{letter} = {pod}" for pod, letter in letters.items()), 12)
    return (f"<div><h3>{text(_name(port))}</h3><p class=\"say\">{text(legend, 1000)}</p>"
            + framed(f"<thead>{_heads(columns)}</thead><tbody>{''.join(rows)}</tbody>", "grid wide") + "</div>")


def _course(cell: Cell | None, gap: bool, letters: dict[str, str]) -> str:
    space = " data-gap" if gap else ""
    if cell is None:
        return f"<td{space}></td>"
    course: list[list[Any]] = cell["seen"]["course"]
    answers = cell["seen"]["answers"]
    several = " ".join(f"{letters[pod]}{answers[pod]}" for pod in sorted(answers))
    shown = several if len(answers) > 1 else letters[course[0][0]]
    told = ", then ".join(f"{pod} {count} times" for pod, count in course)
    return f'<td class="{cell["verdict"]}"{space} title="{text(told, 1000)}">{text(shown)}</td>'


def _name(port: tuple[str, int, str]) -> str:
    service, number, protocol = port
    return f"{service} {number}/{protocol}"
