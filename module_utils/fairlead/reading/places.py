"""Where in a file a field stands: line and column, from 1, of a mapping's key or of a list's element.

A place is (line, column, children): children is a mapping of places for a mapping, a list for a list, None otherwise.
"""
from __future__ import annotations

import re
from typing import Any

Place = tuple[int, int, Any]

_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")


def find(root: Place, field: str) -> tuple[int, int]:
    """Line and column of a field, by the path that the API server writes (spec.ports[0].nodePort, metadata.labels[a]).

    A field that is missing stands where its nearest parent does. The API server spells some paths in its own way, so
    upper and lower case are the same, and spec.clusterIPs[0] also means clusterIP.
    """
    here = root
    for bracketed, name in _STEP.findall(field):
        below = _child(here[2], bracketed or name)
        if below is None:
            break
        here = below
    return here[0], here[1]


def _child(children: Any, word: str) -> Place | None:
    if isinstance(children, list):
        return children[int(word)] if word.isdecimal() and int(word) < len(children) else None
    if not isinstance(children, dict):
        return None
    if word in children:
        return children[word]
    folded = word.lower()
    for key, place in children.items():
        if key.lower() == folded:
            return place
    return children.get("clusterIP") if word == "clusterIPs" else None
