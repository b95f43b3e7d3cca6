"""From what the API server has, and what its dry run would make of it, to the steps of a delivery. Pure."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan, Step
from ansible.module_utils.fairlead.services import render, yaml_text
from ansible.module_utils.fairlead.services.api import reason
from ansible.module_utils.fairlead.services.apply_set import NEVER_REMOVED, PART_OF, ApplySet
from ansible.module_utils.fairlead.services.connection import Answer
from ansible.module_utils.fairlead.services.model import Manifest, is_service, label
from ansible.module_utils.fairlead.services.schema import SERVER_FILLED
from ansible.module_utils.fairlead.verify.words import plain

CREATE, UPDATE, TAKE_OVER, REMOVE, RECREATE = (
    "create", "update", "take over the fields of", "remove", "delete and create again")
_SHOWN = 20
_IMMUTABLE = ("may not change once set", "field is immutable")
_NO_NODE_PORT = "may not be set to 'None'"  # the None that was left, not one that is wanted
_NOTE, _PRUNE, _LAST = 0.5, 1000, 1001  # turns: right after the Namespaces, and after all kinds


@dataclass(frozen=True)
class Intent:
    """What is wanted, and how far a delivery may go."""

    wanted: list[Manifest]
    manager: str
    apply_set: ApplySet | None = None
    prune: bool = False
    recreate: bool = False


@dataclass(frozen=True)
class Seen:
    """live: the object as it is, None when there is none; tried: the dry run's answer, None when it was not tried."""

    live: Manifest | None
    tried: Answer | None


@dataclass
class Observed:
    """seen: by label of the object; absent: namespaces that are not there; parent: the set's ConfigMap; members: what
    bears the set's label and was applied by us."""

    seen: dict[str, Seen] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    parent: Manifest | None = None
    members: list[Manifest] = field(default_factory=list)


def plan(intent: Intent, observed: Observed) -> Plan:
    """A step for each object that the server would change, and for each of ours that is no longer wanted."""
    coming = {manifest["metadata"]["name"] for manifest in intent.wanted if manifest["kind"] == "Namespace"}
    missing = sorted(observed.absent - coming)
    if missing:
        raise FairleadError(f"namespace {', '.join(missing)}", "is not in the cluster",
                            "create it, or add a Namespace to the manifests")
    anew = {label(manifest) for manifest in intent.wanted
            if _must_be_new(manifest, observed.seen[label(manifest)], intent)}
    _refuse(intent, observed, anew)
    steps = [step for manifest in intent.wanted
             for step in _steps(manifest, observed.seen[label(manifest)], intent.manager, label(manifest) in anew)]
    removed, kept = unwanted(intent, observed)
    if removed and not intent.wanted:  # most likely a variable that was not loaded
        raise FairleadError("objects", f"is empty: all {len(removed)} objects of the set would be removed",
                            "give the objects, or remove them by hand: kubectl delete --all-namespaces "
                            f"--selector {PART_OF}={intent.apply_set.id if intent.apply_set else ''} KIND")
    if intent.apply_set:
        steps = _noted(intent.apply_set, intent, observed, steps, removed)
    warnings = {f"{name}: {warning}": None for name, seen in observed.seen.items() if seen.tried
                for warning in seen.tried.warnings}
    warnings.update((f"{label(live)} is no longer wanted; it is left, since others may have objects in it", None)
                    for live in kept)
    return Plan(tuple(steps), f"the cluster has all {len(intent.wanted)} objects as wanted", tuple(warnings))


def differences(planned: Plan) -> Plan:
    """What of a plan is a difference in content: not who owns a field, and not the notes of a set."""
    steps = tuple(step for step in planned.steps if step.action != TAKE_OVER and step.turn not in (_NOTE, _LAST))
    return planned._replace(steps=steps)


def unwanted(intent: Intent, observed: Observed) -> tuple[list[Manifest], list[Manifest]]:
    """Members of the set that are not among the wanted: those to remove, and those that are never removed."""
    names = {label(manifest) for manifest in intent.wanted}
    left = [live for live in observed.members if intent.prune and label(live) not in names]
    return ([live for live in left if live["kind"] not in NEVER_REMOVED],
            [live for live in left if live["kind"] in NEVER_REMOVED])


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


def refused(answers: dict[str, Answer], immutable: bool = False) -> FairleadError:
    """One error for everything that the server refuses, with field and reason, or field and owner."""
    lines = [f"{name}: {problem}" for name, answer in answers.items() for problem in problems(answer)]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"and {len(lines) - _SHOWN} more"]
    status = {answer.status for answer in answers.values()}
    remedy = ("leave the field to its owner, or take it by force_conflicts" if 409 in status
              else "ask for it by recreate: the Service is then deleted and created again, which cuts its connections"
              if immutable else "correct the manifest" if status & {400, 422}
              else "give the user of this kubeconfig the right to do this" if " cannot " in "".join(lines)
              else "see what it says")
    return FairleadError("objects", "the API server refuses\n" + "\n".join(lines), remedy)


def problems(answer: Answer) -> list[str]:
    causes = (answer.body.get("details") or {}).get("causes") or []
    return [plain(f"{cause.get('field') or '(no field)'}: {cause.get('message') or cause.get('reason')}", 500)
            for cause in causes] or [reason(answer)]


def is_headless(manifest: Manifest) -> bool:
    spec = manifest.get("spec") or {}
    return spec.get("clusterIP") == "None" or (spec.get("clusterIPs") or [""])[0] == "None"


def _must_be_new(manifest: Manifest, seen: Seen, intent: Intent) -> bool:
    """Whether the object can only become what is wanted by being deleted and created again.

    The server refuses to change a Service's address. Leaving out `clusterIP: None` is not refused: the server keeps
    the None, and the Service stays headless.
    """
    if not is_service(manifest) or seen.live is None or seen.tried is None:
        return False
    external = (manifest.get("spec") or {}).get("type") == "ExternalName"
    stays = is_headless(seen.live) and not is_headless(manifest) and not external
    if seen.tried.ok:
        return stays and any("f:clusterIP" in (fields or {}).get("f:spec", {})
                             for fields in owned(seen.live, intent.manager))
    causes = (seen.tried.body.get("details") or {}).get("causes") or []
    words = (*_IMMUTABLE, *([_NO_NODE_PORT] if stays else []))
    return bool(causes) and all(any(word in str(cause.get("message")) for word in words) for cause in causes)


def _refuse(intent: Intent, observed: Observed, anew: set[str]) -> None:
    no = {name: seen.tried for name, seen in observed.seen.items()
          if seen.tried and not seen.tried.ok and not (intent.recreate and name in anew)}
    silent = {} if intent.recreate else {
        name: Answer(422, {"message": "spec.clusterIP: a headless Service cannot get an address"})
        for name in anew if name not in no}
    if no or silent:
        raise refused({**no, **silent}, immutable=bool(anew) and set(no) <= anew)


def _steps(manifest: Manifest, seen: Seen, manager: str, anew: bool) -> Iterator[Step]:
    name, turn = label(manifest), render.rank(manifest["kind"])
    if seen.live is None:
        yield Step(CREATE, name, "", text(manifest), manifest, turn)
        return
    result = seen.tried.body if seen.tried else {}
    before = without_noise(seen.live)
    if anew:
        yield Step(RECREATE, name, text(before), text(manifest), (seen.live, manifest), turn)
    elif before != without_noise(result):
        yield Step(UPDATE, name, text(before), text(without_noise(result)), manifest, turn)
    elif owned(seen.live, manager) != owned(result, manager):
        # Same values, but not ours to take back later: somebody else set them.
        yield Step(TAKE_OVER, name, "", "", manifest, turn)


def _noted(
    chosen: ApplySet, intent: Intent, observed: Observed, steps: list[Step], removed: list[Manifest],
) -> list[Step]:
    """The steps between two notes: before, kinds and namespaces that are old or new; after, only those still in use.

    A run that dies in between leaves a set that finds all of its members.
    """
    before, left = chosen.noted(observed.parent), chosen.contents(intent.wanted)
    if not intent.prune:
        left = left | chosen.contents(observed.members)
    kept = [live for live in observed.members if live["kind"] in NEVER_REMOVED]
    left = left | chosen.contents(kept)
    wide = before | left
    removals = [Step(REMOVE, label(live), text(without_noise(live)), "", live, _PRUNE) for live in removed]
    notes = [_note(chosen, wide, observed.parent, before, _NOTE)] if observed.parent is None or before != wide else []
    notes += [_note(chosen, left, observed.parent or {}, wide, _LAST)] if left != wide else []
    return sorted([*steps, *removals, *notes], key=lambda step: step.turn)


def _note(chosen: ApplySet, contents: Any, parent: Manifest | None, before: Any, turn: float) -> Step:
    manifest = chosen.parent(contents)
    old = "" if parent is None else text(chosen.parent(before))
    return Step(UPDATE if old else CREATE, label(manifest), old, text(manifest), manifest, turn)
