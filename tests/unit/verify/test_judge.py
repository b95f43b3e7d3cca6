"""From expectations and what was seen to verdicts, and how they are shown."""
from __future__ import annotations

import copy
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.verify import cells, clients, table
from ansible.module_utils.fairlead.verify.findings import worst
from ansible.module_utils.fairlead.verify.promise import ALL, Proxies
from ansible.module_utils.fairlead.verify.report import Seen, make
from ansible.module_utils.fairlead.verify.targets import Node, Pod, Target

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/verify/verdicts.yml").read_text())["cases"]
NODES = [Node("node1", ("192.0.2.11",)), Node("node2", ("192.0.2.12",))]
PODS = {"IPv4": (Pod("a", "node1"), Pod("b", "node2"))}
TARGETS = [Target("demo/web", 80, 30080, pods=PODS), Target("demo/sticky", 80, 30081, affinity=True, pods=PODS)]
CHECKS = ("NodePort", "Spread", "Affinity")  # those that these cells have a part in
ASKS = {"TCP": "/hostname", "UDP": "hostname"}
CLIENTS = ["client1", "client2"]
NAT = dict.fromkeys(CLIENTS, "192.0.2.1")


def expected():
    return {
        "nodes": [{"name": n.name, "addresses": list(n.addresses), "ready": True, "kernel": "6.12", "kubernetes": "v1"}
                  for n in NODES],
        "services": [{"service": t.service, "port": t.port, "node_port": t.node_port, "protocol": "TCP",
                      "affinity": t.affinity,
                      "families": ["IPv4"], "pods": ["a", "b"]} for t in TARGETS],
        "unproven": [], "moving": [],
        "cells": copy.deepcopy(cells.compute(clients.outside(CLIENTS, {}), NODES, TARGETS, Proxies(), ASKS)),
    }


def well(cell):
    return {"a": 3, "b": 2} if cell["expect"]["share"] == ALL else {"a": cells.AFFINITY_CONNECTIONS}


def changes(case, kind, cell):
    """The changes for this cell; a later, more special one wins."""
    name = f"{cell['client']}/{cell['node']}/{cell['port']}"
    return {key: value for pattern, change in case.get(kind, {}).items() if fnmatch(name, pattern)
            for key, value in change.items()}


def run(case, proxies=None):
    expectation = expected()
    results = {}
    for cell in expectation["cells"]:
        cell["expect"].update(changes(case, "expect", cell))
        if cell["client"] not in case.get("absent", {}):
            result = {"answers": well(cell), "failures": 0, "own_faults": 0, "error": "", "unfinished": False,
                      **changes(case, "see", cell)}
            results[cell["id"]] = {**result, "connections": sum(result["answers"].values()) + result["failures"]}
    return make(expectation, Seen(results, case.get("absent", {}), proxies or {}), case.get("sources", NAT), 3)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_verdict(case):
    report = run(case)
    shown = {node["name"]: [table.shown(node["checks"][check]) for check in CHECKS] for node in report["nodes"]}
    assert shown == case["checks"]
    assert report["verdict"] == case["verdict"]
    reasons = case.get("reasons", [])
    assert len(report["failures"]) == len(reasons)
    for failure, part in zip(report["failures"], reasons):
        assert str(part) in failure["reason"]
    for part in case.get("summary", []):
        assert part in table.summary(report)


def test_repeat_by_hand():
    report = run({"see": {"client1/node1/30080": {"answers": {}, "failures": 2, "error": "x"}}})
    assert report["failures"][0]["repeat"] == "curl --max-time 3 http://192.0.2.11:30080/hostname"
    assert cells.url("TCP", "fd98::11", 30080, "/hostname") == "http://[fd98::11]:30080/hostname"
    cell = {"protocol": "UDP", "ask": "hostname", "address": "fd98::11", "port": 53}
    assert cells.repeat(cell, 2.5) == "echo -n hostname | nc -u -w 3 fd98::11 53"


def test_a_node_without_cells_is_not_green():
    expectation = expected()
    expectation["nodes"].append({**expectation["nodes"][0], "name": "node9", "addresses": []})
    results = {c["id"]: {"answers": well(c), "failures": 0, "own_faults": 0, "error": "", "unfinished": False,
                         "connections": 5} for c in expectation["cells"]}
    report = make(expectation, Seen(results, {}, {}), NAT, 3)
    assert report["verdict"] == "unknown"
    assert "node9" in table.summary(report)


@pytest.mark.parametrize(("verdicts", "all_in_all"), [
    (["proven", "unknown", "disproven"], "disproven"), (["proven", "unknown", "none"], "unknown"),
    (["proven", "none"], "proven"), (["none"], "none"), ([], "none")])
def test_worst(verdicts, all_in_all):
    assert worst(verdicts) == all_in_all


def test_table():
    report = run({}, {"node1": {"mode": "ipvs"}, "node2": {"unreachable": True, "msg": "down"}})
    lines = [line["text"] for line in table.render(report)]
    assert lines[3:6] == [
        "node   kernel  Kubernetes  mode     NodePort  Spread  Affinity",
        "node1  6.12    v1          ipvs     ok 4/4    ok 2/2  ok 2/2",
        "node2  6.12    v1          unknown  ok 4/4    ok 2/2  ok 2/2",
    ]
    assert lines[7:9] == ["from     NodePort", "outside  ok 8/8"]
    assert lines[-1].startswith("proven: 2 nodes, 2 clients, 8 cells")


def test_one_fault_seen_everywhere_is_told_once():
    report = run({"see": {"*/node2/*": {"answers": {}, "failures": 2, "error": "connect: ETIMEDOUT"}}})
    told = [line["text"] for line in table.render(report) if "ETIMEDOUT" in line["text"]]
    assert len(told) == 2  # one for each Service
    assert "from client1, client2" in told[0]


def test_nothing_of_a_cluster_reaches_the_terminal_raw():
    hostile = "\x1b]0;owned\x07\u202edlrow\x9b2J\n"
    report = run({"see": {"client1/node1/30080": {"answers": {hostile: 1}}}}, {"node1": {"mode": hostile}})
    for line in table.render(report):
        assert line["text"].isprintable()
    assert table.summary(report).isprintable()
