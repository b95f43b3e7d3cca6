"""From what one cell promises and what was seen there to findings. Pure; runs on the probing machine too."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.verify.promise import ALL, ANSWER, EITHER, NO_ENDPOINT, ONE, PLACES
from ansible.module_utils.fairlead.verify.words import listed

PROVEN, DISPROVEN, UNKNOWN, NONE = "proven", "disproven", "unknown", "none"
SPREAD, AFFINITY, SOURCE = SHARING = ("Spread", "Affinity", "Source")
CHECKS = (*PLACES, *SHARING)

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


def worst(verdicts: Iterable[str]) -> str:
    """One disproof outweighs everything, one doubt outweighs every proof, and nothing proves nothing."""
    found = set(verdicts)
    return next((v for v in (DISPROVEN, UNKNOWN, PROVEN) if v in found), NONE)


def judge_cell(cell: Cell, result: dict[str, Any] | None, absent: dict[str, str]) -> list[Finding]:
    """The findings of every check that this cell has a part in. absent: by client, why it has no results."""
    reached = _reached(cell, result, absent)
    outcome, share = cell["expect"]["outcome"], cell["expect"]["share"]
    check = {ALL: SPREAD, ONE: AFFINITY}.get(share)
    if check is None or outcome not in (ANSWER, NO_ENDPOINT):
        return [reached, *_source(cell, result)]
    if not (result and result["answers"]) or outcome != ANSWER:
        return [reached, Finding(check, reached.verdict, reached.reason, of_its_own=False)]
    shared = _spread(cell, result) if share == ALL else _affinity(cell, result)
    return [reached, shared, *_source(cell, result)]


def _reached(cell: Cell, result: dict[str, Any] | None, absent: dict[str, str]) -> Finding:
    check = cell["place"]
    if cell["client"] in absent:
        return Finding(check, UNKNOWN, absent[cell["client"]], of_its_own=False)
    if result is None:
        return Finding(check, UNKNOWN, "the probe returned nothing for it")
    judged = {ANSWER: _answered, EITHER: _either}.get(cell["expect"]["outcome"], _silent)
    return Finding(check, *judged(cell, result))


def _answered(cell: Cell, result: dict[str, Any]) -> tuple[str, ...]:
    """Verdict, reason and figures where ready pods must answer."""
    failures = result["failures"]
    strangers = _strangers(cell, result)
    if strangers:
        return DISPROVEN, strangers
    if failures > result["own_faults"]:
        not_ready = "" if cell["node_ready"] else "; the node is not Ready"
        counts = f"{failures} of {result['connections']}"
        if result["answers"]:
            return DISPROVEN, f"some connections failed: {result['error']}{not_ready}", f"{counts} failed"
        return DISPROVEN, f"{counts} connections failed: {result['error']}{not_ready}"
    if failures:
        return UNKNOWN, f"the client could not try: {result['error']}"
    if not result["answers"]:
        return UNKNOWN, "the time for this client ran out before it was probed"
    return PROVEN, ""


def _either(cell: Cell, result: dict[str, Any]) -> tuple[str, str]:
    strangers = _strangers(cell, result)
    return (DISPROVEN, strangers) if strangers else (NONE, cell["expect"]["why"])


def _strangers(cell: Cell, result: dict[str, Any]) -> str:
    unexpected = sorted(set(result["answers"]) - set(cell["expect"]["pods"]))
    if not unexpected:
        return ""
    return (f"answered by {listed(unexpected)}, no ready pod of the Service that may answer here; "
            f"those are {listed(cell['expect']['pods'])}")


def _silent(cell: Cell, result: dict[str, Any]) -> tuple[str, str]:
    """Verdict and reason where nothing may answer. Silence proves the promise of a policy; that of a Service without
    pods is only that nothing else answers, which leaves open whether it would work with pods."""
    why = cell["expect"]["why"]
    if result["answers"]:
        return DISPROVEN, f"answered by {listed(result['answers'])} although {why}"
    if cell["expect"]["outcome"] != NO_ENDPOINT and result["failures"] and not result["own_faults"]:
        return PROVEN, ""
    return UNKNOWN, f"{why}, so nothing can answer"


def _spread(cell: Cell, result: dict[str, Any]) -> Finding:
    missing = [pod for pod in cell["expect"]["pods"] if pod not in result["answers"]]
    if not missing:
        return Finding(SPREAD, PROVEN)
    reason, detail = f"never reached {listed(missing)}", f"in {result['connections']} connections {counted(result)}"
    if result["unfinished"] or result["connections"] < cell["connections"]:
        return Finding(SPREAD, UNKNOWN, f"{reason}, but probing ended before {cell['connections']} connections", detail)
    return Finding(SPREAD, DISPROVEN, reason, detail)


def _affinity(cell: Cell, result: dict[str, Any]) -> Finding:
    if len(result["answers"]) > 1:
        return Finding(AFFINITY, DISPROVEN, "one client was sent to several pods", counted(result))
    if len(cell["expect"]["pods"]) < 2:
        return Finding(AFFINITY, UNKNOWN, "only one pod is ready, so keeping to it shows nothing; run two or more")
    if result["unfinished"] or sum(result["answers"].values()) < 2:
        return Finding(AFFINITY, UNKNOWN, "too few connections were answered to tell affinity from chance")
    return Finding(AFFINITY, PROVEN)


def _source(cell: Cell, result: dict[str, Any] | None) -> list[Finding]:
    """Nothing where no source address is promised, or where the pods do not tell which one they see."""
    wanted, seen = cell["expect"].get("source"), (result or {}).get("source")
    if not wanted or not seen:
        return []
    if seen in wanted:
        return [Finding(SOURCE, PROVEN)]
    return [Finding(SOURCE, DISPROVEN, f"the pod sees {seen} instead of the client's {listed(wanted)}, though "
                                       "externalTrafficPolicy Local keeps the source")]


def counted(result: dict[str, Any]) -> str:
    """'a (3), b (2)': how often each pod answered."""
    return listed(f"{answer} ({count})" for answer, count in result["answers"].items())
