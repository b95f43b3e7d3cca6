"""From the documents of a file to items: complete manifests, Lists, Services in compact form, groups of them.

A list of Services is spelled as the role's variables are, with or without `service_manifests_` before the key, so that
a file of group_vars is one too.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Union

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.reading import files
from ansible.module_utils.fairlead.reading.documents import Document, Unreadable
from ansible.module_utils.fairlead.reading.places import Place, find
from ansible.module_utils.fairlead.services import model, slices
from ansible.module_utils.fairlead.services.findings import ADVICE, ERROR, Finding
from ansible.module_utils.fairlead.services.model import COMPACT_METADATA, ENDPOINTS, Item, Source

_PREFIX = "service_manifests_"
_PARTS = ("services", "manifests", "defaults", "groups")
_TEMPLATE = ("{{", "{%")
_NOT_OURS = ("kustomize.config.k8s.io/",)  # files beside manifests, read by kustomize alone
_EMPTY: Place = (1, 1, {})

Found = Union[Item, Finding]
Defaults = tuple[dict[str, Any], Place]  # values, and where they stand


def read(paths: list[str]) -> tuple[list[Item], list[Finding]]:
    """Everything in these files. Raises FairleadError for a file that is not there or cannot be opened."""
    items: list[Item] = []
    findings: list[Finding] = []
    for file in files.named(paths):
        try:
            for document in files.read(file):
                for found in of_document(file, document):
                    (items if isinstance(found, Item) else findings).append(found)  # type: ignore[arg-type]
        except Unreadable as error:
            findings.append(Finding("", error.reason, error.problem, error.fix, file=file, line=error.line,
                                    column=error.column))
    return items, findings


def files_of(items: list[Item]) -> list[str]:
    return [item.source.file for item in items if item.source]


def of_document(file: str, document: Document) -> Iterator[Found]:
    """Items, and findings for what is none."""
    value, place = document.value, document.place
    if isinstance(value, list):
        yield from _services(file, (value, place), ({}, _EMPTY))
    elif not isinstance(value, dict):
        yield _finding(file, place, "is not a manifest, but a single value", "write a mapping with apiVersion and kind")
    elif _parts(value):
        yield from _lists(file, value, place)
    elif model.is_complete(value) or "name" not in value:
        yield from _complete(file, value, place)
    else:
        yield from _compact(file, value, place, ({}, _EMPTY))


def _parts(value: dict[str, Any]) -> dict[str, str]:
    """Part ("groups") to the key under which it stands here; empty for what is not a list of Services."""
    if model.is_complete(value) or "name" in value:
        return {}
    return {part: key for part in _PARTS for key in (_PREFIX + part, part) if key in value}


def _lists(file: str, value: dict[str, Any], place: Place) -> Iterator[Found]:
    parts = _parts(value)

    def part(name: str, kind: type) -> tuple[Any, Place]:
        key = parts.get(name)
        if key is None or value[key] is None:
            return kind(), _EMPTY
        return value[key], (place[2] or {}).get(key, _EMPTY)

    shapes = [("services", list), ("manifests", list), ("groups", list), ("defaults", dict)]
    wrong = [(name, kind) for name, kind in shapes if not isinstance(part(name, kind)[0], kind)]
    for name, kind in wrong:
        yield _finding(file, part(name, kind)[1], f"{parts[name]} is not a {'list' if kind is list else 'mapping'}",
                       "write - before each entry" if kind is list else "write the fields below it")
    if wrong:
        return
    defaults = part("defaults", dict)
    yield from _services(file, part("services", list), defaults)
    for number, entry in enumerate(_entries(part("groups", list))):
        yield from _group(file, f"groups[{number}]", entry, defaults)
    for entry, where in _entries(part("manifests", list)):
        if isinstance(entry, dict):
            yield from _complete(file, entry, where)
        else:
            yield _finding(file, where, "is not a manifest", "write a mapping with apiVersion and kind")


def _group(file: str, origin: str, entry: tuple[Any, Place], above: Defaults) -> Iterator[Found]:
    group, place = entry
    try:
        model.check_group(origin, group)
    except FairleadError as error:
        line, column = find(place, error.field[len(origin):])
        yield Finding(error.field, "Invalid", error.problem, error.remedy, file=file, line=line, column=column)
        return
    inside = place[2] or {}
    places = {**(above[1][2] or {}), **(inside.get("defaults", _EMPTY)[2] or {})}
    below = model.combined(above[0], group.get("defaults") or {}), (*above[1][:2], places)
    yield from _services(file, (group.get("services") or [], inside.get("services", _EMPTY)), below)


def _services(file: str, entries: tuple[list[Any], Place], defaults: Defaults) -> Iterator[Found]:
    for entry, where in _entries(entries):
        if not isinstance(entry, dict):
            yield _finding(file, where, "is not a Service", "write its fields below the dash, name first")
        elif model.is_complete(entry):
            yield from _complete(file, entry, where)
        else:
            yield from _compact(file, entry, where, defaults)


def _compact(file: str, entry: dict[str, Any], place: Place, defaults: Defaults) -> Iterator[Found]:
    if _holds_template(entry):
        yield _finding(file, place, "holds a template, which only Ansible can fill in; it was not judged",
                       "run the playbook with --check", level=ADVICE, reason="Unknown")
        return
    service = model.from_compact(entry, defaults[0])
    yield Item(_origin(file, place), service, Source(file, _whole_place(place, defaults[1])))
    if entry.get(ENDPOINTS) is not None:
        where = (place[2] or {}).get(ENDPOINTS, place)
        for manifest, numbers in slices.of(service, entry[ENDPOINTS]):
            its = [where[2][number] for number in numbers] if isinstance(where[2], list) else None
            # An entry that is a bare address is the address as well.
            its = its and [(*place[:2], place[2] or {"addresses": (*place[:2], None)}) for place in its]
            yield Item(_origin(file, where), manifest, Source(file, (*where[:2], {"endpoints": (*where[:2], its)})))


def _whole_place(place: Place, above: Place) -> Place:
    """Places of a compact entry as those of the complete manifest that it stands for."""
    children = {**(above[2] or {}), **(place[2] or {})}
    metadata = {key: where for key, where in children.items() if key in COMPACT_METADATA}
    spec = {key: where for key, where in children.items() if key not in COMPACT_METADATA}
    return place[0], place[1], {"metadata": (place[0], place[1], metadata), "spec": (place[0], place[1], spec)}


def _complete(file: str, value: dict[str, Any], place: Place) -> Iterator[Found]:
    version, kind = value.get("apiVersion"), value.get("kind")
    if isinstance(version, str) and version.startswith(_NOT_OURS):
        return
    if _is_list(value):
        for entry, where in _entries((value["items"], (place[2] or {}).get("items", _EMPTY))):
            if not isinstance(entry, dict):
                yield _finding(file, where, "is not a manifest", "write a mapping with apiVersion and kind")
                continue
            whole = entry if kind == "List" else {"apiVersion": version, "kind": kind.removesuffix("List"), **entry}
            yield from _complete(file, whole, where)
        return
    yield Item(_origin(file, place), model.with_namespace(value), Source(file, place))


def _is_list(value: dict[str, Any]) -> bool:
    """A List, or a PodList and the like, which have metadata but no name; kubectl takes both apart."""
    kind, metadata = value.get("kind"), value.get("metadata")
    named = isinstance(metadata, dict) and "name" in metadata
    return isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items"), list) and not named


def _origin(file: str, place: Place) -> str:
    return f"{file}:{place[0]}" if place[1] <= 5 else f"{file}:{place[0]}:{place[1]}"


def _entries(part: tuple[Any, Place]) -> Iterator[tuple[Any, Place]]:
    """The elements of a list, each with its place; a file of JSON may have none."""
    values, place = part
    places = place[2] if isinstance(place[2], list) else [place] * len(values)
    yield from zip(values, places)


def _holds_template(value: Any) -> bool:
    if isinstance(value, str):
        return any(mark in value for mark in _TEMPLATE)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_holds_template, inner))


def _finding(
    file: str, place: Place, message: str, fix: str, *, level: str = ERROR, reason: str = "Invalid",
) -> Finding:
    return Finding("", reason, message, fix, level, file=file, line=place[0], column=place[1])
