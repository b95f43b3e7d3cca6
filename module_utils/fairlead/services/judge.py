"""The API server's verdict on one object. Pure. What only shows beside others is verdict.py's.

An object is judged in the API server's order: is there such a kind, does it decode, do the rules allow it. A Service is
judged by all rules of the API server, see server/requests.py; of other kinds only the head is known here.
"""
from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import names, schema
from ansible.module_utils.fairlead.services.facts import Facts
from ansible.module_utils.fairlead.services.findings import (
    ADVICE,
    Finding,
    invalid,
    is_unknown_field,
    required,
)
from ansible.module_utils.fairlead.services.kinds import unheard_of
from ansible.module_utils.fairlead.services.model import COMPACT_METADATA, Manifest, is_service
from ansible.module_utils.fairlead.services.removed import SELECTING, removed, selecting
from ansible.module_utils.fairlead.services.server import requests, unknown

_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")


def judge_one(manifest: Manifest, facts: Facts) -> Iterator[Finding]:
    """What the API server would say of creating this object. Findings of level error are its own; it accepts an object
    without one. What cannot be told without a fact about the cluster is advice with the reason Unknown."""
    if is_service(manifest):
        yield from map(_explained, answer(manifest, facts).findings)
    else:
        yield from _other(manifest)
    yield from _server_filled(manifest)


def judge_update(old: Manifest, new: Manifest, facts: Facts) -> Iterator[Finding]:
    """What the API server would say of putting this object over a stored one of the same name.

    old: as the API server returns it, with what it has allocated
    Raises FairleadError when `old` is not such an object.
    """
    if not is_service(new):
        yield from judge_one(new, facts)
        return
    yield from map(_explained, answer(new, facts, old).findings)
    yield from _server_filled(new)


def answer(service: Manifest, facts: Facts, stored: Manifest | None = None) -> requests.Answer:
    """The API server's answer to creating a v1 Service or, with `stored`, to replacing that one.

    Raises FairleadError when `stored` is not a Service.
    """
    if stored is None:
        return unknown.ask(lambda known: requests.create(service, known), service, None, facts)
    old = _stored(stored)
    return unknown.ask(lambda known: requests.replace(old, service, known), service, old, facts)


def _stored(old: Manifest) -> Manifest:
    spec = old.get("spec")
    if not is_service(old) or not isinstance(spec, dict) or not isinstance(old.get("metadata"), dict):
        raise FairleadError("old", "is not a Service as the API server stores it",
                            "give what kubectl get service NAME -o yaml prints")
    return old


def _other(manifest: Manifest) -> Iterator[Finding]:
    """Objects of other kinds: their head alone."""
    structure = list(schema.mistakes({key: manifest.get(key) for key in schema.OBJECT}, schema.OBJECT))
    structure += _identity(manifest)
    yield from structure
    yield from removed(manifest)
    yield from unheard_of(manifest)
    if not all(is_unknown_field(finding) for finding in structure):
        return
    yield from _name(manifest)
    if manifest["apiVersion"] == "apps/v1" and manifest["kind"] in SELECTING:
        yield from selecting(manifest)


def _server_filled(manifest: Manifest) -> Iterator[Finding]:
    metadata = manifest.get("metadata")
    for field in schema.SERVER_FILLED:
        if isinstance(metadata, dict) and metadata.get(field) is not None:
            yield Finding(f"metadata.{field}", "Forbidden", "Forbidden: is filled in by the API server",
                          "remove it; it is left out of the file", ADVICE)


def _identity(manifest: Manifest) -> Iterator[Finding]:
    for field, example in (("apiVersion", "v1"), ("kind", "Service")):
        if not manifest.get(field):
            yield required(field, f"write {field}, for instance {field}: {example}")
    kind = manifest.get("kind")
    if isinstance(kind, str) and kind and not _KIND.fullmatch(kind):  # it becomes part of a file's name
        yield invalid("kind", kind, "is not the name of a kind", "write a kind like Service")
    metadata = manifest.get("metadata")
    if not metadata:
        yield required("metadata", "add metadata with the object's name")
    elif isinstance(metadata, dict) and not metadata.get("name") and not metadata.get("generateName"):
        yield required("metadata.name", "name the object", "name or generateName is required")


def _name(manifest: Manifest) -> Iterator[Finding]:
    metadata = manifest["metadata"]
    name, namespace = metadata.get("name"), metadata.get("namespace")
    for problem in _name_problems(manifest["apiVersion"], manifest["kind"], name) if name else ():
        yield invalid("metadata.name", name, problem, "write a name like my-name")
    if namespace is not None:
        for problem in names.dns_1123_label(namespace):
            yield invalid("metadata.namespace", namespace, problem, "write the name of a namespace")


def _name_problems(version: str, kind: str, name: str) -> tuple[str, ...]:
    """Most kinds are named like hosts; those of RBAC may have any name that fits into a URL (system:node). Control
    characters are accepted there too, but no file can be named so."""
    if version.startswith("rbac.authorization.k8s.io/"):
        return names.path_segment(name, False) or (() if name.isprintable() else ("must be printable",))
    return (names.dns_1123_label if kind == "Namespace" else names.dns_1123_subdomain)(name)


def _explained(finding: Finding) -> Finding:
    """An unknown spec field that is really one of metadata, said so: in the compact form both stand side by side."""
    last = finding.field.rpartition(".")[2]
    if finding.field == f"spec.{last}" and last in COMPACT_METADATA and is_unknown_field(finding):
        return dataclasses.replace(finding, fix=f"move it to metadata.{last}")
    return finding
