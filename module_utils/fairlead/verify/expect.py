"""Reading a cluster until it stands still, and what it then promises."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import cells, discovery, sample, targets
from ansible.module_utils.fairlead.verify.clients import Client
from ansible.module_utils.fairlead.verify.targets import SERVICE_NAME, Node, Object

LOOK_EVERY = 1.0  # seconds between two looks at a cluster that is still changing


class Reader(Protocol):
    """What observe() needs of a Cluster."""

    now: datetime

    def items(self, path: str, labels: str = "") -> list[Object]: ...


@dataclass(frozen=True)
class Observed:
    """The objects that expectations come from; `quiet` seconds since the last of them was changed.

    pods, endpoints: of the Services' namespaces; None when this user may not list them
    """

    services: list[Object]
    slices: list[Object]
    nodes: list[Node]
    quiet: float
    pods: list[Object] | None = None
    endpoints: list[Object] | None = None


def observe(cluster: Reader, selector: str) -> Observed:
    services = cluster.items("/api/v1/services", selector)
    nodes = targets.read_nodes(cluster.items("/api/v1/nodes"))
    spaces = sorted({s["metadata"]["namespace"] for s in services})
    slices = [item for space in spaces
              for item in cluster.items(f"/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices", SERVICE_NAME)]
    if not services:
        raise FairleadError("service_verify_selector", "no Service carries these labels, so there is nothing to prove",
                            "run the role service_manifests first, or select Services that exist", selector)
    names = {targets.service_name(s) for s in services}
    own = [s for s in slices
           if f"{s['metadata']['namespace']}/{s['metadata']['labels'][SERVICE_NAME]}" in names]
    still = quiet(services + own, cluster.now)
    return Observed(services, own, nodes, still, *(_listed(cluster, spaces, kind) for kind in ("pods", "endpoints")))


def _listed(cluster: Reader, spaces: list[str], kind: str) -> list[Object] | None:
    """Only discovery takes these, so that a user who may not list them still gets everything else."""
    try:
        return [item for space in spaces for item in cluster.items(f"/api/v1/namespaces/{space}/{kind}")]
    except FairleadError:
        return None


def quiet(objects: Iterable[Object], now: datetime) -> float:
    """Seconds since the youngest change of any of these objects, by the API server's clock."""
    stamps = [stamp for item in objects for stamp in (
        item["metadata"].get("creationTimestamp"),
        *(entry.get("time") for entry in item["metadata"].get("managedFields") or [])) if stamp]
    if not stamps:
        return float("inf")
    newest = datetime.strptime(max(stamps), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return (now - newest).total_seconds()


def wait_until_still(
    look: Callable[[], Observed],
    wait: float,
    settle: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Observed, list[str]]:
    """Look until all pods are ready and nothing changed for `settle` seconds, which kube-proxy needs to follow.

    After `wait` seconds go on with what there is; the sentences say what is still moving.
    """
    end = clock() + wait
    while True:
        seen = look()
        moving = targets.pending(seen.services, seen.slices, seen.nodes)
        if not moving and seen.quiet >= settle:
            return seen, []
        if clock() >= end:
            return seen, moving or [f"Services or their pods changed {seen.quiet:.0f} s ago"]
        sleep(LOOK_EVERY)


def promise(seen: Observed, clients: list[Client], question: cells.Question,
            domain: str = discovery.DOMAIN) -> dict[str, Any]:
    """Everything that the probes and the judge have to know."""
    found, unproven = targets.read_targets(seen.services, seen.slices, seen.nodes)
    matrix = cells.compute(clients, seen.nodes, found, question)
    if seen.pods is None or seen.endpoints is None:
        unproven.append("Endpoints and environments: this user may not list pods and Endpoints")
    objects = discovery.Objects(seen.services, seen.slices, seen.pods, seen.endpoints)
    found_by = discovery.expect(objects, clients, domain)
    if found_by["questions"]:
        unproven = [sentence for sentence in unproven if not sentence.endswith(targets.NAME_ONLY)]
    elif not matrix:
        raise FairleadError("service_verify_selector", "nothing can be probed: "
                            + ("; ".join(unproven) or "no address is in a family of these Services that the clients "
                               "could reach; from outside that takes a node port or a load balancer's address"),
                            "select at least one Service that these clients can reach")
    asked, taken = _sampled(matrix, found_by, question.sample)
    tasks = cells.tasks_of(clients, asked)
    discovery.tasks(found_by, tasks)
    return {
        "nodes": [{"name": node.name, "addresses": list(node.addresses), "ready": node.ready, "kernel": node.kernel,
                   "kubernetes": node.kubernetes, "wished_mode": question.proxies.modes.get(node.name) or ""}
                  for node in seen.nodes],
        "services": [described(target) for target in found],
        "unproven": unproven + _out_of_reach(found, matrix),
        "cells": asked,
        "sample": taken,
        "discovery": found_by,
        "tasks": tasks,
    }


def _sampled(matrix: list[cells.Cell], found_by: dict[str, Any],
             wish: sample.Sample | None) -> tuple[list[cells.Cell], dict[str, Any] | None]:
    """What is asked of all that could be, and the account of it; at the full depth everything. Changes found_by."""
    if wish is None:
        return matrix, None
    asked, taken = sample.take(matrix, wish)
    every = found_by["questions"]
    found_by["questions"] = sample.questions(every, wish.seed)
    return asked, {**taken, "questions": {"asked": len(found_by["questions"]), "of": len(every)}}


def described(target: targets.Target) -> dict[str, Any]:
    return {"service": target.service, "port": target.port, "node_port": target.node_port,
            "protocol": target.protocol, "affinity": target.affinity, "families": list(target.families),
            "pods": sorted({pod.answer for pods in target.pods.values() for pod in pods})}


def _out_of_reach(found: list[targets.Target], matrix: list[cells.Cell]) -> list[str]:
    asked = {(cell["service"], cell["service_port"], cell["protocol"]) for cell in matrix}
    return [f"{target.service} {target.port}/{target.protocol}: only a cluster address, which no client is inside to "
            "reach" for target in found if (target.service, target.port, target.protocol) not in asked]
