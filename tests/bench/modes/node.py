"""kube-proxy's own figures, on its node. Standard library; Python 3.8 or later.

node.py restart UNIT: restart it in the mode it has, and print JSON when its first sync is complete:
    mode:  what it answers
    start: seconds from the start of its process to the end of that sync
    sync:  seconds of them that went into syncs, of the address family that took longer
node.py syncs: prints {family: [seconds spent in syncs, how many]}
"""
from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request

PATIENCE = 900.0
PAUSE = 0.1
LABELLED = r'^kubeproxy_%s(?:\{ip_family="(IPv[46])"\})? (\S+)$'


def ask(path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:10249/{path}", timeout=10) as answer:
        return answer.read().decode()


def family(metrics: str, name: str) -> dict[str, float]:
    return {label or "both": float(value) for label, value in re.findall(LABELLED % name, metrics, re.MULTILINE)}


def complete(metrics: str) -> bool:
    """Whether every family has been written and nothing more waits to be."""
    stamps = family(metrics, "sync_proxy_rules_last_timestamp_seconds")
    waiting = [*family(metrics, "sync_proxy_rules_service_changes_pending").values(),
               *family(metrics, "sync_proxy_rules_endpoint_changes_pending").values()]
    return bool(stamps) and all(stamps.values()) and not any(waiting)


def began(metrics: str) -> float:
    return float(re.search(r"^process_start_time_seconds (\S+)$", metrics, re.MULTILINE)[1])


def restart(unit: str) -> dict:
    asked = time.time()
    subprocess.run(["systemctl", "restart", unit], check=True, timeout=120)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            metrics = ask("metrics")
            if began(metrics) > asked - 2 and complete(metrics):
                last = max(family(metrics, "sync_proxy_rules_last_timestamp_seconds").values())
                return {"mode": ask("proxyMode"), "start": round(last - began(metrics), 3), "sync": round(
                    max(family(metrics, "sync_proxy_rules_duration_seconds_sum").values()), 3)}
        except OSError:
            pass
        time.sleep(PAUSE)
    raise SystemExit(f"{unit} did not complete a sync within {PATIENCE:.0f} s")


def syncs() -> dict[str, list[float]]:
    metrics = ask("metrics")
    counts = family(metrics, "sync_proxy_rules_duration_seconds_count")
    return {label: [seconds, counts[label]]
            for label, seconds in family(metrics, "sync_proxy_rules_duration_seconds_sum").items()}


def main() -> None:
    print(json.dumps(restart(sys.argv[2]) if sys.argv[1] == "restart" else syncs()))


main()
