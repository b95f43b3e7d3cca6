"""The shape of a v1 Service up to Kubernetes 1.37: its fields and their types, as the API spells them.

The API server decodes strictly before it validates (sigs.k8s.io/json): an unknown field or a value of another type is
refused as a whole, and only an object that decodes is judged by the rules. So does judge.py.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Union

from ansible.module_utils.fairlead.services.findings import Finding, invalid, shown, unknown_field
from ansible.module_utils.fairlead.verify.words import plain


class List:
    def __init__(self, of: Shape) -> None:
        self.of = of


class Map:
    """Free keys, all values of one type."""

    def __init__(self, of: Shape) -> None:
        self.of = of


# A dict is a mapping with these fields.
Shape = Union[str, List, Map, dict]

STRING, INT32, INT64, BOOL, PORT, TIME, ANY = ("a string", "an integer", "an integer of 64 bits", "true or false",
                                               "an integer or a string", "a time", "anything")

PORTS = {"name": STRING, "protocol": STRING, "appProtocol": STRING, "port": INT32, "targetPort": PORT,
         "nodePort": INT32}

SPEC = {
    "ports": List(PORTS), "selector": Map(STRING), "clusterIP": STRING, "clusterIPs": List(STRING), "type": STRING,
    "externalIPs": List(STRING), "sessionAffinity": STRING, "loadBalancerIP": STRING,
    "loadBalancerSourceRanges": List(STRING), "externalName": STRING, "externalTrafficPolicy": STRING,
    "healthCheckNodePort": INT32, "publishNotReadyAddresses": BOOL,
    "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": INT32}},
    "ipFamilies": List(STRING), "ipFamilyPolicy": STRING, "allocateLoadBalancerNodePorts": BOOL,
    "loadBalancerClass": STRING, "internalTrafficPolicy": STRING, "trafficDistribution": STRING,
}

# What only the server fills in: it has no place in a file, and applying it would conflict.
SERVER_FILLED = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
                 "deletionGracePeriodSeconds", "selfLink", "managedFields")

_OWNER = {"apiVersion": STRING, "kind": STRING, "name": STRING, "uid": STRING, "controller": BOOL,
          "blockOwnerDeletion": BOOL}
_MANAGED = {"manager": STRING, "operation": STRING, "apiVersion": STRING, "time": TIME, "fieldsType": STRING,
            "fieldsV1": ANY, "subresource": STRING}

METADATA = {
    "name": STRING, "generateName": STRING, "namespace": STRING, "labels": Map(STRING), "annotations": Map(STRING),
    "finalizers": List(STRING), "ownerReferences": List(_OWNER), "uid": STRING, "resourceVersion": STRING,
    "generation": INT64, "creationTimestamp": TIME, "deletionTimestamp": TIME, "deletionGracePeriodSeconds": INT64,
    "selfLink": STRING, "managedFields": List(_MANAGED),
}

_INGRESS = {"ip": STRING, "hostname": STRING, "ipMode": STRING,
            "ports": List({"port": INT32, "protocol": STRING, "error": STRING})}
_CONDITION = {"type": STRING, "status": STRING, "observedGeneration": INT64, "lastTransitionTime": TIME,
              "reason": STRING, "message": STRING}
STATUS = {"loadBalancer": {"ingress": List(_INGRESS)}, "conditions": List(_CONDITION)}

OBJECT = {"apiVersion": STRING, "kind": STRING, "metadata": METADATA}
SERVICE = {**OBJECT, "spec": SPEC, "status": STATUS}
# trafficDistribution came with 1.30.
SERVICE_1_29 = {**SERVICE, "spec": {key: shape for key, shape in SPEC.items() if key != "trafficDistribution"}}

_TYPES = {STRING: str, INT32: int, INT64: int, BOOL: bool, PORT: (int, str)}
_PORTS, _SMALL = (INT32, PORT), 1 << 31
_BITS = {INT32: 31, PORT: 31, INT64: 63}
_ZERO = {STRING: "", INT32: 0, INT64: 0, PORT: 0, BOOL: False}
_NAMES = {bool: "the truth value", int: "the number", float: "the number", str: "the string", list: "a list",
          dict: "a mapping"}
# time.RFC3339 as Go's time.Parse takes it.
_RFC3339 = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d+)?"
                      r"(Z|[+-]([01]\d|2[0-4]):([0-5]\d|60))", re.ASCII)


def mistakes(value: Any, shape: Shape, path: str = "") -> Iterator[Finding]:
    """Unknown fields and values of a wrong type."""
    found: list[Finding] = []
    decode(value, shape, path, found)
    yield from found


def decode(value: Any, shape: Shape, path: str, found: list[Finding]) -> Any:
    """A copy of the value as the API server reads it; mistakes are added to `found`.

    Null is the same as leaving the field out. In a list it is an empty element, in a map an empty string.
    """
    if isinstance(shape, dict):
        return _struct(value, shape, path, found)
    if isinstance(shape, str):
        return _scalar(value, shape, path, found)
    if isinstance(shape, List):
        return _list(value, shape, path, found)
    return _map(value, shape, path, found)


def _struct(value: Any, shape: dict[str, Shape], path: str, found: list[Finding]) -> dict[str, Any]:
    if not isinstance(value, dict):
        found.append(_wrong(path, value, "a mapping", "write its fields below it"))
        return {}
    clean = {}
    for key, element in value.items():
        kind = shape.get(key) if isinstance(key, str) else None
        if kind is None:
            found.append(unknown_field(path, key, shape))
        elif (kind is STRING and type(element) is str) or (kind in _PORTS and type(element) is int and
                                                           -_SMALL < element < _SMALL):
            clean[key] = element  # most of what there is
        elif element is not None:
            clean[key] = decode(element, kind, f"{path}.{key}" if path else key, found)
    return clean


def _list(value: Any, shape: List, path: str, found: list[Finding]) -> list[Any]:
    if not isinstance(value, list):
        found.append(_wrong(path, value, "a list", f"write [{shown(value)}]"))
        return []
    return [decode(_zero(shape.of) if element is None else element, shape.of, f"{path}[{index}]", found)
            for index, element in enumerate(value)]


def _zero(shape: Shape) -> Any:
    return _ZERO.get(shape) if isinstance(shape, str) else {}


def _map(value: Any, shape: Map, path: str, found: list[Finding]) -> dict[str, Any]:
    if not isinstance(value, dict):
        found.append(_wrong(path, value, "a mapping", "write its fields below it"))
        return {}
    clean = {}
    for key, element in value.items():
        name = key if type(key) is str else _key(key)
        if type(element) is str:
            clean[name] = element
        else:
            clean[name] = "" if element is None else decode(element, shape.of, f"{path}[{plain(name)}]", found)
    return clean


def _key(key: Any) -> str:
    """YAML has keys that are no strings; on their way to the API server they become some."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _scalar(value: Any, kind: str, path: str, found: list[Finding]) -> Any:
    if kind == ANY:
        return value
    if kind == TIME:
        if not isinstance(value, str) or not _RFC3339.fullmatch(value):
            found.append(_wrong(path, value, "a time", 'write it like "2026-11-25T20:00:00Z"'))
        return value
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind is not BOOL):
        if kind is STRING and not isinstance(value, (dict, list)):
            fix = "write it in quotes, letter for letter as it stands there"  # 1.10 and y have become 1.1 and true here
        elif kind is INT32 and isinstance(value, str) and value.isdecimal():
            fix = f"write {int(value)} without quotes"
        else:
            fix = f"write {kind}"
        found.append(_wrong(path, value, kind, fix))
        return _ZERO[kind]
    if isinstance(value, int) and kind in _BITS and not -(1 << _BITS[kind]) <= value < 1 << _BITS[kind]:
        found.append(_wrong(path, value, f"an integer of {_BITS[kind] + 1} bits", "write a smaller number"))
        return 0
    return value


def _wrong(path: str, value: Any, kind: str, fix: str) -> Finding:
    return invalid(path, value, f"must be {kind}, not {_NAMES.get(type(value), 'empty')}", fix)
