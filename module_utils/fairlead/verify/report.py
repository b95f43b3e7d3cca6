"""The whole report: a verdict for every cell, node, kind of client and check, and what a reader has to know. Pure."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible.module_utils.fairlead.verify import discovery, sample, settings
from ansible.module_utils.fairlead.verify.cells import repeat
from ansible.module_utils.fairlead.verify.clients import KINDS, NODE, OUTSIDE
from ansible.module_utils.fairlead.verify.findings import (
    AFFINITY,
    CHECKS,
    DISPROVEN,
    NONE,
    PROVEN,
    UNKNOWN,
    Cell,
    Finding,
    judge_cell,
    worst,
)
from ansible.module_utils.fairlead.verify.promise import NODE_PORT, PLACES
from ansible.module_utils.fairlead.verify.words import listed, plain

Findings = dict[str, list[Finding]]
Results = dict[str, dict[str, Any]]

ANY_NODE = "any node"  # a load balancer's address, asked from outside: which node takes it is not known


@dataclass(frozen=True)
class Seen:
    """What was seen.

    results: by cell, what the probe returned
    absent:  by client, why it has no results
    proxies: by node, what kube_proxy_info returned
    settings: by node and role, what the role's module returned in check mode; empty when that was not asked for
    answers: to what discovery asks
    """

    results: Results
    absent: dict[str, str]
    proxies: dict[str, dict[str, Any]]
    answers: discovery.Answers = field(default_factory=discovery.Answers)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)


def make(expected: dict[str, Any], seen: Seen, sources: dict[str, str], timeout: float) -> dict[str, Any]:
    """The whole report.

    expected: what promise() of expect.py said
    sources:  by client, the address that the cluster sees; clients that are not named have one of their own
    timeout:  seconds for one connection, for the commands to repeat by hand
    """
    cells, results = expected["cells"], seen.results
    findings = {cell["id"]: judge_cell(cell, results.get(cell["id"]), seen.absent) for cell in cells}
    for cell, finding in disagreements(cells, findings, results, sources):
        findings[cell["id"]] = [f for f in findings[cell["id"]] if f.check != AFFINITY] + [finding]
    taken = expected.get("sample")
    # One connection to few cells misses pods by chance.
    for cell, finding in () if taken else silent_pods(cells, findings, results):
        findings[cell["id"]] = [finding if f.check == finding.check else f for f in findings[cell["id"]]]
    nodes = [_node(node, cells, findings, seen.proxies) for node in expected["nodes"]]
    nodes += _any_node(cells, findings)
    failures = [_failure(cell, finding, timeout) for cell in cells for finding in findings[cell["id"]]
                if finding.verdict in (DISPROVEN, UNKNOWN) and finding.of_its_own]
    rows = discovery.judge(expected["discovery"], seen.answers) if "discovery" in expected else []
    failures += discovery.failures(rows)
    return {
        "verdict": worst([*(check["verdict"] for node in nodes for check in node["checks"].values()),
                          *(row["verdict"] for row in rows), *([UNKNOWN] if sample.too_small(taken) else [])]),
        "sample": taken,
        "discovery": discovery.matrix(rows),
        "discovery_rows": rows,
        "nodes": nodes,
        "settings": settings.read(seen.settings, seen.proxies, {node["name"]: node.get("wished_mode", "")
                                                                for node in expected["nodes"]}),
        "matrix": _matrix(cells, findings),
        "services": expected["services"],
        "clients": sorted({cell["client"] for cell in cells}),
        "failures": failures,
        "notes": [*_notes(expected, nodes, seen.absent), *_late(cells, findings, results)],
        "cells": [{**cell, "seen": results.get(cell["id"]), "findings": [asdict(f) for f in findings[cell["id"]]],
                   "verdict": worst(f.verdict for f in findings[cell["id"]]), "repeat": repeat(cell, timeout)}
                  for cell in cells],
        "connections": sum(result["connections"] for result in results.values()),
    }


def disagreements(cells: list[Cell], findings: Findings, results: Results,
                  sources: dict[str, str]) -> Iterable[tuple[Cell, Finding]]:
    """Clients that the cluster sees as one must share their pod. Another node may send them to another one: each
    node keeps affinity by itself, and ipvs mode even keeps it per address."""
    groups: dict[tuple[str, str, int, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell["kind"] == OUTSIDE and Finding(AFFINITY, PROVEN) in findings[cell["id"]]:
            source = sources.get(cell["client"]) or cell["client"]
            groups[source, cell["address"], cell["port"], cell["protocol"]].append(cell)
    for (source, *_), group in groups.items():
        got = {cell["client"]: next(iter(results[cell["id"]]["answers"])) for cell in group}
        if len(set(got.values())) > 1:
            reason = (f"{listed(f'{client} gets {pod}' for client, pod in got.items())}, "
                      f"though the cluster sees them all as {source}")
            yield from ((cell, Finding(AFFINITY, DISPROVEN, reason)) for cell in group)


def silent_pods(cells: list[Cell], findings: Findings, results: Results) -> Iterable[tuple[Cell, Finding]]:
    """Connections that fail now and then, of a Service of which one pod answers nobody: it is that pod's fault."""
    groups: dict[tuple[str, int, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell["service"], cell["service_port"], cell["protocol"]].append(cell)
    for group in groups.values():
        answered = {pod for cell in group for pod in results.get(cell["id"], {}).get("answers", ())}
        silent = {pod for cell in group for pod in cell["expect"]["pods"]} - answered
        for cell in group if answered and silent else ():
            own = [pod for pod in cell["expect"]["pods"] if pod in silent]
            for finding in findings[cell["id"]]:
                if own and finding.check == cell["place"] and finding.verdict == DISPROVEN and finding.reason:
                    words = f"{finding.reason}; {listed(own)} answered no client at all"
                    yield cell, replace(finding, reason=words)


def relation(cell: Cell) -> str:
    """The point of view in words: 'outside', 'pod', or 'pod, same node' and 'pod, other node' at node ports."""
    if cell["kind"] == OUTSIDE or cell["place"] != NODE_PORT:
        return cell["kind"]
    same = cell["client_node"] == cell["node"]
    if cell["kind"] == NODE:
        return "node, itself" if same else "node, another"
    return f"{cell['kind']}, {'same' if same else 'other'} node"


def _matrix(cells: list[Cell], findings: Findings) -> list[dict[str, Any]]:
    """A row for each point of view: by kind of address the verdict of all its cells, and how many are proven."""
    rows: dict[str, dict[str, list[str]]] = {}
    for cell in sorted(cells, key=lambda cell: (KINDS.index(cell["kind"]), cell["place"] == NODE_PORT)):
        found = worst(f.verdict for f in findings[cell["id"]])
        rows.setdefault(relation(cell), {}).setdefault(cell["place"], []).append(found)
    return [{"client": name, "places": {place: _tally(row.get(place, [])) for place in PLACES}}
            for name, row in rows.items()]


def _tally(verdicts: list[str]) -> dict[str, Any]:
    """Cells that promise nothing are not counted."""
    counted = [verdict for verdict in verdicts if verdict != NONE]
    return {"verdict": worst(counted), "proven": counted.count(PROVEN), "of": len(counted)}


def _checks(cells: Iterable[Cell], findings: Findings) -> dict[str, dict[str, Any]]:
    own = [finding for cell in cells for finding in findings[cell["id"]]]
    return {check: _tally([f.verdict for f in own if f.check == check]) for check in CHECKS}


def _node(node: dict[str, Any], cells: list[Cell], findings: Findings,
          proxies: dict[str, dict[str, Any]]) -> dict[str, Any]:
    own = [cell for cell in cells if cell["node"] == node["name"]]
    checks = _checks(own, findings)
    if not own:  # a node on which nothing could be probed is not a good one
        checks[NODE_PORT]["verdict"] = UNKNOWN
    proxy = proxies.get(node["name"], {})
    return {**node, "mode": plain(proxy.get("mode") or UNKNOWN), "kube_proxy": plain(proxy.get("version") or UNKNOWN),
            "healthy": proxy.get("healthy"), "checks": checks}


def _any_node(cells: list[Cell], findings: Findings) -> list[dict[str, Any]]:
    own = [cell for cell in cells if not cell["node"]]
    shown = {"name": ANY_NODE, "addresses": [], "ready": True, "kernel": "", "kubernetes": "", "mode": "",
             "kube_proxy": "", "healthy": None}
    return [{**shown, "checks": _checks(own, findings)}] if own else []


def _notes(expected: dict[str, Any], nodes: list[dict[str, Any]], absent: dict[str, str]) -> list[str]:
    """What a reader has to know besides the verdicts."""
    notes = [f"{client}: {reason}" for client, reason in sorted(absent.items())]
    notes += [f"still changing when it was probed: {sentence}" for sentence in expected["moving"]]
    notes += [f"not probed: {sentence}" for sentence in expected["unproven"]]
    notes += sample.too_small(expected.get("sample"))
    left_out = ((expected.get("sample") or {}).get("not_asked") or {}).get("node", [])
    for node in nodes:
        if not node["ready"]:
            notes.append(f"{node['name']}: the node is not Ready")
        if node["name"] not in left_out and all(not check["of"] for check in node["checks"].values()):
            notes.append(f"{node['name']}: has no InternalIP in a family of these Services; nothing was probed on it")
        if node.get("wished_mode") and node["mode"] not in (node["wished_mode"], "none", UNKNOWN):
            notes.append(f"{node['name']}: kube-proxy runs in {node['mode']} mode, the inventory wishes "
                         f"{node['wished_mode']}")
        if node["mode"] == "none":
            notes.append(f"{node['name']}: no kube-proxy answers; what still works are the rules it left behind")
        elif node["healthy"] is False:
            notes.append(f"{node['name']}: kube-proxy says that it is not healthy")
    return notes


def _late(cells: list[Cell], findings: Findings, results: Results) -> list[str]:
    """What was as promised only when it was asked again, by node."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        result = results.get(cell["id"], {})
        if result.get("round", 1) > 1 and all(finding.verdict == PROVEN for finding in findings[cell["id"]]):
            seconds[cell["node"] or ANY_NODE].append(result["after"])
    return [f"{node}: {len(after)} cells were as promised only when asked again, up to {max(after):g} s later"
            for node, after in sorted(seconds.items())]


def _failure(cell: Cell, finding: Finding, timeout: float) -> dict[str, Any]:
    return {**{key: cell[key] for key in ("service", "port", "protocol", "client", "kind", "address")},
            "node": cell["node"] or ANY_NODE, "cell": cell["id"],
            "check": finding.check, "verdict": finding.verdict, "reason": finding.reason, "detail": finding.detail,
            "repeat": repeat(cell, timeout)}
