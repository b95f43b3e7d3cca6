"""From what a person writes to complete manifests: the compact form, defaults, and what is left out."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.verify.words import plain

Manifest = dict[str, Any]

COMPACT_METADATA = ("name", "namespace", "labels", "annotations")
# A key that only a complete manifest has at its top.
COMPLETE = frozenset({"apiVersion", "kind", "metadata", "spec"})

# Kinds without a namespace. Others without one get `default`; a kind that is not known to us is left as it is.
CLUSTER_KINDS = frozenset({
    "Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "StorageClass", "PriorityClass",
    "IngressClass", "RuntimeClass", "CSIDriver", "ServiceCIDR", "IPAddress", "CustomResourceDefinition", "APIService",
    "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
})

# A default is for many Services; where a Service's own type or affinity cannot have it, it is not meant.
_ONLY_WHERE = {
    "sessionAffinityConfig": lambda spec: spec.get("sessionAffinity") == "ClientIP",
    "externalTrafficPolicy": lambda spec: spec.get("type") in ("NodePort", "LoadBalancer"),
    **dict.fromkeys(("ipFamilies", "ipFamilyPolicy"), lambda spec: spec.get("type") != "ExternalName"),
    **dict.fromkeys(("allocateLoadBalancerNodePorts", "loadBalancerClass", "loadBalancerSourceRanges"),
                    lambda spec: spec.get("type") == "LoadBalancer"),
}


@dataclass(frozen=True)
class Item:
    """A complete manifest and where it comes from ("services[2]")."""

    origin: str
    manifest: Manifest

    @property
    def label(self) -> str:
        return label(self.manifest)


def items(services: list[Any], manifests: list[Any], defaults: Manifest) -> list[Item]:
    """Everything that was given, as complete manifests in the given order."""
    found = [Item(f"services[{index}]", with_namespace(entry) if is_complete(entry) else from_compact(entry, defaults))
             for index, entry in enumerate(services)]
    return found + [Item(f"manifests[{index}]", with_namespace(entry)) for index, entry in enumerate(manifests)]


def is_complete(entry: Manifest) -> bool:
    return not COMPLETE.isdisjoint(entry)


def from_compact(entry: Manifest, defaults: Manifest) -> Manifest:
    """name, namespace, labels and annotations go to metadata, everything else is spec.

    Labels and annotations are merged key by key; any other default gives way as a whole. Null unsets a default.
    """
    merged = {**defaults, **entry}
    for key, applies in _ONLY_WHERE.items():
        if key in defaults and key not in entry and not applies(merged):
            del merged[key]
    for key in ("labels", "annotations"):
        if isinstance(defaults.get(key), dict) and isinstance(entry.get(key), dict):
            merged[key] = {**defaults[key], **entry[key]}
    metadata = {key: merged[key] for key in COMPACT_METADATA if merged.get(key) is not None}
    metadata.setdefault("namespace", "default")
    spec = {key: value for key, value in merged.items() if key not in COMPACT_METADATA and value is not None}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def with_namespace(manifest: Manifest) -> Manifest:
    """The namespace written out, so that the file does not depend on where it is applied from."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("namespace") is not None or not is_namespaced(manifest):
        return manifest
    return {**manifest, "metadata": {**metadata, "namespace": "default"}}


def is_namespaced(manifest: Manifest) -> bool:
    """Whether the kind is one of Kubernetes' own that lives in a namespace. Groups of its own end in .k8s.io or have
    no dot; anything else is an extension, which only a server can tell."""
    version, kind = manifest.get("apiVersion"), manifest.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str) or kind in CLUSTER_KINDS:
        return False
    group = version.rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def is_service(manifest: Manifest) -> bool:
    return manifest.get("apiVersion") == "v1" and manifest.get("kind") == "Service"


def label(manifest: Manifest) -> str:
    """'Service walkthrough/myapp', as people know the object."""
    metadata = manifest.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return plain(f"{manifest.get('kind') or 'object'} {place}{metadata.get('name') or '(no name)'}", 400)
