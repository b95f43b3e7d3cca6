"""Waiting until what was delivered also works: workloads rolled out, Services with ready endpoints."""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.model import Manifest, is_service, label

LOOK_EVERY = 1.0  # seconds between two looks
SERVICE_NAME = "kubernetes.io/service-name"  # on an EndpointSlice: whose it is
_SHOWN = 10


def until_ready(
    look: Callable[[], list[str]],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Look until nothing is missing any more; the seconds that it took. An error says what it waited for."""
    start = clock()
    while missing := look():
        if clock() - start >= seconds:
            more = [f"and {len(missing) - _SHOWN} more"] if len(missing) > _SHOWN else []
            raise FairleadError(f"waited {seconds:g} s for", "; ".join(missing[:_SHOWN] + more),
                                "look at their events (kubectl describe), or wait longer")
        sleep(LOOK_EVERY)
    return clock() - start


class Lookout:
    """Knows what is still missing; what was ready once is not looked at again."""

    def __init__(self, api: Api, wanted: list[Manifest]) -> None:
        self._api = api
        self._workloads = [manifest for manifest in wanted if manifest["kind"] in _ROLLED_OUT]
        self._services = [manifest for manifest in wanted if is_service(manifest) and expects_endpoints(manifest)]
        self._balanced = [manifest for manifest in wanted if is_service(manifest) and expects_address(manifest)]

    def __call__(self) -> list[str]:
        return [*self._missing_workloads(), *self._missing_endpoints(), *self._missing_addresses()]

    def _missing_workloads(self) -> list[str]:
        found = [(manifest, rollout(self._api.get(self._api.path(manifest)) or {})) for manifest in self._workloads]
        self._workloads = [manifest for manifest, missing in found if missing]
        return [f"{label(manifest)}: {missing}" for manifest, missing in found if missing]

    def _missing_endpoints(self) -> list[str]:
        ready: set[tuple[str, str]] = set()
        for namespace in sorted({manifest["metadata"]["namespace"] for manifest in self._services}):
            path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector={SERVICE_NAME}"
            for entry in (self._api.get(path) or {}).get("items") or []:
                if has_ready_endpoint(entry):
                    ready.add((namespace, entry["metadata"]["labels"][SERVICE_NAME]))
        self._services = [manifest for manifest in self._services
                          if (manifest["metadata"]["namespace"], manifest["metadata"]["name"]) not in ready]
        return [f"{label(manifest)}: no ready endpoint" for manifest in self._services]


    def _missing_addresses(self) -> list[str]:
        self._balanced = [manifest for manifest in self._balanced
                          if not has_address(self._api.get(self._api.path(manifest)) or {})]
        return [f"{label(manifest)}: no address from a load balancer" for manifest in self._balanced]


def expects_endpoints(manifest: Manifest) -> bool:
    """Kubernetes makes endpoints only for a Service with a selector, and none for an ExternalName."""
    spec = manifest.get("spec") or {}
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName"


def expects_address(manifest: Manifest) -> bool:
    return (manifest.get("spec") or {}).get("type") == "LoadBalancer"


def has_address(live: Manifest) -> bool:
    ingress = ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return any(entry.get("ip") or entry.get("hostname") for entry in ingress)


def has_ready_endpoint(entry: Manifest) -> bool:
    # A condition that is not set counts as ready, says the API.
    return any((endpoint.get("conditions") or {}).get("ready") is not False
               for endpoint in entry.get("endpoints") or [])


def rollout(live: Manifest) -> str:
    """What is missing until this workload is rolled out, as kubectl rollout status judges it; empty when it is."""
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live.get("metadata", {}).get("generation", 1):
        return "its controller has not seen it yet"
    return _ROLLED_OUT[live.get("kind", "")](live.get("spec") or {}, status)


def _daemon_set(spec: dict[str, Any], status: dict[str, Any]) -> str:
    wanted = status.get("desiredNumberScheduled", 0)
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return ""
    return _counted(wanted, status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))


def _deployment(spec: dict[str, Any], status: dict[str, Any]) -> str:
    wanted, now = spec.get("replicas", 1), status.get("replicas", 0)
    missing = _counted(wanted, status.get("updatedReplicas", 0), status.get("availableReplicas", 0))
    return missing or (f"{now - wanted} old pods are still there" if now > wanted else "")


def _stateful_set(spec: dict[str, Any], status: dict[str, Any]) -> str:
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return ""
    return _counted(spec.get("replicas", 1), status.get("updatedReplicas", 0), status.get("readyReplicas", 0))


def _counted(wanted: int, updated: int, available: int) -> str:
    if updated < wanted:
        return f"{updated} of {wanted} pods are of the new version"
    return f"{available} of {wanted} pods are available" if available < wanted else ""


_ROLLED_OUT: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
    "DaemonSet": _daemon_set, "Deployment": _deployment, "StatefulSet": _stateful_set}
