"""The verdict on everything that was given: per object, then over all of them. Pure.

An object is judged in the API server's order: is there such a kind, does it decode, do the rules allow it. Unlike the
API server we go on after an unknown field, so that one look shows all mistakes.
"""
from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import names, schema, service_rules
from ansible.module_utils.fairlead.services.findings import (
    ADVICE,
    ERROR,
    Finding,
    duplicate,
    invalid,
    is_unknown_field,
    required,
)
from ansible.module_utils.fairlead.services.model import COMPACT_METADATA, Item, Manifest, is_service
from ansible.module_utils.fairlead.services.paths import longest_name, path
from ansible.module_utils.fairlead.services.removed import SELECTING, removed, selecting

_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")


@dataclass(frozen=True)
class Facts:
    """What a verdict depends on besides the manifests. The defaults are those of a cluster that was set up without
    asking for others."""

    node_ports: range = range(30000, 32768)  # --service-node-port-range


def parse_range(text: str) -> range:
    """'30000-32767' as the API server's flag takes it."""
    first, _dash, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= 65535):
        raise FairleadError("node_port_range", "is not a range of ports", "write it like 30000-32767", text)
    return range(int(first), int(last) + 1)


def judge(items: list[Item], facts: Facts) -> list[Finding]:
    """All findings, in the order of the items."""
    found: list[Finding] = []
    sound: list[Item] = []
    for item in items:
        of_item = [_placed(finding, item) for finding in judge_one(item.manifest, facts)]
        found += of_item
        if not any(finding.level == ERROR for finding in of_item):
            sound.append(item)
    return found + list(collisions(sound))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == ERROR]


def judge_one(manifest: Manifest, facts: Facts) -> Iterator[Finding]:
    service = is_service(manifest)
    structure = list(schema.mistakes(manifest if service else {k: manifest.get(k) for k in schema.OBJECT},
                                     schema.SERVICE if service else schema.OBJECT))
    structure += _identity(manifest)
    yield from map(_explained, structure)
    yield from removed(manifest)
    if not all(is_unknown_field(finding) for finding in structure):
        return
    yield from _name(manifest, service)
    for field in schema.SERVER_FILLED:
        if field in manifest["metadata"]:
            yield Finding(f"metadata.{field}", "Forbidden", "Forbidden: is filled in by the API server",
                          "remove it; it is left out of the file", ADVICE)
    if service:
        yield from service_rules.service(manifest.get("spec") or {}, facts.node_ports)
    elif manifest["apiVersion"] == "apps/v1" and manifest["kind"] in SELECTING:
        yield from selecting(manifest)


def collisions(items: list[Item]) -> Iterator[Finding]:
    """What only shows when all objects are seen together."""
    files: dict[str, Item] = {}
    node_ports: dict[tuple[int, str], Item] = {}
    for item in items:
        first = files.setdefault(path(item.manifest), item)
        if first is not item:
            yield _placed(duplicate("metadata.name", item.manifest["metadata"]["name"],
                                    f"rename it: {first.origin} has the same kind, namespace and name"), item)
        elif is_service(item.manifest):
            yield from _node_port_collisions(item, node_ports)


def _node_port_collisions(item: Item, taken: dict[tuple[int, str], Item]) -> Iterator[Finding]:
    for index, port in enumerate(service_rules.ports(item.manifest.get("spec") or {})):
        number = port.get("nodePort")
        if not number:
            continue
        owner = taken.setdefault((number, service_rules.protocol(port)), item)
        if owner is not item:
            yield _placed(invalid(f"spec.ports[{index}].nodePort", number, "provided port is already allocated",
                                  f"write another port: {owner.origin} {owner.label} has this one"), item)


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
    elif isinstance(metadata, dict) and not metadata.get("name"):
        yield required("metadata.name", "name the object", "name or generateName is required")


def _name(manifest: Manifest, service: bool) -> Iterator[Finding]:
    metadata = manifest["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace")
    # Kubernetes 1.37 also accepts Service names that start with a digit; older servers and many tools do not.
    strict = service or manifest["kind"] == "Namespace"
    rule = names.dns_1035_label if service else names.dns_1123_label if strict else names.dns_1123_subdomain
    for problem in rule(name):
        yield invalid("metadata.name", name, problem, "write a name like my-name")
    if namespace is not None:
        for problem in names.dns_1123_label(namespace):
            yield invalid("metadata.namespace", namespace, problem, "write the name of a namespace")
    if len(name) > longest_name(manifest):
        yield invalid("metadata.name", name, "leaves no room for the kind in a file's name",
                      f"write at most {longest_name(manifest)} characters")


def _explained(finding: Finding) -> Finding:
    """An unknown spec field that is really one of metadata, said so: in the compact form both stand side by side."""
    last = finding.field.rpartition(".")[2]
    if finding.field == f"spec.{last}" and last in COMPACT_METADATA and is_unknown_field(finding):
        return dataclasses.replace(finding, fix=f"move it to metadata.{last}")
    return finding


def _placed(finding: Finding, item: Item) -> Finding:
    return dataclasses.replace(finding, item=item.origin, object=item.label)
