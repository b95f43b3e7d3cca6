"""API versions that Kubernetes no longer serves, and what to write instead."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.services.findings import Finding, required

# (apiVersion, kind): (the version today, what else differs, Kubernetes release that removed it)
_WORKLOADS = {
    "DaemonSet": "spec.updateStrategy is now RollingUpdate unless set (it was OnDelete in extensions/v1beta1), and "
                 "spec.templateGeneration is gone",
    "Deployment": "spec.rollbackTo is gone, and spec.progressDeadlineSeconds is now 600 unless set",
    "ReplicaSet": "",
    "StatefulSet": "spec.updateStrategy is now RollingUpdate unless set (it was OnDelete in apps/v1beta1)",
}
_INGRESS = ("each path needs pathType, and its backend is service.name and service.port.number instead of "
            "serviceName and servicePort")
REMOVED = {
    **{("extensions/v1beta1", kind): ("apps/v1", also, "1.16") for kind, also in _WORKLOADS.items()
       if kind != "StatefulSet"},
    **{("apps/v1beta1", kind): ("apps/v1", also, "1.16") for kind, also in _WORKLOADS.items()},
    **{("apps/v1beta2", kind): ("apps/v1", also, "1.16") for kind, also in _WORKLOADS.items()},
    ("extensions/v1beta1", "NetworkPolicy"): ("networking.k8s.io/v1", "", "1.16"),
    ("extensions/v1beta1", "Ingress"): ("networking.k8s.io/v1", _INGRESS, "1.22"),
    ("networking.k8s.io/v1beta1", "Ingress"): ("networking.k8s.io/v1", _INGRESS, "1.22"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): (
        "discovery.k8s.io/v1", "endpoints[].topology is now nodeName and zone", "1.25"),
}
SELECTING = frozenset(_WORKLOADS)  # kinds of apps/v1 that must say which pods are theirs


def removed(manifest: dict[str, Any]) -> Iterator[Finding]:
    """The finding for a manifest on a removed version, with the selector to add taken from its own template."""
    version, kind = manifest.get("apiVersion"), manifest.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str) or (version, kind) not in REMOVED:
        return
    today, also, release = REMOVED[version, kind]
    advice = [f"write apiVersion: {today}"]
    if kind in SELECTING and not _spec(manifest).get("selector"):
        advice.append(f"add spec.selector: {selector_for(manifest)}, which is required there")
    if also:
        advice.append(also)
    yield Finding("apiVersion", "NotSupported",
                  f'no matches for kind "{kind}" in version "{version}": removed in Kubernetes {release}',
                  "; ".join(advice))


def selecting(manifest: dict[str, Any]) -> Iterator[Finding]:
    """What apps/v1 asks of the selector of a workload."""
    selector = _spec(manifest).get("selector")
    if not selector:
        yield required("spec.selector", f"add spec.selector: {selector_for(manifest)}")
        return
    wanted = selector.get("matchLabels") if isinstance(selector, dict) else None
    labels = template_labels(manifest)
    missing = {key: value for key, value in (wanted or {}).items() if labels.get(key) != value} \
        if isinstance(wanted, dict) else {}
    if missing:
        yield Finding("spec.template.metadata.labels", "Invalid",
                      "Invalid value: `selector` does not match template `labels`",
                      f"add {_inline(missing)} to spec.template.metadata.labels")


def selector_for(manifest: dict[str, Any]) -> str:
    labels = template_labels(manifest)
    return f"{{matchLabels: {_inline(labels)}}}" if labels else "{matchLabels: the labels of spec.template}"


def template_labels(manifest: dict[str, Any]) -> dict[str, Any]:
    node: Any = _spec(manifest)
    for key in ("template", "metadata", "labels"):
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def _spec(manifest: dict[str, Any]) -> dict[str, Any]:
    spec = manifest.get("spec")
    return spec if isinstance(spec, dict) else {}


def _inline(labels: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in labels.items()) + "}"
