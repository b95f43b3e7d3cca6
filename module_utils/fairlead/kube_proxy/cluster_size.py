"""How much kube-proxy has to write: Service ports and endpoints, counted from the API's objects."""
from __future__ import annotations

import collections
from typing import Any

_SERVICE = "kubernetes.io/service-name"


def count(services: list[dict[str, Any]], slices: list[dict[str, Any]]) -> tuple[int, int]:
    """(ports of Services with a cluster address, their endpoints in the family that has more).

    Each family is written by a run of its own, at the same time as the other.
    """
    ports = {(one["metadata"]["namespace"], one["metadata"]["name"]): len(one["spec"].get("ports") or [])
             for one in services if one["spec"].get("clusterIP") not in (None, "", "None")}
    found: collections.Counter[str] = collections.Counter()
    for one in slices:
        key = (one["metadata"]["namespace"], (one["metadata"].get("labels") or {}).get(_SERVICE, ""))
        if key in ports:
            found[one["addressType"]] += len(one.get("endpoints") or []) * len(one.get("ports") or [])
    return sum(ports.values()), max(found.values(), default=0)
