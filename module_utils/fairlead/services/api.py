"""The API server as this part needs it: read, server-side apply, delete, and what kinds there are. Control node only.

Objects are plain dictionaries.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services.connection import Answer, Connection
from ansible.module_utils.fairlead.services.model import Manifest, label
from ansible.module_utils.fairlead.verify.words import plain

PAGE = 500  # objects of a list in one answer


@dataclass(frozen=True)
class Kind:
    plural: str
    namespaced: bool


@dataclass
class Api:
    """Use Api.connect(). `send` is the one way out: (method, path with query, body) to Answer."""

    send: Callable[[str, str, str | None], Answer]
    host: str
    _kinds: dict[str, dict[str, Kind]] = field(default_factory=dict)

    @classmethod
    def connect(cls, kubeconfig: str | None, context: str | None) -> Api:
        connection = Connection(kubeconfig, context)
        return cls(connection.send, connection.host)

    def get(self, path: str) -> Manifest | None:
        """The object or list at this path, or None when there is none."""
        answer = self.send("GET", path, None)
        if answer.status == 404:
            return None
        return self.granted(answer, f"read {path}").body

    def listed(self, path: str, selector: str = "") -> Iterator[Manifest] | None:
        """Every object of a list, page by page; None when the user may not list, only read single objects."""
        query = f"limit={PAGE}" + (f"&labelSelector={quote(selector, safe='')}" if selector else "")
        first = self.send("GET", f"{path}?{query}", None)
        return None if first.status in (403, 404) else self._pages(first, path, query)

    def _pages(self, answer: Answer, path: str, query: str) -> Iterator[Manifest]:
        while True:
            body = self.granted(answer, f"list {path}").body
            version, kind = body.get("apiVersion"), str(body.get("kind", "")).removesuffix("List")
            # The elements of a list do not say themselves what they are.
            yield from ({"apiVersion": version, "kind": kind, **entry} for entry in body.get("items") or [])
            more = (body.get("metadata") or {}).get("continue")
            if not more:
                return
            answer = self.send("GET", f"{path}?{query}&continue={quote(more, safe='')}", None)

    def apply(self, path: str, manifest: Manifest, manager: str, force: bool, dry_run: bool) -> Answer:
        """Server-side apply; whether it was accepted is the caller's to judge."""
        query = f"fieldManager={quote(manager, safe='')}&fieldValidation=Strict"
        query += f"&force={'true' if force else 'false'}{'&dryRun=All' if dry_run else ''}"
        return self.send("PATCH", f"{path}?{query}", json.dumps(manifest))

    def delete(self, path: str, live: Manifest) -> None:
        """This very object, not one of the same name that somebody made meanwhile; gone already is fine."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
                   "preconditions": {"uid": live["metadata"]["uid"]}}
        answer = self.send("DELETE", path, json.dumps(options))
        if answer.status != 404:
            self.granted(answer, f"delete {label(live)}")

    def granted(self, answer: Answer, what: str) -> Answer:
        if not answer.ok:
            remedy = {401: "name a kubeconfig whose credentials are valid",
                      403: "give its user the right to do this"}.get(answer.status, "look at the API server's log")
            raise FairleadError(self.host, f"the API server refuses to {what}: {reason(answer)}", remedy)
        return answer

    def kind(self, manifest: Manifest) -> Kind:
        """What this server knows of the object's kind; asked once per API version."""
        version, name = manifest["apiVersion"], manifest["kind"]
        known = self._known(version).get(name)
        if known is None:
            raise FairleadError(label(manifest), f'this API server knows no kind "{name}" in version "{version}"',
                                "write a version that it serves (kubectl api-resources lists them)")
        return known

    def kind_of_group(self, group: str, name: str) -> tuple[str, Kind] | None:
        """The preferred version of a group and the kind in it; None when this server no longer knows it."""
        version = "v1"
        if group:
            preferred = ((self.get(f"/apis/{quote(group, safe='')}") or {}).get("preferredVersion") or {})
            version = preferred.get("groupVersion") or ""
        known = self._known(version).get(name) if version else None
        return (version, known) if known else None

    def path(self, manifest: Manifest) -> str:
        """Where this object lies."""
        return f"{self.folder(manifest)}/{quote(manifest['metadata']['name'], safe='')}"

    def folder(self, manifest: Manifest) -> str:
        """Where all objects of its kind and namespace lie."""
        return folder(manifest["apiVersion"], self.kind(manifest), manifest["metadata"].get("namespace"))

    def _known(self, version: str) -> dict[str, Kind]:
        if version not in self._kinds:
            listed = (self.get(_root(version)) or {}).get("resources") or []
            self._kinds[version] = {entry["kind"]: Kind(entry["name"], entry["namespaced"]) for entry in listed
                                    if "/" not in entry["name"]}
        return self._kinds[version]


def folder(version: str, kind: Kind, namespace: str | None) -> str:
    """The path of a list; without a namespace that of the whole cluster."""
    place = f"/namespaces/{quote(namespace, safe='')}" if kind.namespaced and namespace else ""
    return f"{_root(version)}{place}/{kind.plural}"


def reason(answer: Answer) -> str:
    return plain(answer.body.get("message") or f"HTTP status {answer.status}", 1000).rstrip(".")


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
