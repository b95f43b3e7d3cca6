"""What of a workload matters to a Service: its namespace, the labels of its pods, their named ports."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.services.model import label
from ansible.module_utils.fairlead.verify.words import listed

# Where the pod template lies in each kind; an empty path is the object itself.
_TEMPLATES = {
    "Pod": (), **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job"),
                               ("spec", "template")),
    "CronJob": ("spec", "jobTemplate", "spec", "template")}
_GROUPS = ("v1", "apps/", "batch/", "extensions/")


@dataclass(frozen=True)
class Workload:
    """ports: (name, protocol) of the named ports of its containers."""

    label: str
    namespace: Any
    labels: dict[str, Any]
    ports: frozenset[tuple[str, str]]

    def has(self, selector: dict[str, Any]) -> bool:
        return all(self.labels.get(key) == value for key, value in selector.items())

    def shown(self) -> str:
        return listed(f"{key}: {value}" for key, value in self.labels.items()) or "it has none"


def workload(manifest: dict[str, Any]) -> Workload | None:
    """None for a kind that runs no pods."""
    kind, version = manifest.get("kind"), manifest.get("apiVersion")
    if kind not in _TEMPLATES or not str(version).startswith(_GROUPS):
        return None
    template: Any = manifest
    for key in _TEMPLATES[kind]:
        template = _mapping(template.get(key))
    labels, spec = _mapping(_mapping(template.get("metadata")).get("labels")), _mapping(template.get("spec"))
    containers = [one for key in ("containers", "initContainers") for one in _list(spec.get(key))]
    ports = frozenset((str(port["name"]), str(port.get("protocol") or "TCP")) for one in containers
                      for port in _list(one.get("ports")) if port.get("name"))
    return Workload(label(manifest), _mapping(manifest.get("metadata")).get("namespace"), labels, ports)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
