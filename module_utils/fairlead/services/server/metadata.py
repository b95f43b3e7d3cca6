"""What the API server says of an object's metadata (apimachinery/pkg/api/validation/objectmeta.go and the finalizers'
rule of pkg/apis/core/validation: ValidateObjectMeta, ValidateObjectMetaUpdate)."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible.module_utils.fairlead.services import names
from ansible.module_utils.fairlead.services.findings import Finding, forbidden, invalid, required, too_long
from ansible.module_utils.fairlead.services.server.rules import Rules

Metadata = dict[str, Any]
NameRule = Callable[[str, bool], tuple[str, ...]]

ANNOTATIONS_SIZE = 256 * 1024
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_GENERATED_LENGTH = 58  # of the 63 characters of a name, five are drawn


def service_name(rules: Rules) -> NameRule:
    """ValidateServiceName, or NameIsDNSLabel with the gate RelaxedServiceNameValidation (KEP-5311)."""
    rule = names.dns_1123_label if rules.relaxed_names else names.dns_1035_label
    return lambda name, prefix: rule(names.before_suffix(name) if prefix else name)


def generated_name(metadata: Metadata) -> str:
    """The name, or one as SimpleNameGenerator would draw it."""
    base = metadata.get("generateName")
    return metadata.get("name") or (f"{base[:_GENERATED_LENGTH]}bcdfg" if base else "")


def create(metadata: Metadata, rules: Rules) -> Iterator[Finding]:
    """ValidateObjectMeta of a Service."""
    yield from every(metadata, service_name(rules), rules)
    yield from _kube_finalizers(metadata)


def every(metadata: Metadata, name_rule: NameRule, rules: Rules) -> Iterator[Finding]:
    """ValidateObjectMetaAccessor."""
    base, name = metadata.get("generateName"), generated_name(metadata)
    if base:
        for problem in name_rule(base, True):
            yield invalid("metadata.generateName", base, problem, "write the beginning of a name, like my-name-")
    if not name:
        yield required("metadata.name", "name the object", "name or generateName is required")
    else:
        for problem in name_rule(name, False):
            yield invalid("metadata.name", name, problem, "write a name like my-name")
    # An empty namespace is filled in from the request.
    for problem in names.dns_1123_label(metadata["namespace"]) if metadata.get("namespace") else ():
        yield invalid("metadata.namespace", metadata["namespace"], problem, "write the name of a namespace")
    yield from _generation(metadata)
    yield from _common(metadata, rules)
    yield from _finalizers(metadata)


def update(old: Metadata, new: Metadata, rules: Rules) -> Iterator[Finding]:
    """ValidateObjectMetaUpdate. What the server takes over from the old object by itself is not judged."""
    added = set(new.get("finalizers", ())) - set(old.get("finalizers", ()))
    if old.get("deletionTimestamp") and added:
        yield forbidden("metadata.finalizers", "no new finalizers can be added if the object is being deleted, found "
                        f"new finalizers {sorted(added)}", "wait until the object is gone and create it again")
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        if field in new and field not in old:
            yield invalid(f"metadata.{field}", new[field], "field is immutable", "remove it; delete the object instead")
    if (new.get("deletionGracePeriodSeconds") is not None and old.get("deletionGracePeriodSeconds") is not None
            and new["deletionGracePeriodSeconds"] != old["deletionGracePeriodSeconds"]):
        yield invalid("metadata.deletionGracePeriodSeconds", new["deletionGracePeriodSeconds"], "field is immutable",
                      "remove it")
    yield from _common(new, rules)
    yield from _kube_finalizers(new)


def labels(given: dict[str, str], path: str) -> Iterator[Finding]:
    """ValidateLabels."""
    for key, value in given.items():
        for problem in names.qualified_name(key):
            yield invalid(path, key, problem, "write a key like app or example.com/app")
        for problem in names.label_value(value):
            yield invalid(path, value, problem, "write a value like my-app")


def _common(metadata: Metadata, rules: Rules) -> Iterator[Finding]:
    if metadata.get("labels"):
        yield from labels(metadata["labels"], "metadata.labels")
    if metadata.get("annotations"):
        yield from _annotations(metadata["annotations"])
    if metadata.get("ownerReferences"):
        yield from _owners(metadata["ownerReferences"], rules)


def _generation(metadata: Metadata) -> Iterator[Finding]:
    if metadata.get("generation", 0) < 0:
        yield invalid("metadata.generation", metadata["generation"], "must be greater than or equal to 0", "remove it")


def _annotations(annotations: dict[str, str]) -> Iterator[Finding]:
    """ValidateAnnotations: keys in any case, and a limit on all of them together."""
    size = 0
    for key, value in annotations.items():
        size += len(key.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace"))
        for problem in names.qualified_name(key.lower()):
            yield invalid("metadata.annotations", key, problem, "write a key like example.com/my-note")
    if size > ANNOTATIONS_SIZE:
        yield too_long("metadata.annotations", ANNOTATIONS_SIZE, "keep large texts out of annotations")


def _owners(owners: list[dict[str, Any]], rules: Rules) -> Iterator[Finding]:
    """ValidateOwnerReferences."""
    first = ""
    # The request handler has dropped what is there twice (dedupOwnerReferences).
    for index, owner in enumerate([owner for at, owner in enumerate(owners) if owner not in owners[:at]]):
        path = f"metadata.ownerReferences[{index}]" if rules.owner_is_required else "metadata.ownerReferences"
        yield from _owner(owner, path, rules)
        if owner.get("controller"):
            current = f"{owner.get('kind', '')}/{owner.get('name', '')}"
            if first:
                yield invalid("metadata.ownerReferences", current, "Only one reference can have Controller set to "
                              f'true. Found "true" in references for {first} and {current}', "keep one controller")
            else:
                first = current


def _owner(owner: dict[str, Any], path: str, rules: Rules) -> Iterator[Finding]:
    version, kind = owner.get("apiVersion", ""), owner.get("kind", "")
    group, _slash, release = version.rpartition("/")
    bad_version = not release or "/" in group
    for field in ("apiVersion", "kind", "name", "uid"):
        value = owner.get(field, "")
        if not value and rules.owner_is_required:
            yield required(f"{path}.{field}", "name the owner, or drop ownerReferences", "must not be empty")
        elif not value or (field == "apiVersion" and bad_version):
            yield invalid(f"{path}.{field}", value, "must not be empty" if not value
                          else "must be <group>/<version> or <version>", "name the owner, or drop ownerReferences")
    if (group, release, kind) == ("", "v1", "Event"):
        yield invalid(path, kind, "/v1, Kind=Event is disallowed from being an owner", "drop ownerReferences")


def _finalizers(metadata: Metadata) -> Iterator[Finding]:
    """ValidateFinalizers."""
    given = metadata.get("finalizers", [])
    for finalizer in given:
        for problem in names.qualified_name(finalizer):
            yield invalid("metadata.finalizers", finalizer, problem, "write a name like example.com/cleanup")
    if "orphan" in given and "foregroundDeletion" in given:
        yield invalid("metadata.finalizers", given, "finalizer orphan and foregroundDeletion cannot be both set",
                      "drop one of them")


def _kube_finalizers(metadata: Metadata) -> Iterator[Finding]:
    """validateKubeFinalizerName."""
    for index, finalizer in enumerate(metadata.get("finalizers", [])):
        if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            yield invalid(f"metadata.finalizers[{index}]", finalizer,
                          "name is neither a standard finalizer name nor is it fully qualified",
                          "write a name like example.com/cleanup")
