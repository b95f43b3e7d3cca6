"""From what a person writes to complete manifests: the compact form, defaults, and what is left out."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import slices
from ansible.module_utils.fairlead.verify.words import plain

Manifest = dict[str, Any]

COMPACT_METADATA = ("name", "namespace", "labels", "annotations")
ENDPOINTS = "endpoints"  # of the compact form only: addresses for a Service without selector
GROUP = ("defaults", "services")
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
class Source:
    """A file and where in it each field of the complete manifest stands (see reading/places.py)."""

    file: str
    place: Any


@dataclass(frozen=True)
class Item:
    """A complete manifest and where it comes from ("services[2]"); `source` when that is a file."""

    origin: str
    manifest: Manifest
    source: Source | None = None

    @property
    def label(self) -> str:
        return label(self.manifest)


def items(
    services: list[Any], manifests: list[Any], defaults: Manifest, groups: list[Any] | None = None,
) -> list[Item]:
    """Everything that was given, as complete manifests in the given order.

    groups: [{"defaults": {...}, "services": [...]}]; the defaults of a group come on top of those for all.
    """
    found = [item for index, entry in enumerate(services) for item in expand(f"services[{index}]", entry, defaults)]
    for number, group in enumerate(groups or []):
        origin = f"groups[{number}]"
        check_group(origin, group)
        below = combined(defaults, group.get("defaults") or {})
        found += [item for index, entry in enumerate(group.get("services") or [])
                  for item in expand(f"{origin}.services[{index}]", entry, below)]
    return found + [Item(f"manifests[{index}]", with_namespace(entry)) for index, entry in enumerate(manifests)]


def expand(origin: str, entry: Manifest, defaults: Manifest) -> Iterator[Item]:
    """A Service as one item, and the EndpointSlices that its compact form asks for."""
    if is_complete(entry):
        yield Item(origin, with_namespace(entry))
        return
    service = from_compact(entry, defaults)
    yield Item(origin, service)
    if entry.get(ENDPOINTS) is not None:
        yield from (Item(f"{origin}.{ENDPOINTS}", manifest) for manifest, _ in slices.of(service, entry[ENDPOINTS]))


def check_group(origin: str, group: Any) -> None:
    """Raise FairleadError for what is not a group."""
    if not isinstance(group, dict):
        raise FairleadError(origin, "is not a group", "write a mapping with services and, if you like, defaults")
    for key, value in group.items():
        if key not in GROUP:
            raise FairleadError(f"{origin}.{plain(key)}", "is not a part of a group", f"write {' or '.join(GROUP)}")
        wanted = dict if key == "defaults" else list
        if value is not None and not isinstance(value, wanted):
            raise FairleadError(f"{origin}.{key}", *(
                ("is not a mapping", "write the fields of a Service below it") if wanted is dict
                else ("is not a list", "write - before each Service")))
    for index, entry in enumerate(group.get("services") or []):
        if not isinstance(entry, dict):
            raise FairleadError(f"{origin}.services[{index}]", "is not a mapping",
                                "write the fields of one Service below it")


def combined(defaults: Manifest, more: Manifest) -> Manifest:
    """Defaults with others on top, labels and annotations key by key."""
    merged = {**defaults, **more}
    for key in ("labels", "annotations"):
        if isinstance(defaults.get(key), dict) and isinstance(more.get(key), dict):
            merged[key] = {**defaults[key], **more[key]}
    return merged


def is_complete(entry: Manifest) -> bool:
    return not COMPLETE.isdisjoint(entry)


def from_compact(entry: Manifest, defaults: Manifest) -> Manifest:
    """name, namespace, labels and annotations go to metadata, everything else is spec.

    Labels and annotations are merged key by key; any other default gives way as a whole. Null unsets a default.
    """
    merged = combined(defaults, entry)
    for key, applies in _ONLY_WHERE.items():
        if key in defaults and key not in entry and not applies(merged):
            del merged[key]
    merged.pop(ENDPOINTS, None)
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
