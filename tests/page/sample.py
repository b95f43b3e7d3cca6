"""A report of a large run, made by the proof's own code: three nodes in three modes, ten Services, every kind of
client. What the clients saw is made up of what they must see, with a few faults of each kind.
"""
from __future__ import annotations

import random
from typing import Any

from ansible.module_utils.fairlead.comparison import row
from ansible.module_utils.fairlead.verify import cells, clients, discovery, expect, sample
from ansible.module_utils.fairlead.verify.promise import ALL, ANSWER, ONE, Proxies
from ansible.module_utils.fairlead.verify.report import Seen, make
from ansible.module_utils.fairlead.verify.targets import Node, Pod, Target

MODES = {"node1": "ipvs", "node2": "nftables", "node3": "iptables"}
NODES = [Node(name, (f"198.18.0.1{number}", f"fd98::1{number}"), True, "6.12.0", "v1.37.2",
              (f"10.244.{number}.0/24", f"fd00:244:0:{number}::/64")) for number, name in enumerate(MODES, 1)]
OUTSIDE = ["client1", "client2", "client3", "client4"]
SOURCES = {"client1": "198.18.0.101", "client2": "198.18.0.102", "client3": "198.18.0.103", "client4": "198.18.0.103"}


def target(number: int, name: str, **differs: Any) -> Target:
    pods = tuple(Pod(f"{name}-{suffix}", node) for suffix, node in zip(("7xk2p", "b9f4m", "qz6td"), MODES))
    return Target(f"shop/{name}", 80, **{
        "cluster_ips": (f"10.96.10.{number}", f"fd00:96::{number:x}"), "pods": {"IPv4": pods, "IPv6": pods}, **differs})


def targets() -> list[Target]:
    return [
        target(1, "web", node_port=30080), target(2, "cart", node_port=30081, affinity=True),
        target(3, "search"), target(4, "mail", node_port=30025, external_local=True),
        target(5, "names", node_port=30053, protocol="UDP"), target(6, "metrics", internal_local=True),
        target(7, "login", node_port=30090, affinity=True), target(8, "public", node_port=30091,
                                                                   balancer_ips=("198.18.0.200",)),
        target(9, "empty", node_port=30092, pods={"IPv4": (), "IPv6": ()}),
        target(10, "legacy", node_port=30093, external_ips=("198.18.0.210",)),
    ]


def everyone() -> list[clients.Client]:
    pods = {name: {"pod": f"{name}-a", "host pod": f"{name}-b"} for name in MODES}
    return clients.outside(OUTSIDE, SOURCES) + clients.inside(
        NODES, list(MODES), [clients.NODE, clients.POD, clients.HOST_POD], pods)


def report(faults: bool = True, services: list[Target] | None = None, quick: int = 0) -> dict[str, Any]:
    """quick: cells of a sample; 0 for the full depth."""
    asked, answers = names_of(services or targets(), faults)
    question = cells.Question({"TCP": "/hostname", "UDP": "hostname"}, Proxies(MODES))
    seen = expect.Observed([], [], NODES, 60.0)
    made, taken = cells.compute(everyone(), NODES, services or targets(), question), None
    if quick:
        made, taken = sample.take(made, sample.Sample(quick))
    expected = {
        "nodes": [{"name": node.name, "addresses": list(node.addresses), "ready": True, "kernel": node.kernel,
                   "kubernetes": node.kubernetes, "wished_mode": MODES[node.name]} for node in seen.nodes],
        "services": [expect.described(target) for target in services or targets()],
        "unproven": ["shop/old: ExternalName has no address; only its name can be asked for"], "moving": [],
        "cells": made, "sample": taken, "tasks": {}, "discovery": asked}
    chance = random.Random(7)
    absent = {"pod on node3": "no results: the probe pod did not appear on the node within 60 s"} if faults else {}
    results = {cell["id"]: result(cell, chance, faults) for cell in made if cell["client"] not in absent}
    proxies = {name: {"mode": mode, "version": "v1.37.2", "healthy": True} for name, mode in MODES.items()}
    whole = make(expected, Seen(results, absent, proxies, answers, settings(faults)), SOURCES, 3)
    whole["time"] = "2026-11-26T03:00:00+00:00"
    worse = [cell["id"] for cell in whole["cells"] if cell["verdict"] == "disproven"]
    whole["since"] = {"time": "2026-11-25T03:00:00+00:00", "verdict": "unknown", "worse": worse, "better": [],
                      "added": 0, "gone": 0} if faults else None
    return whole


def settings(faults: bool) -> dict[str, Any]:
    """What the node roles found in check mode: as wished, but for a key and a mode; one node could not be looked at."""
    keys = [row(f"net.ipv4.conf.all.key{number}", "1", "1", True) for number in range(20)]
    modules = [row(f"module {name}", "in the kernel", "loaded", True) for name in ("br_netfilter", "nf_conntrack")]
    found = {name: {"kernel_modules": {"compared": modules, "findings": []},
                    "node_sysctl": {"compared": keys, "findings": []},
                    "kube_proxy": {"compared": [row("kube-proxy mode", mode, mode, True)]}}
             for name, mode in MODES.items()}
    if faults:
        wrong = [row("net.ipv4.ip_forward", "1", "0", False), row("net.netfilter.late", "1", None, None)]
        found["node2"]["node_sysctl"] = {"compared": [*keys, *wrong],
                                         "findings": ["net.ipv4.ip_forward is 0, asked is 1"]}
        found["node3"]["kernel_modules"] = {"msg": "kernel module ip_vs: not in this kernel", "failed": True}
    return found


def names_of(services: list[Target], faults: bool) -> tuple[dict[str, Any], discovery.Answers]:
    """What cluster DNS is asked, and its answers: as they must be, but for one that names a stranger."""
    ports = [{"name": "http", "port": 80}]
    objects = [{"metadata": {"name": each.service.partition("/")[2], "namespace": "shop"}, "spec": {
        "clusterIP": each.cluster_ips[0], "clusterIPs": list(each.cluster_ips), "ports": ports}} for each in services]
    asked = {**discovery.expect(discovery.Objects(objects, []), everyone()), "environment": []}
    given = [{"status": "NOERROR", "error": "", "answers": [
        f"0 0 {answer}" if question["type"] == "SRV" else answer for answer in question["expect"]]}
        for question in asked["questions"]]
    if faults:
        given[0]["answers"] = ["192.0.2.66"]
    return asked, discovery.Answers(dict.fromkeys(asked["askers"], given))


def result(cell: dict[str, Any], chance: random.Random, faults: bool) -> dict[str, Any]:
    """What this client saw: as promised, but for a node port that is shut, affinity that is off on one node, and a pod
    that nobody reaches through another."""
    pods = cell["expect"]["pods"] if cell["expect"]["outcome"] == ANSWER else []
    if faults and cell["address"] == "198.18.0.12" and cell["port"] == 30080:
        pods = []
    if faults and cell["port"] == 30090 and cell["node"] == "node3":
        drawn = [chance.choice(pods) for _ in range(cells.AFFINITY_CONNECTIONS)]
    elif faults and cell["port"] == 30093 and cell["node"] == "node1":
        drawn = [chance.choice(pods[:2]) for _ in range(cell["connections"])]
    elif pods and cell["expect"]["share"] == ONE:
        # One source and one address: one pod. Clients behind one NAT have the same.
        source = SOURCES.get(cell["client"], cell["client"])
        drawn = [random.Random(f"{source} {cell['address']}").choice(pods)] * cells.AFFINITY_CONNECTIONS
    elif pods and cell["expect"]["share"] == ALL:
        drawn = pods * 3
    else:
        drawn = list(pods[:1]) * 2
    course: list[list[Any]] = []
    for pod in drawn:
        if course and course[-1][0] == pod:
            course[-1][1] += 1
        else:
            course.append([pod, 1])
    failures = 0 if drawn else 2
    took = [0, *(chance.randint(0, len(drawn)) for _ in range(5))] if drawn else []
    return {"id": cell["id"], "connections": len(drawn) + failures, "own_faults": 0, "failures": failures,
            "answers": {pod: drawn.count(pod) for pod in sorted(set(drawn))},
            "error": "" if drawn else "connect: ETIMEDOUT no answer within 3 s", "unfinished": False, "course": course,
            "latency_ms": {"min": 0.6, "median": 2.1, "max": 30.0, "counts": took} if drawn else {},
            "source": next(iter(cell["expect"]["source"]), "") if drawn else "", "round": 1, "after": 0.0}
