"""The report as lines of text for a terminal. Pure; every line is plain, whatever a cluster put into its names."""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead.verify import discovery, history, sample, settings
from ansible.module_utils.fairlead.verify.clients import INSIDE, OUTSIDE
from ansible.module_utils.fairlead.verify.findings import CHECKS, DISPROVEN, NONE, PROVEN, UNKNOWN, worst
from ansible.module_utils.fairlead.verify.promise import PLACES
from ansible.module_utils.fairlead.verify.words import listed, plain

WORDS = {PROVEN: "ok", DISPROVEN: "FAIL", UNKNOWN: "unknown"}
MOST_DETAILS = 20  # failures told in words; all of them are in the JSON
WIDEST = 400  # characters of a line
NOT_JUDGED = "not judged"

# What must be equal for two failures to be told as one.
BY_CHECK = ("node", "check", "verdict")
BY_SERVICE = ("check", "verdict", "service", "port", "protocol", "reason")
BY_REASON = ("verdict", "service", "protocol", "reason")  # a doubt about a Service, whichever check met it

Line = dict[str, str]  # text; verdict, which decides the colour


def render(report: dict[str, Any]) -> list[Line]:
    taken = report.get("sample")
    lines = [_line(sample.told(taken), UNKNOWN), _line("")] if taken else []
    lines += [_line(_service(service)) for service in report["services"]]
    lines += [_line(""), *_nodes(report), _line(""), *_clients(report), _line(""), *_discovery(report)]
    groups = grouped(report["failures"])
    for group in groups[:MOST_DETAILS]:
        lines += [_line(text, group["verdict"]) for text in _details(group)]
    if len(groups) > MOST_DETAILS:
        lines.append(_line(f"and {len(groups) - MOST_DETAILS} more", DISPROVEN))
    lines += [_line(f"note: {note}", UNKNOWN) for note in report["notes"]]
    lines += [_line(settings.sentence(node), "" if settings.is_as_wished(node) else UNKNOWN)
              for node in report.get("settings") or []]
    lines += [_line(sentence) for sentence in history.sentences(report.get("since"))]
    return [*lines, _line(conclusion(report), report["verdict"])]


def conclusion(report: dict[str, Any]) -> str:
    nodes = sum(1 for node in report["nodes"] if node["addresses"])
    taken = report.get("sample")
    of_all = f" of {taken['of']}" if taken else ""
    return (f"{report['verdict']}{' (of a sample)' if taken else ''}: {nodes} nodes, {len(report['clients'])} clients, "
            f"{len(report['cells'])}{of_all} cells (client x address x Service port), "
            f"{report['connections']} connections")


def _service(service: dict[str, Any]) -> str:
    affinity = "ClientIP affinity" if service["affinity"] else "no affinity"
    node_port = f", node port {service['node_port']}" if service["node_port"] else ""
    return (f"Service {service['service']}, port {service['port']}/{service['protocol']}{node_port}, "
            f"{'+'.join(service['families'])}, {affinity}, {len(service['pods'])} ready pods")


def checks_shown(report: dict[str, Any]) -> list[str]:
    """The checks that at least one node has a part in, and those that the sample leaves unjudged."""
    return [check for check in CHECKS if check in unjudged(report)
            or any(shown(node["checks"][check]) != "-" for node in report["nodes"])]


def unjudged(report: dict[str, Any]) -> list[str]:
    return (report.get("sample") or {}).get("not_judged", [])


def _nodes(report: dict[str, Any]) -> list[Line]:
    checks = checks_shown(report)
    rows = [(["node", "kernel", "Kubernetes", "mode", *checks], "")]
    for node in report["nodes"]:
        rows.append(([node["name"], node["kernel"], node["kubernetes"], mode(node),
                      *(NOT_JUDGED if check in unjudged(report) else shown(node["checks"][check]) for check in checks)],
                     worst(check["verdict"] for check in node["checks"].values())))
    return _aligned(rows)


def mode(node: dict[str, Any]) -> str:
    """The mode that kube-proxy says it runs in, and the one that the inventory wishes where they differ."""
    wished = node.get("wished_mode")
    return node["mode"] if not wished or node["mode"] in (wished, UNKNOWN) else f"{node['mode']} (wished: {wished})"


def _clients(report: dict[str, Any]) -> list[Line]:
    """The same cells by who asks and what kind of address is asked."""
    places = [place for place in PLACES if any(row["places"][place]["of"] for row in report["matrix"])]
    rows = [(["from", *places], "")]
    rows += [([row["client"], *(shown(row["places"][place]) for place in places)],
              worst(row["places"][place]["verdict"] for place in places)) for row in report["matrix"]]
    return _aligned(rows)


def _discovery(report: dict[str, Any]) -> list[Line]:
    """What cluster DNS, Endpoints and environments say of each Service; nothing when they were not asked."""
    lines = report.get("discovery") or []
    checks = discovery.columns(lines)
    rows = [(["discovery", *checks], "")]
    rows += [([line["service"], *(shown(line["checks"][check]) for check in checks)],
              worst(line["checks"][check]["verdict"] for check in checks)) for line in lines]
    return [*_aligned(rows), _line("")] if checks else []


def _aligned(rows: list[tuple[list[str], str]]) -> list[Line]:
    widths = [max(len(row[column]) for row, _ in rows) for column in range(len(rows[0][0]))]
    return [_line("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip(), verdict)
            for row, verdict in rows]


def shown(check: dict[str, Any]) -> str:
    return "-" if check["verdict"] == NONE else f"{WORDS[check['verdict']]} {check['proven']}/{check['of']}"


def grouped(failures: list[dict[str, Any]], by: tuple[str, ...] = BY_SERVICE) -> list[dict[str, Any]]:
    """The same fault seen by many clients at many addresses of many nodes is told once; disproofs come first."""
    groups: dict[tuple, dict[str, Any]] = {}
    for failure in failures:
        same = BY_REASON if by == BY_SERVICE and failure["verdict"] == UNKNOWN else by
        key = tuple(failure[name] for name in same)
        group = groups.setdefault(key, {**failure, **{name: {} for name in (
            "nodes", "checks", "clients", "addresses", "services", "reasons")}})
        group["nodes"][failure["node"]] = group["checks"][failure["check"]] = True
        group["clients"][failure["client"]] = failure["kind"]
        group["addresses"][failure["address"]] = True
        port = f" {failure['port']}/{failure['protocol']}" if failure["port"] else ""
        group["services"][failure["service"] + port] = True
        group["reasons"][failure["reason"]] = True
    return sorted(groups.values(), key=lambda group: group["verdict"] != DISPROVEN)


def headline(group: dict[str, Any]) -> str:
    detail = f" ({group['client']}: {group['detail']})" if group["detail"] else ""
    others = len(group["reasons"]) - 1
    more = f"; and {others} other reason{'s' if others > 1 else ''}" if others else ""
    where = f"{listed(group['nodes'])} {listed(group['checks'])} {WORDS[group['verdict']]}"
    return (f"{where}: {listed(group['services'])} from {who(group['clients'])}: "
            f"{group['reason']}{detail}{more}")


def who(clients: dict[str, str]) -> str:
    """Clients outside by name; of nodes and pods how many, since their names are those of other nodes."""
    named = [name for name, kind in clients.items() if kind == OUTSIDE]
    for kind in INSIDE:
        of_it = [name for name, its in clients.items() if its == kind]
        named += of_it if len(of_it) == 1 else [f"{len(of_it)} {kind}s"] if of_it else []
    return listed(named, 8)


def _details(group: dict[str, Any]) -> list[str]:
    return [headline(group),
            f"    at {listed(group['addresses']) or 'its name'}; by hand, on {group['client']}: {group['repeat']}"]


def summary(report: dict[str, Any], most: int = 4) -> str:
    """One sentence for the failing task: nodes, Services and clients, the first few of each kind of fault."""
    groups = grouped(report["failures"], BY_CHECK)
    more = [f"and {len(groups) - most} more"] if len(groups) > most else []
    faults = [headline(group) for group in groups[:most]] or report["notes"][:most]
    return plain(f"not proven ({report['verdict']}). " + ". ".join([*faults, *more]), 2000)


def _line(text: str, verdict: str = "") -> Line:
    return {"text": plain(text, WIDEST), "verdict": verdict}
