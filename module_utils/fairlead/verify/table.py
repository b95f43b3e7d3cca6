"""The report as lines of text for a terminal. Pure; every line is plain, whatever a cluster put into its names."""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead.verify.judge import CHECKS, DISPROVEN, NONE, PROVEN, UNKNOWN, worst
from ansible.module_utils.fairlead.verify.words import listed, plain

WORDS = {PROVEN: "ok", DISPROVEN: "FAIL", UNKNOWN: "unknown"}
MOST_DETAILS = 20  # failures told in words; all of them are in the JSON
WIDEST = 400  # characters of a line

Line = dict[str, str]  # text; verdict, which decides the colour


def render(report: dict[str, Any]) -> list[Line]:
    lines = [_line(_service(service)) for service in report["services"]]
    lines += [_line(""), *_matrix(report), _line("")]
    groups = grouped(report["failures"])
    for group in groups[:MOST_DETAILS]:
        lines += [_line(text, group["verdict"]) for text in _details(group)]
    if len(groups) > MOST_DETAILS:
        lines.append(_line(f"and {len(groups) - MOST_DETAILS} more", DISPROVEN))
    lines += [_line(f"note: {note}", UNKNOWN) for note in report["notes"]]
    return [*lines, _line(conclusion(report), report["verdict"])]


def conclusion(report: dict[str, Any]) -> str:
    return (f"{report['verdict']}: {len(report['nodes'])} nodes, {len(report['clients'])} clients outside, "
            f"{len(report['cells'])} cells (client x node address x Service port), {report['connections']} connections")


def _service(service: dict[str, Any]) -> str:
    affinity = "ClientIP affinity" if service["affinity"] else "no affinity"
    return (f"Service {service['service']}, node port {service['port']}/{service['protocol']}, "
            f"{'+'.join(service['families'])}, {affinity}, {len(service['pods'])} ready pods")


def _matrix(report: dict[str, Any]) -> list[Line]:
    rows = [["node", "kernel", "Kubernetes", "mode", *CHECKS]]
    verdicts = [""]
    for node in report["nodes"]:
        rows.append([node["name"], node["kernel"], node["kubernetes"], node["mode"],
                     *(_shown(node["checks"][check]) for check in CHECKS)])
        verdicts.append(worst(check["verdict"] for check in node["checks"].values()))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [_line("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip(), verdict)
            for row, verdict in zip(rows, verdicts)]


def _shown(check: dict[str, Any]) -> str:
    return "-" if check["verdict"] == NONE else f"{WORDS[check['verdict']]} {check['proven']}/{check['of']}"


def grouped(failures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same fault seen by many clients at many addresses is told once; disproofs come first."""
    groups: dict[tuple, dict[str, Any]] = {}
    for failure in failures:
        key = tuple(failure[name] for name in ("node", "check", "service", "port", "verdict", "reason"))
        group = groups.setdefault(key, {**failure, "clients": [], "addresses": []})
        for name, plural in (("client", "clients"), ("address", "addresses")):
            if failure[name] not in group[plural]:
                group[plural].append(failure[name])
    return sorted(groups.values(), key=lambda group: group["verdict"] != DISPROVEN)


def headline(group: dict[str, Any]) -> str:
    detail = f" ({group['client']}: {group['detail']})" if group["detail"] else ""
    return (f"{group['node']} {group['check']} {WORDS[group['verdict']]}: {group['service']} "
            f"{group['port']}/{group['protocol']} from {listed(group['clients'])}: {group['reason']}{detail}")


def _details(group: dict[str, Any]) -> list[str]:
    return [headline(group),
            f"    at {listed(group['addresses'])}; by hand, on {group['client']}: {group['repeat']}"]


def summary(report: dict[str, Any], most: int = 3) -> str:
    """One sentence for the failing task: nodes, Services and clients, the first few of each kind of fault."""
    groups = grouped(report["failures"])
    more = [f"and {len(groups) - most} more"] if len(groups) > most else []
    faults = [headline(group) for group in groups[:most]] or report["notes"][:most]
    return plain(f"not proven ({report['verdict']}). " + ". ".join([*faults, *more]), 2000)


def _line(text: str, verdict: str = "") -> Line:
    return {"text": plain(text, WIDEST), "verdict": verdict}
