"""Kinds that no API server knows: misspelled, or under a version that never had them.

Only of Kubernetes' core group, and of kinds that everybody knows, since any other group may be an extension. Source:
the API reference of 1.37.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.services.findings import Finding, near

_CORE = ("Binding", "ComponentStatus", "ConfigMap", "Endpoints", "Event", "LimitRange", "List", "Namespace", "Node",
         "PersistentVolume", "PersistentVolumeClaim", "Pod", "PodTemplate", "ReplicationController", "ResourceQuota",
         "Secret", "Service", "ServiceAccount")
_ELSEWHERE = {
    **dict.fromkeys(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet", "ControllerRevision"), "apps/v1"),
    **dict.fromkeys(("CronJob", "Job"), "batch/v1"),
    **dict.fromkeys(("Ingress", "IngressClass", "NetworkPolicy", "ServiceCIDR", "IPAddress"), "networking.k8s.io/v1"),
    **dict.fromkeys(("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"), "rbac.authorization.k8s.io/v1"),
    "EndpointSlice": "discovery.k8s.io/v1", "PodDisruptionBudget": "policy/v1", "HorizontalPodAutoscaler":
    "autoscaling/v2", "CustomResourceDefinition": "apiextensions.k8s.io/v1", "StorageClass": "storage.k8s.io/v1",
    "PriorityClass": "scheduling.k8s.io/v1", "KubeProxyConfiguration": "kubeproxy.config.k8s.io/v1alpha1",
}
_KNOWN = (*_CORE, *_ELSEWHERE)
_OWN_GROUPS = ("apps/", "batch/", "policy/", "autoscaling/", "extensions/")


def unheard_of(manifest: dict[str, Any]) -> Iterator[Finding]:
    """The finding for a kind that there is not under this version."""
    version, kind = manifest.get("apiVersion"), manifest.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str) or not version or not kind.isalnum():
        return
    said = f'no matches for kind "{kind}" in version "{version}"'
    if "/" not in version and version != "v1":
        yield Finding("apiVersion", "NotSupported", said, f"write apiVersion: {_ELSEWHERE.get(kind, 'v1')}")
    elif version == "v1" and kind not in _CORE and not kind.endswith("List"):  # kubectl takes PodList and the like
        meant = near(kind, _KNOWN)
        if kind in _ELSEWHERE:
            yield Finding("apiVersion", "NotSupported", said, f"write apiVersion: {_ELSEWHERE[kind]}")
        else:
            yield Finding("kind", "NotSupported", said, f"write kind: {meant}" if meant else "write a kind of v1")
    elif kind == "Service" and version != "v1" and version.startswith(_OWN_GROUPS):
        yield Finding("apiVersion", "NotSupported", said, "write apiVersion: v1")
