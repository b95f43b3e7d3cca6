"""The probe on the bench: from the machine outside, from a pod and from the node, all at once."""
from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.fairlead.probe import load
from bench import BALANCED, CLIENTS, CLIENTS6, NODE1, NODE1_6, PODS, Bench, service
from namespaces import name

PROGRAM = load.__file__
WEB, STAY, DATAGRAMS = 30080, 30081, 30082
PODS_BEHIND = ["pod2", "pod3", "pod4"]


def services() -> list[dict[str, Any]]:
    """What the probe asks: a plain Service, one with affinity and one over UDP."""
    return [*service("web", PODS_BEHIND, type="LoadBalancer", node_port=WEB,
                     status={"loadBalancer": {"ingress": [{"ip": f"{BALANCED}80"}]}}),
            *service("stay", PODS_BEHIND, type="NodePort", node_port=STAY, sessionAffinity="ClientIP"),
            *service("datagrams", PODS_BEHIND, type="NodePort", node_port=DATAGRAMS, protocol="UDP")]


def flows(bench: Bench, rate: float, kept: int) -> dict[str, list[dict[str, Any]]]:
    """Namespace -> flows; `rate` new connections a second and `kept` established ones over all of them."""
    def cluster(called: str) -> str:
        return bench.api.request("GET", f"/api/v1/namespaces/default/services/{called}")[1]["spec"]["clusterIP"]

    def new(of: str, address: str, port: int, sources: list[str], share: float, **more: Any) -> dict[str, Any]:
        return {"name": of, "kind": "new", "address": address, "port": port, "sources": sources,
                "rate": rate * share, **more}

    web, pod = cluster("web"), PODS["pod1"][1]
    return {
        "client": [
            new("node port", NODE1, WEB, CLIENTS, 0.35), new("node port, IPv6", NODE1_6, WEB, CLIENTS6, 0.25),
            new("load balancer", f"{BALANCED}80", 80, CLIENTS, 0.1), new("cluster address", web, 80, CLIENTS, 0.1),
            new("affinity", NODE1, STAY, CLIENTS, 0.03, kind="affinity"),
            new("affinity, IPv6", NODE1_6, STAY, CLIENTS6, 0.03, kind="affinity"),
            {"name": "kept", "kind": "established", "address": NODE1, "port": WEB, "sources": CLIENTS,
             "count": kept // 2, "interval": 0.25},
            {"name": "kept, IPv6", "kind": "established", "address": NODE1_6, "port": WEB, "sources": CLIENTS6,
             "count": kept // 4, "interval": 0.25},
            {"name": "udp", "kind": "udp", "address": NODE1, "port": DATAGRAMS, "sources": CLIENTS[:2],
             "interval": 0.02}],
        "pod1": [new("from a pod", web, 80, [pod], 0.09),
                 {"name": "kept from a pod", "kind": "established", "address": web, "port": 80, "sources": [pod],
                  "count": kept // 4, "interval": 0.25}],
        "node1": [new("from the node", web, 80, [NODE1], 0.05)],
    }


class Traffic:
    """Use as a context manager; results() afterwards, or up to now."""

    def __init__(self, wanted: dict[str, list[dict[str, Any]]], seconds: float = 600) -> None:
        self._wanted, self._seconds = wanted, seconds
        self._directory = tempfile.TemporaryDirectory(prefix="fairlead-probe-")
        self._running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Traffic:
        for short, of in self._wanted.items():
            with open(f"{self._directory.name}/{short}", "w", encoding="utf-8") as out:
                running = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", name(short), sys.executable, PROGRAM],
                    stdin=subprocess.PIPE, stdout=out, text=True)
            self._running.append(running)
            running.stdin.write(json.dumps({"seconds": self._seconds, "flows": of}))
            running.stdin.close()
        time.sleep(1.0)  # the programs start
        return self

    def __exit__(self, *_error: object) -> None:
        for running in self._running:
            running.terminate()
        for running in self._running:
            if running.wait(30):
                raise RuntimeError(f"the probe ended with status {running.returncode}")

    def results(self) -> list[dict[str, Any]]:
        found = []
        for each in Path(self._directory.name).iterdir():
            lines = each.read_text(encoding="utf-8").split("\n")[:-1]  # the last line may not be whole yet
            found += [json.loads(line) for line in lines]
        return found
