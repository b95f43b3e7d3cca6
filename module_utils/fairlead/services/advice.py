"""Advice on Services that the API server accepts: it cannot see what is meant, or says it too late. Pure."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible.module_utils.fairlead.services import names
from ansible.module_utils.fairlead.services.facts import Facts
from ansible.module_utils.fairlead.services.findings import ADVICE, Finding
from ansible.module_utils.fairlead.services.layer7 import of_annotations
from ansible.module_utils.fairlead.services.model import Item, Manifest, is_service
from ansible.module_utils.fairlead.services.repository import Placed
from ansible.module_utils.fairlead.services.workloads import Workload, workload

RELAXED_NAMES = (1, 37)  # from here on a Service's name may start with a digit
_SHOWN = 5


def advice(items: Iterable[Item], facts: Facts) -> Iterator[Placed]:
    """Each with the item that it concerns."""
    items = list(items)
    workloads = _by_namespace(items)
    band = static_band(facts.node_ports)
    for item in items:
        if not is_service(item.manifest):
            continue
        spec = item.manifest.get("spec") or {}
        found = [*_name(item.manifest, facts), *of_annotations(item.manifest), *_node_ports(spec, band),
                 *_selected(item.manifest, spec, workloads), *_without_effect(spec)]
        for finding in found:
            yield item, finding


def static_band(ports: range) -> range:
    """The lower part of the node ports, from which the server takes a port by itself only when the rest is used up
    (KEP-3668; pkg/registry/core/service/portallocator)."""
    return ports[:min(max(16, len(ports) // 32), 128)] if len(ports) >= 16 else ports[:0]


def hint(field: str, message: str, fix: str, reason: str = "Invalid") -> Finding:
    return Finding(field, reason, message, fix, ADVICE)


def _name(manifest: dict[str, Any], facts: Facts) -> Iterator[Finding]:
    name = manifest["metadata"].get("name")
    if name and facts.kubernetes_version >= RELAXED_NAMES and names.dns_1035_label(name):
        yield hint("metadata.name", f'only Kubernetes 1.37 and later accept "{name}" as the name of a Service',
                   "start it with a letter: older servers and many tools refuse it")


def _node_ports(spec: dict[str, Any], band: range) -> Iterator[Finding]:
    for index, port in enumerate(spec.get("ports") or []):
        number = port.get("nodePort")
        if number and band and number not in band:
            yield hint(f"spec.ports[{index}].nodePort",
                       f"{number} is a port that the API server may give to another Service before this one is applied",
                       f"write a port of {band.start}-{band.stop - 1}, which are kept for explicit choice")


def _without_effect(spec: dict[str, Any]) -> Iterator[Finding]:
    if spec.get("sessionAffinityConfig") and spec.get("sessionAffinity", "None") == "None":
        yield hint("spec.sessionAffinityConfig", "has no effect without affinity: the API server drops it",
                   "write sessionAffinity: ClientIP, or drop it")
    if spec.get("loadBalancerIP"):
        yield hint("spec.loadBalancerIP", "deprecated since Kubernetes 1.24, and many load balancers ignore it",
                   "use the annotation that your load balancer's documentation names")
    if spec.get("type") == "ExternalName" and spec.get("selector"):
        yield hint("spec.selector", "has no effect: an ExternalName is only a name in DNS", "drop it, or drop the type")


def _by_namespace(items: Iterable[Item]) -> dict[Any, list[Workload]]:
    found: dict[Any, list[Workload]] = {}
    for item in items:
        made = workload(item.manifest)
        if made:
            found.setdefault(made.namespace, []).append(made)
    return found


def _selected(manifest: Manifest, spec: Manifest, workloads: dict[Any, list[Workload]]) -> Iterator[Finding]:
    """Without any workload beside it the Service may well be meant for pods from elsewhere."""
    selector = spec.get("selector")
    if not selector or not workloads or spec.get("type") == "ExternalName":
        return
    namespace = manifest["metadata"].get("namespace")
    here = workloads.get(namespace, [])
    chosen = [one for one in here if one.has(selector)]
    if chosen:
        yield from _target_ports(spec, chosen)
        return
    elsewhere = [one for some in workloads.values() for one in some if one.has(selector)]
    here = [one for one in here if one.labels]
    near = [one for one in here if any(one.labels.get(key) == value for key, value in selector.items())] or here
    fix = (f"write namespace: {elsewhere[0].namespace}, where {elsewhere[0].label} has these labels" if elsewhere
           else f"write labels of {near[0].label}: {near[0].shown()}" if near
           else "add the workload, or correct the selector")
    yield hint("spec.selector", "matches no workload in these manifests, so the Service has no endpoints", fix)


def _target_ports(spec: dict[str, Any], chosen: list[Workload]) -> Iterator[Finding]:
    for index, port in enumerate(spec.get("ports") or []):
        target, protocol = port.get("targetPort"), port.get("protocol") or "TCP"
        if not isinstance(target, str) or any((target, protocol) in one.ports for one in chosen):
            continue
        known = sorted({f"{name} ({its})" if its != protocol else name for one in chosen for name, its in one.ports})
        fix = (f"write one of {', '.join(known[:_SHOWN])}, or a number" if known
               else f"give a container of {chosen[0].label} a port of this name, or write a number")
        yield hint(f"spec.ports[{index}].targetPort",
                   f'no container of {chosen[0].label} has a {protocol} port named "{target}"', fix)
