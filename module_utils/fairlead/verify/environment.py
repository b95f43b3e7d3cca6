"""The environment variables by which a pod knows the Services that were there before it. Pure but for read().

The kubelet writes them when it makes a container: those of Services with a cluster IP in the pod's own namespace. Which
of the two came first is told by the API server's and the kubelet's clocks, so a pod that started about when the Service
was made is not asked.
"""
from __future__ import annotations

import contextlib
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible.module_utils.fairlead.verify.findings import DISPROVEN, PROVEN, UNKNOWN
from ansible.module_utils.fairlead.verify.pod_network import processes_of
from ansible.module_utils.fairlead.verify.targets import Object, service_name
from ansible.module_utils.fairlead.verify.words import plain

CHECK = "Environment"
MARGIN = timedelta(seconds=20)  # clocks differ, and the kubelet hears of a Service a little later
MOST_PODS = 2  # of a Service and node in each of both cases


def wanted(services: list[Object], pods: list[Object]) -> list[dict[str, Any]]:
    """What to look at: node, pod and its uid, the variable, and its value; None where it must not be there."""
    found: list[dict[str, Any]] = []
    for service in sorted(services, key=service_name):
        address = service["spec"].get("clusterIP")
        if service["spec"].get("type") == "ExternalName" or address in (None, "", "None"):
            continue
        taken: dict[tuple[str, bool], int] = {}
        for pod in sorted(pods, key=lambda item: item["metadata"]["name"]):
            there = _came_later(pod, service)
            node = pod["spec"].get("nodeName", "")
            if there is None or taken.get((node, there), 0) >= MOST_PODS:
                continue
            taken[node, there] = taken.get((node, there), 0) + 1
            found.append({"service": plain(service_name(service)), "node": node, "pod": plain(pod["metadata"]["name"]),
                          "uid": pod["metadata"]["uid"], "variable": variable(service),
                          "value": address if there else None})
    return found


def variable(service: Object) -> str:
    return service["metadata"]["name"].upper().replace("-", "_") + "_SERVICE_HOST"


def _came_later(pod: Object, service: Object) -> bool | None:
    """True: the pod has to know the Service. False: it cannot. None: nothing is to be said of this pod."""
    states = [status.get("state", {}).get("running") for status in pod["status"].get("containerStatuses") or []]
    if (pod["metadata"]["namespace"] != service["metadata"]["namespace"] or not states or not all(states)
            or pod["metadata"].get("deletionTimestamp") or pod["spec"].get("enableServiceLinks") is False
            or not pod["status"].get("startTime")):
        return None
    made = _time(service["metadata"]["creationTimestamp"])
    if made + MARGIN < _time(pod["status"]["startTime"]):
        return True
    return False if made > max(_time(state["startedAt"]) for state in states) + MARGIN else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def read(uid: str, names: list[str], proc: Path = Path("/proc")) -> dict[str, str]:
    """Of these variables those that a process of the pod was started with; others are never looked at."""
    found = {}
    for number in processes_of(uid, proc):
        with contextlib.suppress(OSError):
            for entry in (proc / str(number) / "environ").read_bytes().split(b"\0"):
                name, _, value = entry.partition(b"=")
                if os.fsdecode(name) in names:
                    found[os.fsdecode(name)] = plain(value.decode("utf-8", "replace"))
    return found


def judge(item: dict[str, Any], seen: dict[str, dict[str, str]] | None) -> tuple[str, str]:
    """seen: by uid what read() found; None when that machine gave nothing."""
    if seen is None or item["uid"] not in seen:
        return UNKNOWN, "the pod's environment could not be read"
    value = seen[item["uid"]].get(item["variable"])
    if value == item["value"]:
        return PROVEN, ""
    says = f"has {item['variable']}={value}" if value else f"has no {item['variable']}"
    due = f"it started after the Service, whose address is {item['value']}" if item["value"] else \
        "it started before the Service was made"
    return DISPROVEN, f"pod {item['pod']} {says}, though {due}"
