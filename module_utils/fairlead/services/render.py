"""From manifests to the text of every file. Pure, and the same bytes for the same objects in whatever order of keys."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible.module_utils.fairlead.files import OWNER_LINE
from ansible.module_utils.fairlead.services import yaml_text
from ansible.module_utils.fairlead.services.model import Manifest
from ansible.module_utils.fairlead.services.paths import KUSTOMIZATION, path
from ansible.module_utils.fairlead.services.schema import SERVER_FILLED

HEADER = f"{OWNER_LINE}\n---\n"

# The order in which people look for things. Everything deeper is alphabetical, as kubectl prints it.
_TOP = ("apiVersion", "kind", "metadata", "spec")
_METADATA = ("name", "namespace", "labels", "annotations")

# The order of delivery. Services come before workloads, since a pod gets environment variables only for Services that
# exist when it starts. What is not named here goes in between.
_BEFORE = ("Namespace", "CustomResourceDefinition", "ServiceCIDR", "PriorityClass", "IngressClass", "StorageClass",
           "ServiceAccount", "Secret", "ConfigMap", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
           "Service", "Endpoints", "EndpointSlice")
_AFTER = ("Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
_RANK = {kind: rank for rank, kind in enumerate((*_BEFORE, "", *_AFTER))}


def rank(kind: str) -> int:
    """The place of a kind in the order of delivery; kinds of one rank do not depend on each other."""
    return _RANK.get(kind, _RANK[""])


def in_order(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Clean manifests in the order of delivery."""
    return sorted(map(clean, manifests), key=lambda manifest: (rank(manifest["kind"]), path(manifest)))


def clean(manifest: Manifest) -> Manifest:
    """Only what the user set: no nulls, nothing that the server fills in; keys in a fixed order."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in SERVER_FILLED}
    parts = {**manifest, "metadata": _ordered(metadata, _METADATA)}
    parts.pop("status", None)
    return _ordered(parts, _TOP)


def files(ordered: Iterable[Manifest]) -> dict[str, str]:
    """Relative path to text, for manifests from in_order(); nothing at all for none of them."""
    texts = {path(manifest): HEADER + yaml_text.dump(manifest) for manifest in ordered}
    if texts:
        texts[KUSTOMIZATION] = HEADER + yaml_text.dump({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(texts)})
    return texts


def _ordered(mapping: dict[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    keys = [key for key in first if key in mapping] + sorted(key for key in mapping if key not in first)
    return {key: value if key == "metadata" else _plain(value) for key in keys
            if (value := mapping[key]) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(element) if isinstance(element, (dict, list)) else element
                for key, element in sorted(value.items()) if element is not None}
    if isinstance(value, list):
        return [_plain(element) if isinstance(element, (dict, list)) else element for element in value]
    return value
