"""The quick depth: which cells of a large matrix are asked, once each, and what then stays unasked. Pure.

Two runs with one seed ask the same cells, also on another machine: the order is that of a hash, not of chance.
"""
from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify.findings import AFFINITY, SOURCE, SPREAD
from ansible.module_utils.fairlead.verify.promise import ALL, ANY, EITHER, ONE
from ansible.module_utils.fairlead.verify.words import listed

FULL, QUICK = DEPTHS = ("full", "quick")
MOST = 1000  # cells of a sample, where nothing else is said
SEED = "1"

_WORDS = {"port": "Service port", "node": "node", "client": "client", "kind": "kind of client",
          "place": "kind of address", "family": "family", "outcome": "promise"}

Cell = dict[str, Any]
Item = dict[str, Any]
Strata = Callable[[Item], Iterable[Hashable]]


@dataclass(frozen=True)
class Sample:
    """most: cells to ask at most; 0 means all of them, once each. seed: another one asks others."""

    most: int = MOST
    seed: str = SEED


def of_depth(depth: str, most: int, seed: str) -> Sample | None:
    if most < 0:
        raise FairleadError("service_verify_sample", "is no number of cells", "write 1 or more, or 0 for all cells",
                            most)
    return Sample(most, seed) if depth == QUICK else None


def take(cells: list[Cell], wish: Sample) -> tuple[list[Cell], dict[str, Any]]:
    """The cells to ask, in the order of the matrix, and what the report has to say of the rest."""
    needed = choose(cells, (_single,), len(cells), wish.seed, fill=False)
    most = min(wish.most, len(cells)) or len(cells)
    chosen = set(choose(cells, (_single, _by_node, _paired), most, wish.seed))
    asked = [_once(cell) for index, cell in enumerate(cells) if index in chosen]
    return asked, {
        "depth": QUICK, "seed": wish.seed, "asked": len(asked), "of": len(cells), "needed": len(needed),
        "not_judged": _not_judged(cells), "not_asked": _not_asked(cells, asked), "ports": _ports(cells),
    }


def told(taken: dict[str, Any]) -> str:
    """That this was a sample and of what, in one sentence."""
    names = taken.get("questions") or {"of": 0}
    also = f", and {names['asked']} of {names['of']} questions to cluster DNS from each pod" if names["of"] else ""
    unjudged = f"; not judged: {', '.join(taken['not_judged'])}" if taken["not_judged"] else ""
    return (f"a sample (quick depth, seed {taken['seed']}): {taken['asked']} of {taken['of']} cells, one connection "
            f"each{also}{unjudged}. What was not asked is not proven")


def too_small(taken: dict[str, Any] | None) -> list[str]:
    """What the bound left out altogether, so that the sample says nothing of it."""
    if not taken or not taken["not_asked"]:
        return []
    left = "; ".join(f"{_WORDS[name]} {listed(found, 3)}" for name, found in taken["not_asked"].items())
    return [f"{taken['asked']} cells are too few to ask everything once. Not asked: {left}. Set service_verify_sample "
            f"to {taken['needed']} or more"]


def choose(items: list[Item], levels: tuple[Strata, ...], most: int, seed: str, fill: bool = True) -> list[int]:
    """Indices of at most `most` items: those that have the most strata of the first level in them that nothing chosen
    has, then those of the next; the rest of the bound is filled in the order of the hash.

    A stratum that is in two items needs one of them, so this takes few; whichever bound there is, the strata that the
    most others can be met with come first.
    """
    order = sorted(range(len(items)), key=lambda index: _drawn(items[index]["id"], seed))
    chosen: dict[int, None] = {}
    for level in levels:
        _cover(items, [index for index in order if index not in chosen], level, most, chosen)
    if fill:
        for index in order:
            if len(chosen) >= most:
                break
            chosen.setdefault(index)
    return list(chosen)


def _cover(items: list[Item], order: list[int], strata: Strata, most: int, chosen: dict[int, None]) -> None:
    """Greedy cover. What an item would add only gets less, so an old figure that still leads is looked at again."""
    met = {stratum for index in chosen for stratum in strata(items[index])}
    waiting = [(-len(set(strata(items[index])) - met), place, index) for place, index in enumerate(order)]
    heapq.heapify(waiting)
    while waiting and len(chosen) < most:
        _, place, index = heapq.heappop(waiting)
        adds = len(set(strata(items[index])) - met)
        if not adds:
            continue
        if waiting and (-adds, place) > waiting[0][:2]:
            heapq.heappush(waiting, (-adds, place, index))
            continue
        chosen[index] = None
        met |= set(strata(items[index]))


def _drawn(name: str, seed: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def questions(asked: list[Item], seed: str) -> list[Item]:
    """Of the questions to cluster DNS so many that every Service, type of record and way of asking is met: one takes a
    process on the node, and a Service has five."""
    named = [{**question, "id": f"{question['name']} {question['type']} {question['how']}"} for question in asked]
    chosen = set(choose(named, (_asked_about,), len(named), seed, fill=False))
    return [question for index, question in enumerate(asked) if index in chosen]


def _asked_about(question: Item) -> Iterable[Hashable]:
    return [("service", question["service"]), ("check", question["check"]), ("how", question["how"])]


def _single(cell: Cell) -> Iterable[Hashable]:
    """What is to be asked at least once. A cell that promises nothing shows nothing of its Service or node."""
    outcome = cell["expect"]["outcome"]
    if outcome == EITHER:
        return [("outcome", outcome)]
    return [("outcome", outcome), ("kind", cell["kind"]), ("client", cell["client"]), ("node", cell["node"]),
            ("place", cell["place"]), ("family", cell["family"]), ("port", *_port(cell))]


def _by_node(cell: Cell) -> Iterable[Hashable]:
    """Whose kube-proxy answers for which Service: one that did not follow a change serves all but the changed."""
    return [] if cell["expect"]["outcome"] == EITHER else [(_port(cell), cell["node"])]


def _paired(cell: Cell) -> Iterable[Hashable]:
    """What else a fault may be about alone: one kind of client at one kind of address, ..."""
    outcome, port = cell["expect"]["outcome"], _port(cell)
    if outcome == EITHER:
        return []
    return [("port, place", port, cell["place"]), ("port, kind", port, cell["kind"]), ("port, outcome", port, outcome),
            ("kind, place, outcome", cell["kind"], cell["place"], outcome),
            ("client, node, family", cell["client"], cell["node"], cell["family"])]


def _port(cell: Cell) -> tuple[str, int, str]:
    return cell["service"], cell["service_port"], cell["protocol"]


def _once(cell: Cell) -> Cell:
    """One connection tells nothing on how pods share connections, and the pod is not asked which address it sees."""
    return {**cell, "connections": 1, "expect": {**cell["expect"], "share": ANY, "source": []}}


def _not_judged(cells: list[Cell]) -> list[str]:
    """The checks that these cells have a part in and that one connection says nothing about."""
    shares = {cell["expect"]["share"] for cell in cells}
    source = any(cell["expect"]["source"] for cell in cells)
    return [check for check, wanted in ((SPREAD, ALL in shares), (AFFINITY, ONE in shares), (SOURCE, source)) if wanted]


def _not_asked(cells: list[Cell], asked: list[Cell]) -> dict[str, list[str]]:
    """Service ports, nodes, kinds of client and kinds of refusal that the matrix has and the sample has not."""
    seen = {stratum for cell in asked for stratum in _single(cell)}
    left = sorted({stratum for cell in cells for stratum in _single(cell)} - seen, key=str)
    words = {"port": [f"{service} {port}/{protocol}" for kind, *rest in left if kind == "port"
                      for service, port, protocol in [rest]]}
    for name in ("node", "client", "kind", "place", "family", "outcome"):
        words[name] = [stratum[1] for stratum in left if stratum[0] == name and stratum[1] not in ("", EITHER)]
    return {name: found for name, found in words.items() if found}


def _ports(cells: list[Cell]) -> list[dict[str, Any]]:
    """By Service port, how many cells each client has in the whole matrix."""
    counts: dict[tuple[str, int, str], Counter[str]] = {}
    for cell in cells:
        counts.setdefault(_port(cell), Counter())[cell["client"]] += 1
    return [{"service": service, "port": port, "protocol": protocol, "clients": dict(found)}
            for (service, port, protocol), found in counts.items()]
