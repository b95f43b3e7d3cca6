"""Server-side apply as a plan: what the server would make of each object, compared with what it has.

Check mode and the real run share the plan, since both come from the server's own dry run. An object whose namespace is
not there yet cannot be tried; it can only be a new one.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan, Step
from ansible.module_utils.fairlead.services import render, yaml_text
from ansible.module_utils.fairlead.services.api import Answer, Api, reason
from ansible.module_utils.fairlead.services.model import Manifest, label
from ansible.module_utils.fairlead.services.schema import SERVER_FILLED
from ansible.module_utils.fairlead.verify.words import plain

MANAGED_BY = "app.kubernetes.io/managed-by"
_ATTEMPTS = 5  # at an object that somebody changes between our two looks at it
_SHOWN = 20


@dataclass(frozen=True)
class Seen:
    """live: the object as it is, None when there is none; tried: the dry run's answer, None when it was not tried."""

    live: Manifest | None
    tried: Answer | None


@dataclass
class Observed:
    """By label of the object; the namespaces that are not there; warnings of the server."""

    seen: dict[str, Seen] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()


@dataclass
class Delivery:
    """The objects to deliver, in order, and how."""

    api: Api
    wanted: list[Manifest]
    manager: str
    force: bool
    _seen: dict[str, Seen] = field(default_factory=dict)

    def observe(self) -> Observed:
        """Look at every object that was not looked at since it was last changed."""
        namespaces = {manifest["metadata"].get("namespace") for manifest in self.wanted} - {None}
        absent = frozenset(name for name in namespaces if self.api.get(f"/api/v1/namespaces/{name}") is None)
        for manifest in self.wanted:
            if label(manifest) not in self._seen:
                self._seen[label(manifest)] = self._look(manifest, absent)
        return Observed(dict(self._seen), absent)

    def plan(self, observed: Observed) -> Plan:
        return plan(self.wanted, observed, self.manager)

    def apply(self, step: Step) -> None:
        manifest: Manifest = step.data
        answer = self.api.apply(self.api.path(manifest), manifest, self.manager, self.force, dry_run=False)
        if not answer.ok:
            raise refused({label(manifest): answer})
        self._seen.pop(label(manifest), None)

    def _look(self, manifest: Manifest, absent: frozenset[str]) -> Seen:
        path = self.api.path(manifest)
        if manifest["metadata"].get("namespace") in absent:
            return Seen(None, None)
        for _attempt in range(_ATTEMPTS):
            live = self.api.get(path)
            tried = self.api.apply(path, manifest, self.manager, self.force, dry_run=True)
            # A dry run answers with the resourceVersion that it started from.
            if not tried.ok or live is None or version(live) == version(tried.body):
                break
        return Seen(live, tried)


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


def plan(wanted: list[Manifest], observed: Observed, manager: str) -> Plan:
    """A step for each object that the server would change. Pure."""
    coming = {manifest["metadata"]["name"] for manifest in wanted if manifest["kind"] == "Namespace"}
    missing = sorted(observed.absent - coming)
    if missing:
        raise FairleadError(f"namespace {', '.join(missing)}", "is not in the cluster",
                            "create it, or add a Namespace to the manifests")
    no = {name: seen.tried for name, seen in observed.seen.items() if seen.tried and not seen.tried.ok}
    if no:
        raise refused(no)
    steps = tuple(step for manifest in wanted
                  for step in _steps(manifest, observed.seen[label(manifest)], manager))
    warnings = {f"{name}: {warning}": None for name, seen in observed.seen.items() if seen.tried
                for warning in seen.tried.warnings}
    return Plan(steps, f"the cluster has all {len(wanted)} objects as wanted", tuple(warnings))


def _steps(manifest: Manifest, seen: Seen, manager: str) -> Iterator[Step]:
    if seen.live is None:
        yield Step("create", label(manifest), "", text(manifest), manifest)
        return
    result = seen.tried.body if seen.tried else {}
    before, after = without_noise(seen.live), without_noise(result)
    if before != after:
        yield Step("update", label(manifest), text(before), text(after), manifest)
    elif owned(seen.live, manager) != owned(result, manager):
        # Same values, but not ours to take back later: somebody else set them.
        yield Step("take over the fields of", label(manifest), "", "", manifest)


def without_noise(manifest: Manifest) -> Manifest:
    """What people set or the server decided, without its bookkeeping."""
    metadata = {key: value for key, value in manifest.get("metadata", {}).items() if key not in SERVER_FILLED}
    return {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": metadata}


def owned(manifest: Manifest, manager: str) -> list[Any]:
    """The fields that server-side apply has noted as this manager's."""
    entries = manifest.get("metadata", {}).get("managedFields") or []
    return [entry.get("fieldsV1") for entry in entries
            if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")]


def version(manifest: Manifest) -> Any:
    return manifest.get("metadata", {}).get("resourceVersion")


def text(manifest: Manifest) -> str:
    return yaml_text.dump(render.clean(manifest))


def refused(answers: dict[str, Answer]) -> FairleadError:
    """One error for everything that the server refuses, with field and reason, or field and owner."""
    lines = [f"{name}: {problem}" for name, answer in answers.items() for problem in problems(answer)]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"and {len(lines) - _SHOWN} more"]
    conflict = any(answer.status == 409 for answer in answers.values())
    remedy = ("leave the field to its owner, or take it by force_conflicts" if conflict
              else "correct the manifest" if any(answer.status in (400, 422) for answer in answers.values())
              else "see what it says")
    return FairleadError("objects", "the API server refuses\n" + "\n".join(lines), remedy)


def problems(answer: Answer) -> list[str]:
    causes = (answer.body.get("details") or {}).get("causes") or []
    return [plain(f"{cause.get('field') or '(no field)'}: {cause.get('message') or cause.get('reason')}", 500)
            for cause in causes] or [reason(answer)]
