"""Which objects are ours, noted in the cluster itself in the way of KEP-3659 (ApplySet), so that any tool can tell.

A ConfigMap stands for the set; each member bears its id as a label. The ConfigMap lists the kinds and namespaces in
which there are members, so that they can be found. `kubectl apply --prune --applyset` does the same.
"""
from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services.model import Manifest, label

_GROUP = "applyset.kubernetes.io"
ID, PART_OF = f"{_GROUP}/id", f"{_GROUP}/part-of"
TOOLING, KINDS, NAMESPACES = f"{_GROUP}/tooling", f"{_GROUP}/contains-group-kinds", f"{_GROUP}/additional-namespaces"
TOOL = "fairlead"
_VERSION = "v1"  # of what we note, not of the program: a new release alone changes nothing in a cluster

# Removing one of these removes what others keep in it or of it.
NEVER_REMOVED = frozenset({"Namespace", "CustomResourceDefinition"})


@dataclass(frozen=True)
class Contents:
    """kinds: "Service", "DaemonSet.apps"; namespaces without that of the set itself."""

    kinds: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()

    def __or__(self, other: Contents) -> Contents:
        return Contents(self.kinds | other.kinds, self.namespaces | other.namespaces)


@dataclass(frozen=True)
class ApplySet:
    """Known by the namespace and name of its ConfigMap."""

    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str) -> ApplySet:
        """'NAMESPACE/NAME'."""
        namespace, _slash, name = text.partition("/")
        if not namespace or not name or "/" in name:
            raise FairleadError("apply_set", "is not the place of a ConfigMap", "write NAMESPACE/NAME", text)
        return cls(namespace, name)

    @property
    def id(self) -> str:
        return set_id(self.name, self.namespace, "ConfigMap")

    def parent(self, contents: Contents) -> Manifest:
        """The ConfigMap that says so. It holds no data."""
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": self.name, "namespace": self.namespace, "labels": {ID: self.id},
            "annotations": {TOOLING: f"{TOOL}/{_VERSION}", KINDS: ",".join(sorted(contents.kinds)),
                            NAMESPACES: ",".join(sorted(contents.namespaces))}}}

    def contents(self, manifests: Iterable[Manifest]) -> Contents:
        manifests = list(manifests)
        namespaces = {manifest["metadata"].get("namespace") for manifest in manifests} - {None, self.namespace}
        return Contents(frozenset(map(group_kind, manifests)), frozenset(namespaces))

    def noted(self, parent: Manifest | None) -> Contents:
        """What the ConfigMap in the cluster says. Raises FairleadError when it is not ours."""
        if parent is None:
            return Contents()
        metadata = parent["metadata"]
        notes = metadata.get("annotations") or {}
        tool = str(notes.get(TOOLING, "")).rpartition("/")[0]
        if (metadata.get("labels") or {}).get(ID) != self.id or tool != TOOL:
            owner = f"belongs to {tool}" if tool else "is no set of Fairlead's"
            raise FairleadError(label(parent), owner,
                                "name another apply_set, or remove that object if nothing needs it")
        return Contents(_listed(notes.get(KINDS)), _listed(notes.get(NAMESPACES)))


def set_id(name: str, namespace: str, kind: str) -> str:
    """As KEP-3659 computes it, for an object that stands for a set and is of no group."""
    digest = hashlib.sha256(f"{name}.{namespace}.{kind}.".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


def group_kind(manifest: Manifest) -> str:
    group = manifest["apiVersion"].rpartition("/")[0]
    return f"{manifest['kind']}.{group}" if group else manifest["kind"]


def is_ours(live: Manifest, manager: str) -> bool:
    """Whether we applied it ourselves. A controller copies a Service's labels to what it makes of it, ours among them;
    those copies have an owner and another manager."""
    metadata = live["metadata"]
    return not metadata.get("ownerReferences") and not metadata.get("deletionTimestamp") and any(
        entry.get("manager") == manager and entry.get("operation") == "Apply"
        for entry in metadata.get("managedFields") or [])


def _listed(text: str | None) -> frozenset[str]:
    return frozenset(part for part in (text or "").split(",") if part)
