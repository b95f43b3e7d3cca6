"""From a document to the values that kube-proxy would hold in memory, with what does not decode. Pure.

kube-proxy decodes strictly and, when only unknown fields are wrong, leniently with a log line. A wrong type stops it.
Here unknown fields are refused as well, and everything wrong is told at once.
"""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.kube_proxy import fields, values
from ansible.module_utils.fairlead.kube_proxy.fields import Field, ListOf, MapOf, Shape
from ansible.module_utils.fairlead.services.findings import Finding, invalid, required, shown, unknown_field
from ansible.module_utils.fairlead.verify.words import plain

_ZERO = {fields.STRING: "", fields.BOOL: False, fields.OPTIONAL_BOOL: None, fields.INT32: 0, fields.UINT32: 0,
         fields.OPTIONAL_INT32: None, fields.FLOAT32: 0.0, fields.DURATION: 0, fields.OPTIONAL_DURATION: None,
         fields.TIME_OR_DURATION: 0, fields.QUANTITY: "0"}
_WHOLE = {fields.INT32: (-2**31, 2**31 - 1), fields.OPTIONAL_INT32: (-2**31, 2**31 - 1), fields.UINT32: (0, 2**32 - 1)}
_DURATIONS = (fields.DURATION, fields.OPTIONAL_DURATION, fields.TIME_OR_DURATION)
_FLOAT32_LARGEST = 3.4028235677973366e38  # halfway to the next one, where Go begins to refuse
_INT64 = 2**63
PORTS = {"healthzBindAddress": 10256, "metricsBindAddress": 10249}  # where none is written


def decode(document: Any) -> tuple[dict[str, Any], list[Finding]]:
    """(every field by its dotted path, durations in nanoseconds and defaults filled in; what was wrong)."""
    found: list[Finding] = list(_identity(document))
    held: dict[str, Any] = {}
    if isinstance(document, dict):
        found += _mapping(document, fields.ROOT, "", held)
    fill_in(held)
    return held, found


def read(text: str) -> Any:
    """The document of a file that we wrote: JSON under comments. ValueError for anything else, such as YAML."""
    return json.loads("\n".join(line for line in text.splitlines() if not line.startswith("#")))


def fill_in(held: dict[str, Any]) -> None:
    """kube-proxy's defaults, which take the place of zero values too (v1alpha1/defaults.go)."""
    for path, field in leaves():
        value = held.get(path)
        if value is None or (not value and not _is_pointer(field)):
            held[path] = _default(field)
    for name, port in PORTS.items():
        held[name] = with_port(held[name] or default_host(name, held["bindAddress"]), port)
    held["detectLocalMode"] = held["detectLocalMode"] or "ClusterCIDR"


def leaves(shape: Shape = fields.ROOT, path: str = "") -> Iterator[tuple[str, Field]]:
    """All single values of the table with their dotted paths."""
    if isinstance(shape, Field):
        yield path, shape
    elif isinstance(shape, dict):
        for name, below in shape.items():
            yield from leaves(below, f"{path}.{name}" if path else name)


def is_default(path: str, value: Any) -> bool:
    """Whether writing this value is the same as leaving it out."""
    field = fields.field_at(path)
    if not isinstance(field, Field):
        return field is not None and value in (None, [], {})
    read, fault = _read(value, field)
    if fault or path in PORTS:
        return False
    return read == _default(field) or read is None or (not read and not _is_pointer(field))


def _identity(document: Any) -> Iterator[Finding]:
    if not isinstance(document, dict):
        yield invalid("", document, "must be a mapping", "write the fields of KubeProxyConfiguration")
        return
    for name, wanted in (("apiVersion", fields.API_VERSION), ("kind", fields.KIND)):
        value = document.get(name)
        if not value:
            yield required(name, f"write {name}: {wanted}")
        elif isinstance(value, str) and value != wanted:
            yield invalid(name, value, "is not what kube-proxy reads", f"write {name}: {wanted}")


def _mapping(value: dict[str, Any], shape: dict[str, Shape], path: str, held: dict[str, Any]) -> Iterator[Finding]:
    for name, below in value.items():
        place = f"{path}.{plain(name)}" if path else plain(name)
        if name not in shape:
            yield unknown_field(path, name, shape, fields.GONE.get(place, ""))
        else:
            yield from _value(below, shape[name], place, held)


def _value(value: Any, shape: Shape, path: str, held: dict[str, Any]) -> Iterator[Finding]:
    if isinstance(shape, Field):
        held[path], fault = _read(value, shape)
        if fault:
            yield invalid(path, value, fault, _fix(value, shape.kind))
    elif value is None:
        return
    elif isinstance(shape, ListOf):
        yield from _list(value, shape, path, held)
    elif not isinstance(value, dict):
        yield invalid(path, value, "must be a mapping", "write its fields below it")
    elif isinstance(shape, MapOf):
        held[path] = {}
        for key, element in value.items():
            held[path][key], fault = _read(element, shape.of)
            if fault:
                yield invalid(f"{path}.{plain(key)}", element, fault, _fix(element, shape.of.kind))
    else:
        yield from _mapping(value, shape, path, held)


def _list(value: Any, shape: ListOf, path: str, held: dict[str, Any]) -> Iterator[Finding]:
    if not isinstance(value, list):
        yield invalid(path, value, "must be a list", f"write [{shown(value)}]")
        return
    held[path] = []
    for index, element in enumerate(value):
        place = f"{path}[{index}]"
        if isinstance(shape.of, Field):
            read, fault = _read(element, shape.of)
            held[path].append(read)
            if fault:
                yield invalid(place, element, fault, _fix(element, shape.of.kind))
            continue
        item: dict[str, Any] = {}
        yield from _value(element, shape.of, place, item)
        held[path].append({key.rpartition(".")[2]: read for key, read in item.items()})


def _read(value: Any, field: Field) -> tuple[Any, str]:
    """(the value as Go would hold it, what is wrong with it)."""
    kind, zero = field.kind, _ZERO[field.kind]
    if value is None:
        # A duration that is not a pointer reads null as a text without units.
        return zero, "must be a duration with its unit, not empty" if kind == fields.DURATION else ""
    if kind == fields.STRING:
        return (value, "") if isinstance(value, str) else (zero, "must be a string")
    if kind in (fields.BOOL, fields.OPTIONAL_BOOL):
        return (value, "") if isinstance(value, bool) else (zero, "must be true or false")
    if kind in _DURATIONS:
        return _read_duration(value, kind)
    if kind == fields.QUANTITY:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        good = number or (isinstance(value, str) and values.is_quantity(value.strip()))
        return (str(value), "") if good else (zero, "must be a quantity such as 64Ki")
    return _read_number(value, kind)


def _read_number(value: Any, kind: str) -> tuple[Any, str]:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return _ZERO[kind], "must be a number"
    if kind == fields.FLOAT32:
        return (float(value), "") if abs(value) < _FLOAT32_LARGEST else (0.0, "must be a number of 32 bits")
    low, high = _WHOLE[kind]
    if value != value or abs(value) == float("inf") or int(value) != value:  # noqa: PLR0124 - that is how NaN is found
        return _ZERO[kind], "must be a whole number"
    return (int(value), "") if low <= value <= high else (_ZERO[kind], f"must be from {low} to {high}")


def _read_duration(value: Any, kind: str) -> tuple[Any, str]:
    if kind == fields.TIME_OR_DURATION and isinstance(value, int) and not isinstance(value, bool):
        return (value, "") if -_INT64 <= value < _INT64 else (0, "must be a duration of less than 292 years")
    read = values.duration(value) if isinstance(value, str) else None
    return (_ZERO[kind], "must be a duration with its unit") if read is None else (read, "")


def _fix(value: Any, kind: str) -> str:
    if kind in _DURATIONS:
        bare = str(value).strip() if not isinstance(value, (bool, list, dict)) else ""
        return f'write "{bare}s" if seconds are meant' if bare.isdecimal() else 'write a duration such as "30s"'
    if kind == fields.STRING:
        letters = "write it in quotes, letter for letter as it stands there"  # 1.10 and y have become 1.1 and true here
        return letters if not isinstance(value, (list, dict)) else "write one string"
    if kind in (fields.BOOL, fields.OPTIONAL_BOOL):
        return "write true or false without quotes"
    if isinstance(value, str) and value.isdecimal():
        return f"write {int(value)} without quotes"
    return "write a quantity such as 64Ki" if kind == fields.QUANTITY else "write a number in that range"


def _default(field: Field) -> Any:
    return _ZERO[field.kind] if field.default is None else _read(field.default, field)[0]


def _is_pointer(field: Field) -> bool:
    return field.kind.endswith("?")


def default_host(name: str, bind: str) -> str:
    found = values.address(bind)
    four = found is not None and (found.version == 4 or found.ipv4_mapped is not None)
    if name == "healthzBindAddress":
        return "0.0.0.0" if four else "::"
    return "127.0.0.1" if four else "::1"


def with_port(address: str, port: int) -> str:
    """proxyutil.AppendPortIfNeeded: a bare address gets the port; anything else is left to the rules."""
    if values.host_port(address) is not None or values.address(address) is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
