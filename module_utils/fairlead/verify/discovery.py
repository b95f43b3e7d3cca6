"""Discovery: what is to be asked of cluster DNS, Endpoints and pods' environments, and the verdicts. Pure."""
from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from ansible.module_utils.fairlead.verify import endpoints, environment, names
from ansible.module_utils.fairlead.verify.clients import NODE, POD, Client
from ansible.module_utils.fairlead.verify.findings import NONE, PROVEN, worst
from ansible.module_utils.fairlead.verify.targets import Object

CHECKS = (*names.TYPES, endpoints.CHECK, environment.CHECK)
DOMAIN = "cluster.local"

Row = dict[str, Any]


@dataclass(frozen=True)
class Objects:
    """What the API server has. pods, endpoints: None when this user may not list them."""

    services: list[Object]
    slices: list[Object]
    pods: list[Object] | None = None
    endpoints: list[Object] | None = None


@dataclass(frozen=True)
class Answers:
    """What was seen. names: by client, an answer to each question. environments: by machine and uid, the variables."""

    names: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    environments: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def expect(objects: Objects, clients: list[Client], domain: str = DOMAIN) -> dict[str, Any]:
    """rows: verdicts that the objects alone give. questions: for the clients named by askers, none without a domain.
    environment: by node."""
    askers = {client.name: client.machine for client in clients if client.kind == POD}
    machines = {client.machine for client in clients if client.kind in (NODE, POD)}
    return {
        "rows": [] if objects.pods is None or objects.endpoints is None else endpoints.rows(
            objects.services, objects.slices, objects.pods, objects.endpoints),
        "askers": askers,
        "questions": names.questions(objects.services, objects.slices, domain) if askers and domain else [],
        "environment": [item for item in environment.wanted(objects.services, objects.pods or [])
                        if item["node"] in machines],
    }


def tasks(expected: dict[str, Any], machines: dict[str, list[dict[str, Any]]]) -> None:
    """Give each machine's clients their part of it: questions to those in a pod, environments to the first of all."""
    variables: dict[str, dict[str, list[str]]] = {}
    for item in expected["environment"]:
        variables.setdefault(item["node"], {}).setdefault(item["uid"], []).append(item["variable"])
    for machine, own in machines.items():
        for client in own:
            if client["name"] in expected["askers"]:
                client["questions"] = expected["questions"]
        if machine in variables:
            own[0]["environment"] = variables[machine]


def judge(expected: dict[str, Any], seen: Answers) -> list[Row]:
    rows = list(expected["rows"])
    for client, machine in expected["askers"].items():
        given = seen.names.get(client, [])
        for question, result in zip_longest(expected["questions"], given[:len(expected["questions"])]):
            verdict, reason = names.judge(question, result)
            rows.append({"service": question["service"], "check": question["check"], "from": client,
                         "machine": machine, "verdict": verdict, "reason": seen.absent.get(client) or reason,
                         "repeat": names.words(question), "seen": result["answers"] if result else []})
    for item in expected["environment"]:
        verdict, reason = environment.judge(item, seen.environments.get(item["node"]))
        space = item["service"].partition("/")[0]
        rows.append({"service": item["service"], "check": environment.CHECK, "from": f"pod {item['pod']}",
                     "machine": item["node"], "verdict": verdict, "reason": reason,
                     "repeat": f"kubectl --namespace {space} exec {item['pod']} -- env"})
    return rows


def matrix(rows: list[Row]) -> list[dict[str, Any]]:
    """A line for each Service: by check the verdict of all its rows, and how many are proven."""
    lines: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        lines.setdefault(row["service"], {}).setdefault(row["check"], []).append(row["verdict"])
    return [{"service": service, "checks": {check: _tally(found.get(check, [])) for check in CHECKS}}
            for service, found in sorted(lines.items())]


def _tally(verdicts: list[str]) -> dict[str, Any]:
    return {"verdict": worst(verdicts), "proven": verdicts.count(PROVEN), "of": len(verdicts)}


def failures(rows: list[Row]) -> list[dict[str, Any]]:
    """In the form of the matrix's own failures."""
    return [{"service": row["service"], "port": 0, "protocol": "", "client": row["from"], "kind": POD, "address": "",
             "node": row["machine"] or "cluster", "cell": "", "check": row["check"], "verdict": row["verdict"],
             "reason": row["reason"], "detail": "", "repeat": row["repeat"]}
            for row in rows if row["verdict"] not in (PROVEN, NONE)]


def columns(lines: list[dict[str, Any]]) -> list[str]:
    """The checks that at least one Service has a part in."""
    return [check for check in CHECKS if any(line["checks"][check]["of"] for line in lines)]

