"""A report of a run that went well but for what a case changes: two nodes, two clients behind one NAT, two Services."""
from __future__ import annotations

import copy
from fnmatch import fnmatch

from ansible.module_utils.fairlead.verify import cells, clients
from ansible.module_utils.fairlead.verify.promise import ALL
from ansible.module_utils.fairlead.verify.report import Seen, make
from ansible.module_utils.fairlead.verify.targets import Node, Pod, Target

NODES = [Node("node1", ("192.0.2.11",)), Node("node2", ("192.0.2.12",))]
PODS = {"IPv4": (Pod("a", "node1"), Pod("b", "node2"))}
TARGETS = [Target("demo/web", 80, 30080, pods=PODS), Target("demo/sticky", 80, 30081, affinity=True, pods=PODS)]
ASKS = cells.Question({"TCP": "/hostname", "UDP": "hostname"})
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
        "cells": copy.deepcopy(cells.compute(clients.outside(CLIENTS, {}), NODES, TARGETS, ASKS)),
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
                      "course": [["a", 2]], "source": "", "latency_ms": {"min": 1.0, "counts": [0, 2]},
                      **changes(case, "see", cell)}
            results[cell["id"]] = {**result, "connections": sum(result["answers"].values()) + result["failures"]}
    return make(expectation, Seen(results, case.get("absent", {}), proxies or {}), case.get("sources", NAT), 3)
