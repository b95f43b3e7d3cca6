"""Send the same Services to an API server and to our judge, and compare what both say."""
from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.services import judge
from ansible.module_utils.fairlead.services.facts import Facts
from api_server import ApiServer

from parity.generate import Generator, Manifest

SERVICES = "/api/v1/namespaces/default/services"
DRY_RUN = "?dryRun=All&fieldValidation=Strict"
Causes = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Said:
    """An answer: HTTP status, and the causes of a 422 as (field, reason)."""

    code: int
    causes: Causes

    @property
    def accepted(self) -> bool:
        return self.code < 400


@dataclass(frozen=True)
class Case:
    """One request and what the API server said."""

    kind: str  # create, update, or real: a create that is no dry run
    index: int
    service: Manifest
    stored: Manifest | None
    server: Said
    message: str

    def ours(self, facts: Facts) -> Said:
        facts = dataclasses.replace(facts, dry_run=self.kind != "real")
        answer = judge.answer(self.service, facts, self.stored)
        return Said(answer.code, _causes((finding.field, finding.reason) for finding in answer.findings)
                    if answer.code == 422 else frozenset())

    def agrees(self, facts: Facts) -> bool:
        return self.ours(facts) == self.server


def creates(server: ApiServer, services: Iterable[Manifest]) -> Iterator[Case]:
    for index, service in enumerate(services):
        code, answer = server.request("POST", SERVICES + DRY_RUN, service)
        yield Case("create", index, service, None, _said(code, answer), answer.get("message", ""))


def reals(server: ApiServer, services: Iterable[Manifest], release: tuple[int, int]) -> Iterator[Case]:
    """Creates that are meant, each deleted again: only then the server looks at the range of node ports.

    Before 1.37, an API server that notes names with addresses tries all 65,000 of a range for a Service whose name
    cannot be noted, which takes a minute and more; those are left to the dry runs there.
    """
    for index, given in enumerate(services):
        service = given
        if release < (1, 37) and not _can_be_noted(given):
            continue
        if isinstance(given["metadata"], dict):  # never written by us: it is left out of every file
            service = {**given, "metadata": {key: value for key, value in given["metadata"].items()
                                             if key != "resourceVersion"}}
        code, answer = server.request("POST", f"{SERVICES}?fieldValidation=Strict", service)
        yield Case("real", index, service, None, _said(code, answer), answer.get("message", ""))
        if code == 201:
            delete(server, answer)


def _can_be_noted(service: Manifest) -> bool:
    metadata = service["metadata"] if isinstance(service["metadata"], dict) else {}
    name = metadata.get("name") or metadata.get("generateName")
    return isinstance(name, str) and name not in ("", ".", "..") and not set("/%") & set(name)


def delete(server: ApiServer, stored: Manifest) -> None:
    path = f"{SERVICES}/{stored['metadata']['name']}"
    if stored["metadata"].get("finalizers"):
        server.request("PUT", path, {**stored, "metadata": {**stored["metadata"], "finalizers": []}})
    server.request("DELETE", path)


def change(server: ApiServer, index: int, stored: Manifest, service: Manifest) -> Case:
    """A stored object replaced by another version of it."""
    code, answer = server.request("PUT", f"{SERVICES}/{stored['metadata']['name']}{DRY_RUN}", service)
    return Case("update", index, service, stored, _said(code, answer), answer.get("message", ""))


def updates(server: ApiServer, seed: int, count: int, bases: list[tuple[Manifest, Manifest]]) -> Iterator[Case]:
    """bases: what was given and what is stored, by turns."""
    taken = _ports_of([stored for _given, stored in bases])
    generators = [Generator(seed + at, taken - _ports_of([stored])) for at, (_given, stored) in enumerate(bases)]
    for index in range(count):
        given, stored = bases[index % len(bases)]
        yield change(server, index, stored, generators[index % len(bases)].update(stored, given))


def bases(server: ApiServer, seed: int, count: int) -> list[tuple[Manifest, Manifest]]:
    """Create real Services of every kind: (what was given, what is stored)."""
    generator, made = Generator(seed, frozenset()), []
    for _attempt in range(count * 5):
        service = generator.valid()
        service["metadata"]["name"] = f"base-{len(made)}"
        if len(made) % 7 == 3:
            service["metadata"]["finalizers"] = ["example.com/keep"]
        code, stored = server.request("POST", SERVICES, copy.deepcopy(service))
        if code == 201:
            made.append((service, stored))
        if len(made) == count:
            break
    # Two that are being deleted: their finalizers hold them.
    for at in (3, 10):
        if at < len(made):
            server.request("DELETE", f"{SERVICES}/base-{at}")
            made[at] = made[at][0], server.request("GET", f"{SERVICES}/base-{at}")[1]
    return made


def taken_ports(server: ApiServer) -> frozenset[int]:
    return _ports_of(server.request("GET", "/api/v1/services")[1]["items"])


def milliseconds(cases: list[Case], facts: Facts) -> float:
    """What one verdict of ours takes."""
    started = time.perf_counter()
    for case in cases:
        case.ours(facts)
    return (time.perf_counter() - started) * 1000 / max(1, len(cases))


def _ports_of(services: list[Manifest]) -> frozenset[int]:
    specs = [service["spec"] for service in services]
    return frozenset(port["nodePort"] for spec in specs for port in spec.get("ports", []) if port.get("nodePort")) | {
        spec["healthCheckNodePort"] for spec in specs if spec.get("healthCheckNodePort")}


def _said(code: int, answer: dict[str, Any]) -> Said:
    causes = (answer.get("details") or {}).get("causes") or [] if code == 422 else []
    return Said(code, _causes((cause.get("field", ""), cause.get("reason", "").removeprefix("FieldValue"))
                              for cause in causes))


def _causes(pairs: Any) -> Causes:
    return frozenset(pairs)
