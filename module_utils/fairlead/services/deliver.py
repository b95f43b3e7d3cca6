"""Server-side apply: what the server would make of each object, compared with what it has, and doing it.

Check mode and the real run share the plan, since both come from the server's own dry run. An object whose namespace is
not there yet cannot be tried; it can only be a new one. Requests run several at once over connections that stay open.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan, Step
from ansible.module_utils.fairlead.services import foregone, render
from ansible.module_utils.fairlead.services.api import Api, folder
from ansible.module_utils.fairlead.services.apply_set import PART_OF, ApplySet, Contents, is_ours
from ansible.module_utils.fairlead.services.connection import TOGETHER, Answer
from ansible.module_utils.fairlead.services.delivery_plan import (
    RECREATE,
    REMOVE,
    Intent,
    Observed,
    Seen,
    plan,
    refused,
    version,
)
from ansible.module_utils.fairlead.services.model import Manifest, label

MANAGED_BY = "app.kubernetes.io/managed-by"
GONE_SECONDS = 60  # for a deleted Service to be gone; finalizers of a load balancer take their time
_ATTEMPTS = 5  # at an object that somebody changes between our two looks at it
_FEW = 3  # objects of one kind and namespace; more are listed in one request

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass
class Delivery:
    """One delivery to one API server.

    force:     take fields that somebody else owns
    only_look: compare what is there with the manifests alone, whoever applied it
    certain:   whether the server is known to accept this object, so that a new one need not be tried before
    """

    api: Api
    intent: Intent
    force: bool = False
    only_look: bool = False
    certain: Callable[[Manifest], bool] = lambda _manifest: False
    _seen: dict[str, Seen] = field(default_factory=dict)
    _applied: dict[str, Any] = field(default_factory=dict)  # label to the version that our own apply made

    def observe(self) -> Observed:
        """Look at every object that was not looked at since it was last changed."""
        wanted = self.intent.wanted
        own = {self.intent.apply_set.namespace} if self.intent.apply_set else set()
        namespaces = sorted({manifest["metadata"].get("namespace") or "" for manifest in wanted} - {""} | own)
        absent = frozenset(namespaces) - self._existing(namespaces)
        left = [manifest for manifest in wanted if label(manifest) not in self._seen]
        live = self._live([one for one in left if one["metadata"].get("namespace") not in absent])
        looks = at_once(lambda manifest: self._look(manifest, live.get(label(manifest)), absent), left)
        self._seen.update((label(manifest), seen) for manifest, seen in zip(left, looks))
        parent, members = self._set()
        return Observed(dict(self._seen), absent, parent, members)

    def plan(self, observed: Observed) -> Plan:
        return plan(self.intent, observed)

    def apply(self, step: Step) -> None:
        if step.action == REMOVE:
            self.api.delete(self.api.path(step.data), step.data)
        elif step.action == RECREATE:
            self._recreate(*step.data)
        else:
            self._apply(step.data)

    def _apply(self, manifest: Manifest) -> None:
        answer = self.api.apply(self.api.path(manifest), manifest, self.intent.manager, self.force, dry_run=False)
        if not answer.ok:
            raise refused({label(manifest): answer})
        self._seen.pop(label(manifest), None)
        self._applied[label(manifest)] = version(answer.body)

    def _recreate(self, live: Manifest, manifest: Manifest) -> None:
        """Delete, wait until it is gone, create. What the server then refuses is put back as it was."""
        path = self.api.path(manifest)
        self.api.delete(path, live)
        deadline = time.monotonic() + GONE_SECONDS
        while self.api.get(path) is not None:
            if time.monotonic() > deadline:
                raise FairleadError(label(manifest), f"was deleted and is still there after {GONE_SECONDS} s",
                                    "see which finalizer holds it (kubectl get --output yaml), then run again")
            time.sleep(0.1)
        try:
            self._apply(manifest)
        except FairleadError:
            self.api.apply(path, render.clean(live), self.intent.manager, True, dry_run=False)
            raise

    def _existing(self, namespaces: list[str]) -> set[str]:
        listed = self.api.listed("/api/v1/namespaces") if len(namespaces) > _FEW else None
        if listed is not None:
            return {one["metadata"]["name"] for one in listed}
        found = at_once(lambda name: self.api.get(f"/api/v1/namespaces/{name}"), namespaces)
        return {name for name, namespace in zip(namespaces, found) if namespace is not None}

    def _live(self, manifests: list[Manifest]) -> dict[str, Manifest]:
        """The objects that there are, by label: listed where there are several of a kind, else one by one."""
        folders: dict[str, list[Manifest]] = {}
        for manifest in manifests:
            folders.setdefault(self.api.folder(manifest), []).append(manifest)
        found: dict[str, Manifest] = {}
        single: list[Manifest] = []
        for place, some in folders.items():
            listed = self.api.listed(place) if len(some) > _FEW else None
            if listed is None:
                single += some
            else:
                names = {manifest["metadata"]["name"] for manifest in some}
                found.update((label(one), one) for one in listed if one["metadata"]["name"] in names)
        for manifest, live in zip(single, at_once(lambda one: self.api.get(self.api.path(one)), single)):
            if live is not None:
                found[label(manifest)] = live
        return found

    def _look(self, manifest: Manifest, live: Manifest | None, absent: frozenset[str]) -> Seen:
        if manifest["metadata"].get("namespace") in absent or (live is None and self.certain(manifest)):
            return Seen(None, None)
        if live is not None and version(live) == self._applied.get(label(manifest)):
            return Seen(live, Answer(200, live))  # nobody has touched it since we applied it
        path = self.api.path(manifest)
        for attempt in range(_ATTEMPTS):
            live = self.api.get(path) if attempt else live
            wanted = _marked_like(live, manifest) if self.only_look and live else manifest
            tried = self.api.apply(path, wanted, self.intent.manager, self.force or self.only_look, dry_run=True)
            # A dry run answers with the resourceVersion that it started from, and with none for a new object.
            if not tried.ok or (version(tried.body) or None) == (version(live) if live else None):
                break
        return Seen(live, tried)

    def _set(self) -> tuple[Manifest | None, list[Manifest]]:
        """The set's ConfigMap, and the members of the kinds that it lists."""
        chosen = self.intent.apply_set
        if chosen is None:
            return None, []
        parent = self.api.get(self.api.path(chosen.parent(Contents())))
        noted = chosen.noted(parent)
        members = [one for kind in sorted(noted.kinds) for one in self._members(chosen, kind, noted)]
        return parent, [one for one in members if is_ours(one, self.intent.manager)]

    def _members(self, chosen: ApplySet, group_kind: str, noted: Contents) -> Iterable[Manifest]:
        name, _dot, group = group_kind.partition(".")
        known = self.api.kind_of_group(group, name)
        if known is None:  # the server serves this kind no longer, so there is none of it
            return
        selector = f"{PART_OF}={chosen.id}"
        everywhere = self.api.listed(folder(*known, None), selector)
        if everywhere is not None:
            yield from everywhere
            return
        for namespace in sorted(noted.namespaces | {chosen.namespace}):  # a user with rights in namespaces only
            yield from self.api.listed(folder(*known, namespace), selector) or ()


def delivery(
    api: Api, objects: list[Any], labels: dict[str, str], manager: str, *, apply_set: str | None = None,
    prune: bool = False, recreate: bool = False, force: bool = False, try_all: bool = True,
) -> Delivery:
    """The delivery of these objects. Raises FairleadError for what is no object.

    try_all: ask the server's dry run of every object. Else not of a new Service that it will accept, see foregone.py;
    half of the work of a first delivery is trying.
    """
    chosen = ApplySet.parse(apply_set) if apply_set else None
    if prune and not chosen:
        raise FairleadError("prune", "needs a set to know what is ours", "name one by apply_set")
    wanted = prepare(api, objects, {**labels, **({PART_OF: chosen.id} if chosen else {})})
    intent = Intent(wanted, manager, chosen, bool(chosen) and prune, recreate)
    return Delivery(api, intent, force) if try_all else Delivery(api, intent, force, certain=foregone.acceptance(api))


def comparison(api: Api, objects: list[Any], manager: str, apply_set: str | None = None) -> Delivery:
    """For looking only. With a set, its members that are not among the objects are differences as well."""
    chosen = ApplySet.parse(apply_set) if apply_set else None
    return Delivery(api, Intent(prepare(api, objects, {}), manager, chosen, bool(chosen), True), only_look=True)


def _marked_like(live: Manifest, manifest: Manifest) -> Manifest:
    """The manifest with the labels by which a delivery has marked the object: they are no difference."""
    labels = live["metadata"].get("labels") or {}
    marks = {key: labels[key] for key in (MANAGED_BY, PART_OF) if key in labels}
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "labels": {**marks, **(metadata.get("labels") or {})}}}


def prepare(api: Api, objects: list[Any], labels: dict[str, str]) -> list[Manifest]:
    """The objects as they are applied: in order, with a namespace where the kind has one, with our labels added."""
    for index, manifest in enumerate(objects):
        metadata = manifest.get("metadata")
        for name, value in (("apiVersion", manifest.get("apiVersion")), ("kind", manifest.get("kind")),
                            ("metadata.name", metadata.get("name") if isinstance(metadata, dict) else None)):
            if not isinstance(value, str) or not value:
                raise FairleadError(f"objects[{index}].{name}", "must be a text that is not empty",
                                    "give complete manifests, for instance those that service_manifests returns")
    return render.in_order(_prepared(api, manifest, labels) for manifest in objects)


def _prepared(api: Api, manifest: Manifest, labels: dict[str, str]) -> Manifest:
    metadata = dict(manifest["metadata"])
    if api.kind(manifest).namespaced:
        metadata["namespace"] = metadata.get("namespace") or "default"
    else:
        metadata.pop("namespace", None)
    metadata["labels"] = {**labels, **(metadata.get("labels") or {})}
    return {**manifest, "metadata": metadata}


def at_once(ask: Callable[[Given], Made], given: list[Given]) -> list[Made]:
    """The answers in order, several requests at a time."""
    if len(given) <= 1:
        return [ask(one) for one in given]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - costs more than a single request

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(ask, given))
