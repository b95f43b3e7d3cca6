"""The shape of a v1 Service up to Kubernetes 1.37: its fields and their types, as the API spells them.

The API server decodes strictly before it validates: an unknown field or a value of another type is refused as a whole,
and only an object that decodes is judged by the rules. So does judge.py.
"""
from __future__ import annotations

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


Shape = Union[str, List, Map, dict]

STRING, INT32, BOOL, PORT, ANY = "a string", "an integer", "true or false", "an integer or a string", "anything"

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

METADATA = {
    "name": STRING, "generateName": STRING, "namespace": STRING, "labels": Map(STRING), "annotations": Map(STRING),
    "finalizers": List(STRING), "ownerReferences": ANY, **dict.fromkeys(SERVER_FILLED, ANY),
}

OBJECT = {"apiVersion": STRING, "kind": STRING, "metadata": METADATA}
SERVICE = {**OBJECT, "spec": SPEC, "status": ANY}

_TYPES = {STRING: str, INT32: int, BOOL: bool, PORT: (int, str)}
_NAMES = {bool: "the truth value", int: "the number", float: "the number", str: "the string", list: "a list",
          dict: "a mapping"}
_INT32 = 2**31


def mistakes(value: Any, shape: Shape, path: str = "") -> Iterator[Finding]:
    """Unknown fields and values of a wrong type. Null is the same as leaving the field out."""
    if value is None or shape == ANY:
        return
    if isinstance(shape, str):
        yield from _scalar(value, shape, path)
    elif isinstance(shape, List):
        yield from _list(value, shape, path)
    elif not isinstance(value, dict):
        yield _wrong(path, value, "a mapping", "write its fields below it")
    elif isinstance(shape, Map):
        for key, element in value.items():
            yield from mistakes(element, shape.of, f"{path}[{plain(key)}]")
    else:
        for key, element in value.items():
            if key in shape:
                yield from mistakes(element, shape[key], f"{path}.{key}" if path else key)
            else:
                yield unknown_field(path, key, shape)


def _list(value: Any, shape: List, path: str) -> Iterator[Finding]:
    if not isinstance(value, list):
        yield _wrong(path, value, "a list", f"write [{shown(value)}]")
        return
    for index, element in enumerate(value):
        if element is None:
            yield _wrong(f"{path}[{index}]", element, "set", "remove the empty entry")
        yield from mistakes(element, shape.of, f"{path}[{index}]")


def _scalar(value: Any, kind: str, path: str) -> Iterator[Finding]:
    fits = isinstance(value, _TYPES[kind]) and (kind is BOOL or not isinstance(value, bool))
    if not fits:
        if kind is STRING and not isinstance(value, (dict, list)):
            fix = f'write it in quotes: "{plain(value)}"'
        elif kind is INT32 and isinstance(value, str) and value.isdecimal():
            fix = f"write {int(value)} without quotes"
        else:
            fix = f"write {kind}"
        yield _wrong(path, value, kind, fix)
    elif isinstance(value, int) and not -_INT32 <= value < _INT32:
        yield _wrong(path, value, "an integer of 32 bits", "write a smaller number")


def _wrong(path: str, value: Any, kind: str, fix: str) -> Finding:
    return invalid(path, value, f"must be {kind}, not {_NAMES.get(type(value), 'empty')}", fix)
