"""From what was expected and what was seen to a verdict for every node and check. Pure."""
from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ansible.module_utils.fairlead.verify.cells import ALL, ANSWER, NOT_HERE, ONE, url
from ansible.module_utils.fairlead.verify.words import listed, plain

PROVEN, DISPROVEN, UNKNOWN, NONE = "proven", "disproven", "unknown", "none"
NODEPORT, SPREAD, AFFINITY = CHECKS = ("NodePort", "Spread", "Affinity")

Cell = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """What one check says about one cell.

    detail:     figures that differ from cell to cell while the reason is the same
    of_its_own: false when another finding, or a note on the client, already says it all
    """

    check: str
    verdict: str
    reason: str = ""
    detail: str = ""
    of_its_own: bool = True


@dataclass(frozen=True)
class Seen:
    """What was seen.

    results: by cell, what the probe returned
    absent:  by client, why it has no results
    proxies: by node, what kube_proxy_info returned
    """

    results: dict[str, dict[str, Any]]
    absent: dict[str, str]
    proxies: dict[str, dict[str, Any]]


def judge(expected: dict[str, Any], seen: Seen, sources: dict[str, str], timeout: float) -> dict[str, Any]:
    """The whole report.

    expected: what promise() said
    sources:  by client, the address that the cluster sees; clients that are not named have one of their own
    timeout:  seconds for one connection, for the commands to repeat by hand
    """
    cells, results = expected["cells"], seen.results
    findings = {cell["id"]: judge_cell(cell, results.get(cell["id"]), seen.absent) for cell in cells}
    for cell, finding in disagreements(cells, findings, results, sources):
        findings[cell["id"]] = [f for f in findings[cell["id"]] if f.check != AFFINITY] + [finding]
    nodes = [_node(node, cells, findings, seen.proxies) for node in expected["nodes"]]
    failures = [_failure(cell, finding, timeout) for cell in cells for finding in findings[cell["id"]]
                if finding.verdict != PROVEN and finding.of_its_own]
    return {
        "verdict": worst(check["verdict"] for node in nodes for check in node["checks"].values()),
        "nodes": nodes,
        "services": expected["services"],
        "clients": sorted({cell["client"] for cell in cells}),
        "failures": failures,
        "notes": [*_notes(expected, nodes, seen.absent), *_late(cells, findings, results)],
        "cells": [{**cell, "seen": results.get(cell["id"]), "findings": [asdict(f) for f in findings[cell["id"]]]}
                  for cell in cells],
        "connections": sum(result["connections"] for result in results.values()),
    }


def worst(verdicts: Iterable[str]) -> str:
    """One disproof outweighs everything, one doubt outweighs every proof, and nothing proves nothing."""
    found = set(verdicts)
    return next((v for v in (DISPROVEN, UNKNOWN, PROVEN) if v in found), NONE)


def judge_cell(cell: Cell, result: dict[str, Any] | None, absent: dict[str, str]) -> list[Finding]:
    """The findings of every check that this cell has a part in."""
    reached = _reached(cell, result, absent)
    share = cell["expect"]["share"]
    check = {ALL: SPREAD, ONE: AFFINITY}.get(share)
    if check is None or cell["expect"]["outcome"] == NOT_HERE:
        return [reached]
    if not (result and result["answers"]) or cell["expect"]["outcome"] != ANSWER:
        return [reached, Finding(check, reached.verdict, reached.reason, of_its_own=False)]
    shared = _spread(cell, result) if share == ALL else _affinity(cell, result)
    return [reached, shared]


def _reached(cell: Cell, result: dict[str, Any] | None, absent: dict[str, str]) -> Finding:
    if cell["client"] in absent:
        return Finding(NODEPORT, UNKNOWN, absent[cell["client"]], of_its_own=False)
    if result is None:
        verdict, reason = UNKNOWN, "the probe returned nothing for it"
    elif cell["expect"]["outcome"] == ANSWER:
        verdict, reason = _answered(cell, result)
    else:
        verdict, reason = _silent(cell, result)
    return Finding(NODEPORT, verdict, reason)


def _answered(cell: Cell, result: dict[str, Any]) -> tuple[str, str]:
    """Verdict and reason where ready pods must answer."""
    pods, answers, failures = cell["expect"]["pods"], result["answers"], result["failures"]
    unexpected = sorted(set(answers) - set(pods))
    verdict, reason = PROVEN, ""
    if unexpected:
        verdict = DISPROVEN
        reason = f"answered by {listed(unexpected)}, no ready pod of the Service; those are {listed(pods)}"
    elif failures > result["own_faults"]:
        verdict = DISPROVEN
        reason = f"{failures} of {result['connections']} connections failed: {result['error']}"
        reason += "" if cell["node_ready"] else "; the node is not Ready"
    elif failures:
        verdict, reason = UNKNOWN, f"the client could not try: {result['error']}"
    elif not answers:
        verdict, reason = UNKNOWN, "the time for this client ran out before it was probed"
    return verdict, reason


def _silent(cell: Cell, result: dict[str, Any]) -> tuple[str, str]:
    """Verdict and reason where nothing may answer. Silence proves the promise of policy Local; that of a Service
    without pods is only that nothing else answers, which leaves open whether it would work with pods."""
    local = cell["expect"]["outcome"] == NOT_HERE
    why = ("no ready pod of it runs on this node and externalTrafficPolicy is Local" if local
           else "the Service has no ready pod")
    if result["answers"]:
        return DISPROVEN, f"answered by {listed(result['answers'])} although {why}"
    if local and result["failures"] and not result["own_faults"]:
        return PROVEN, ""
    return UNKNOWN, f"{why}, so nothing can answer"


def _spread(cell: Cell, result: dict[str, Any]) -> Finding:
    missing = [pod for pod in cell["expect"]["pods"] if pod not in result["answers"]]
    if not missing:
        return Finding(SPREAD, PROVEN)
    reason, detail = f"never reached {listed(missing)}", f"in {result['connections']} connections {_counted(result)}"
    if result["unfinished"] or result["connections"] < cell["connections"]:
        return Finding(SPREAD, UNKNOWN, f"{reason}, but probing ended before {cell['connections']} connections", detail)
    return Finding(SPREAD, DISPROVEN, reason, detail)


def _affinity(cell: Cell, result: dict[str, Any]) -> Finding:
    if len(result["answers"]) > 1:
        return Finding(AFFINITY, DISPROVEN, "one client was sent to several pods", _counted(result))
    if len(cell["expect"]["pods"]) < 2:
        return Finding(AFFINITY, UNKNOWN, "only one pod is ready, so keeping to it shows nothing; run two or more")
    if result["unfinished"] or sum(result["answers"].values()) < 2:
        return Finding(AFFINITY, UNKNOWN, "too few connections were answered to tell affinity from chance")
    return Finding(AFFINITY, PROVEN)


def _counted(result: dict[str, Any]) -> str:
    return listed(f"{answer} ({count})" for answer, count in result["answers"].items())


def disagreements(
    cells: list[Cell],
    findings: dict[str, list[Finding]],
    results: dict[str, dict[str, Any]],
    sources: dict[str, str],
) -> Iterable[tuple[Cell, Finding]]:
    """Clients that the cluster sees as one must share their pod. Another node may send them to another one: each
    node keeps affinity by itself, and ipvs mode even keeps it per address."""
    groups: dict[tuple[str, str, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        if Finding(AFFINITY, PROVEN) in findings[cell["id"]]:
            source = sources.get(cell["client"]) or cell["client"]
            groups[source, cell["address"], cell["port"]].append(cell)
    for (source, _, _), group in groups.items():
        got = {cell["client"]: next(iter(results[cell["id"]]["answers"])) for cell in group}
        if len(set(got.values())) > 1:
            reason = (f"{listed(f'{client} gets {pod}' for client, pod in got.items())}, "
                      f"though the cluster sees them all as {source}")
            yield from ((cell, Finding(AFFINITY, DISPROVEN, reason)) for cell in group)


def _node(node: dict[str, Any], cells: list[Cell], findings: dict[str, list[Finding]],
          proxies: dict[str, dict[str, Any]]) -> dict[str, Any]:
    own = [finding for cell in cells if cell["node"] == node["name"] for finding in findings[cell["id"]]]
    checks = {}
    for check in CHECKS:
        verdicts = [finding.verdict for finding in own if finding.check == check]
        checks[check] = {"verdict": worst(verdicts), "proven": verdicts.count(PROVEN), "of": len(verdicts)}
    if not own:  # a node on which nothing could be probed is not a good one
        checks[NODEPORT]["verdict"] = UNKNOWN
    proxy = proxies.get(node["name"], {})
    return {**node, "mode": plain(proxy.get("mode") or UNKNOWN), "kube_proxy": plain(proxy.get("version") or UNKNOWN),
            "healthy": proxy.get("healthy"), "checks": checks}


def _notes(expected: dict[str, Any], nodes: list[dict[str, Any]], absent: dict[str, str]) -> list[str]:
    """What a reader has to know besides the verdicts."""
    notes = [f"{client}: {reason}" for client, reason in sorted(absent.items())]
    notes += [f"still changing when it was probed: {sentence}" for sentence in expected["moving"]]
    notes += [f"not probed: {sentence}" for sentence in expected["unproven"]]
    for node in nodes:
        if not node["ready"]:
            notes.append(f"{node['name']}: the node is not Ready")
        if all(not check["of"] for check in node["checks"].values()):
            notes.append(f"{node['name']}: has no InternalIP in a family of these Services; nothing was probed on it")
        if node["mode"] == "none":
            notes.append(f"{node['name']}: no kube-proxy answers; what still works are the rules it left behind")
        elif node["healthy"] is False:
            notes.append(f"{node['name']}: kube-proxy says that it is not healthy")
    return notes


def _late(cells: list[Cell], findings: dict[str, list[Finding]], results: dict[str, dict[str, Any]]) -> list[str]:
    """What was as promised only when it was asked again, by node."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        result = results.get(cell["id"], {})
        if result.get("round", 1) > 1 and all(finding.verdict == PROVEN for finding in findings[cell["id"]]):
            seconds[cell["node"]].append(result["after"])
    return [f"{node}: {len(after)} cells were as promised only when asked again, up to {max(after):g} s later"
            for node, after in sorted(seconds.items())]


def _failure(cell: Cell, finding: Finding, timeout: float) -> dict[str, Any]:
    link = url(cell["address"], cell["port"], cell["path"])
    return {**{key: cell[key] for key in ("node", "service", "port", "protocol", "client", "address")},
            "check": finding.check, "verdict": finding.verdict, "reason": finding.reason, "detail": finding.detail,
            "repeat": f"curl --max-time {timeout:g} {shlex.quote(link)}"}
