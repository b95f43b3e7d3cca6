#!/usr/bin/env python3
"""Time the proof on the running lab: SERVICES Services of all sorts, every kind of client, CONNECTIONS a cell.

With DEPTH=quick a sample of the cells is asked instead, one connection each. Two have a limit: SERVICES=10
CONNECTIONS=10 within 120 s, and DEPTH=quick SERVICES=200 within 300 s. Prints seconds, cells and connections of each of
ROUNDS runs of playbooks/verify.yml. What it makes is removed.
"""
from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lab_tools import Lab

LABEL = "fairlead.io/bench"
SORTS = [
    {"type": "ClusterIP"},
    {"type": "NodePort"},
    {"type": "NodePort", "sessionAffinity": "ClientIP"},
    {"type": "NodePort", "ports": [{"name": "udp", "port": 80, "protocol": "UDP", "targetPort": 8081}]},
    {"type": "NodePort", "externalTrafficPolicy": "Local"},
]
PORTS = [{"name": "http", "port": 80, "targetPort": 8080}]


def services(count: int) -> dict:
    items = [{"apiVersion": "v1", "kind": "Service",
              "metadata": {"name": f"bench-{number}", "namespace": "walkthrough", "labels": {LABEL: "proof"}},
              "spec": {"selector": {"app": "myapp"}, "ports": PORTS, "ipFamilyPolicy": "PreferDualStack",
                       **SORTS[number % len(SORTS)]}} for number in range(count)]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def main() -> None:
    count, connections, rounds = (int(os.environ.get(name) or default) for name, default in (
        ("SERVICES", 10), ("CONNECTIONS", 10), ("ROUNDS", 1)))
    depth = os.environ.get("DEPTH") or "full"
    lab = Lab()
    remove = ("delete", "services", "--namespace", "walkthrough", f"--selector={LABEL}=proof")
    lab.kubectl(*remove)
    with tempfile.TemporaryDirectory() as directory:
        file, report = Path(directory, "services.json"), Path(directory, "verify.json")
        file.write_text(json.dumps(services(count)), encoding="utf-8")
        try:
            lab.kubectl("create", "--filename", str(file))
            time.sleep(20)  # for kube-proxy on emulated nodes
            for _ in range(rounds):
                once(lab, report, connections, depth)
        finally:
            lab.kubectl(*remove)


def once(lab: Lab, report: Path, connections: int, depth: str) -> None:
    wishes = {"service_verify_kinds": ["node", "pod", "host pod"], "service_verify_selector": f"{LABEL}=proof",
              "service_verify_depth": depth, "service_verify_connections": connections,
              "service_verify_report_path": str(report),
              "service_verify_page_path": str(report.with_suffix(".html")), "service_verify_budget": 300}
    started = time.monotonic()
    lab.playbook("playbooks/verify.yml", "-e", json.dumps(wishes))
    seconds = time.monotonic() - started
    found = json.loads(report.read_text(encoding="utf-8"))
    of_all = f" of {found['sample']['of']}" if found["sample"] else ""
    print(f"{seconds:.1f} s, depth {depth}: {found['verdict']}, {len(found['services'])} Service ports, "
          f"{len(found['clients'])} clients, "
          f"{len(found['cells'])}{of_all} cells, {found['connections']} connections, "
          f"{len(found['discovery_rows'])} answers of discovery, "
          f"page {report.with_suffix('.html').stat().st_size / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    main()
