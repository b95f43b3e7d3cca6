"""A request as the API server handles it: decode, fill in, allocate, validate (apiserver/pkg/registry/generic/registry
store.go: create, Update; pkg/registry/core/service/storage/storage.go: beginCreate, beginUpdate).

The order matters, since each part ends the request when it refuses.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.services import schema
from ansible.module_utils.fairlead.services.findings import Finding, invalid, is_unknown_field
from ansible.module_utils.fairlead.services.names import path_segment
from ansible.module_utils.fairlead.services.server import (
    cluster_ips,
    defaults,
    families,
    metadata,
    node_ports,
    policies,
    ports,
    update,
)
from ansible.module_utils.fairlead.services.server.defaults import Spec
from ansible.module_utils.fairlead.services.server.refusal import BAD_REQUEST, CONFLICT, INTERNAL_ERROR, RefusedError
from ansible.module_utils.fairlead.services.server.rules import Rules

Manifest = dict[str, Any]
Metadata = dict[str, Any]
OK, CREATED, INVALID = 200, 201, 422


@dataclass(frozen=True)
class Answer:
    """code: HTTP status; findings: what is wrong. Only a 422 of the server names fields, see refusal.py."""

    code: int
    findings: list[Finding]


def create(manifest: Manifest, rules: Rules) -> Answer:
    """POST of a complete v1 Service manifest to its namespace."""
    return _judged(manifest, rules, _create)


def replace(stored: Manifest, manifest: Manifest, rules: Rules) -> Answer:
    """PUT of a complete v1 Service manifest over the stored one."""
    old = _parts(schema.decode(stored, schema.SERVICE, "", []))
    defaults.fill(old[1])
    update.complete_stored(old[1], rules)
    return _judged(manifest, rules, lambda meta, spec, rules: _replace(old, meta, spec, rules))


def _judged(manifest: Manifest, rules: Rules, handle: Callable[[Metadata, Spec, Rules], Answer]) -> Answer:
    """The API server stops at anything it cannot decode. We go on after unknown fields, so that one look shows all
    mistakes."""
    found: list[Finding] = []
    shape = schema.SERVICE if rules.has_distribution else schema.SERVICE_1_29
    meta, spec = _parts(schema.decode(manifest, shape, "", found))
    if not all(is_unknown_field(finding) for finding in found):
        return Answer(BAD_REQUEST, found)
    try:
        answer = handle(meta, spec, rules)
    except RefusedError as refused:
        answer = Answer(refused.code, refused.findings)
    return Answer(BAD_REQUEST, found + answer.findings) if found else answer


def _create(meta: Metadata, spec: Spec, rules: Rules) -> Answer:
    defaults.fill(spec)
    update.normalize(None, spec)
    families.settle(None, spec, rules)
    families.allocate(metadata.generated_name(meta), None, spec, rules)
    node_ports.create(spec, rules)
    found = [*metadata.create(meta, rules), *_service(None, meta, spec, rules)]
    return Answer(INVALID if found else CREATED, found)


def _replace(old: tuple[Metadata, Spec], meta: Metadata, spec: Spec, rules: Rules) -> Answer:
    old_meta, old_spec = old
    defaults.fill(spec)
    _same_object(old_meta, meta)
    update.take_over(old_spec, spec, rules)
    update.normalize(old_spec, spec)
    families.settle(old_spec, spec, rules)
    families.allocate(meta["name"], old_spec, spec, rules)
    node_ports.update(old_spec, spec, rules)
    update.drop_dependent(old_spec, spec)
    meta["generation"] = old_meta.get("generation", 0)  # whatever was sent
    found = [*metadata.every(meta, path_segment, rules), *metadata.update(old_meta, meta, rules),
             *_changes(old_spec, spec)]
    if rules.names_on_update:
        found += metadata.every(meta, metadata.service_name(rules), rules)
    found += _service(old, meta, spec, rules)
    return Answer(INVALID if found else OK, found)


def _parts(decoded: Manifest) -> tuple[Metadata, Spec]:
    return decoded.get("metadata", {}), decoded.get("spec", {})


def _same_object(old: Metadata, new: Metadata) -> None:
    """checkName, the UID as a precondition, and the resource version. Raises RefusedError."""
    for field in ("name", "namespace"):
        before, after = old.get(field, ""), new.get(field, "")
        if before and before != after and (field == "name" or after):
            raise RefusedError([invalid(f"metadata.{field}", after, f"the {field} of the object ({after}) does not "
                                        f"match the one of the stored object ({before})", f"write {before}")],
                               BAD_REQUEST)
    if new.get("uid") and old.get("uid", new["uid"]) != new["uid"]:
        raise RefusedError([invalid("metadata.uid", new["uid"], "Precondition failed: UID in precondition: "
                                    f"{new['uid']}, UID in object meta: {old['uid']}", "remove it")], CONFLICT)
    new["namespace"] = new.get("namespace") or old.get("namespace") or "default"
    _same_version(old.get("resourceVersion", ""), new.get("resourceVersion", ""))


def _same_version(before: str, after: str) -> None:
    if after and not (after.isascii() and after.isdecimal() and int(after) < 1 << 64):
        raise RefusedError([invalid("metadata.resourceVersion", after, "is not a resource version", "remove it")],
                           INTERNAL_ERROR)
    if after and int(after) and before.isdecimal() and int(after) != int(before):
        raise RefusedError([invalid("metadata.resourceVersion", after, "the object has been modified; please apply "
                                    "your changes to the latest version and try again", "remove it")], CONFLICT)


def _changes(old: Spec, new: Spec) -> Iterator[Finding]:
    """What ValidateServiceUpdate says of the change itself."""
    yield from cluster_ips.upgrade_addresses(old, new)
    yield from cluster_ips.upgrade_families(old, new)
    yield from policies.load_balancer(old, new)
    # validateServiceExternalTrafficFieldsUpdate
    before, after = old.get("healthCheckNodePort", 0), new.get("healthCheckNodePort", 0)
    if defaults.needs_health_check(old) and defaults.needs_health_check(new) and before != after:
        yield Finding("spec.healthCheckNodePort", "Forbidden", "Forbidden: field is immutable", f"write {before}")


def _service(old: tuple[Metadata, Spec] | None, meta: Metadata, spec: Spec,
             rules: Rules) -> Iterator[Finding]:
    """validateService."""
    old_spec = old[1] if old else None
    annotations = meta.get("annotations", {})
    if annotations:
        yield from policies.topology(annotations)
    yield from policies.kind(spec)
    yield from ports.validate(spec, rules)
    yield from policies.selector(spec)
    yield from policies.affinity(spec)
    yield from cluster_ips.validate(old_spec, spec, rules)
    yield from policies.external_ips(old_spec, spec, rules)
    yield from policies.source_ranges((old[1], old[0].get("annotations", {})) if old else None, spec, annotations,
                                      rules)
    if old is None:  # an update has said so already, see _changes
        yield from policies.load_balancer(None, spec)
    yield from policies.traffic(spec, rules)
