"""From the text of a file to its documents: plain values as Kubernetes would read them, and where each field stands.

The file is anybody's. Depth, aliases and size are limited, and whatever is wrong is a finding with its place. There is
no recursion here: a file of a million brackets costs no stack.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from ansible.module_utils.fairlead.reading import scalars
from ansible.module_utils.fairlead.reading.places import Place
from ansible.module_utils.fairlead.verify.words import plain

DEEPEST = 100
MOST_ALIASED = 50_000  # values that aliases may add to a file; honest files stay far below it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = object()


@dataclass(frozen=True)
class Document:
    """One document of a file: its number from 0, its value, where its fields stand."""

    number: int
    value: Any
    place: Place


class Unreadable(Exception):
    """This file cannot be read beyond this place."""

    def __init__(self, line: int, column: int, problem: str, fix: str, reason: str = "Invalid") -> None:
        super().__init__(problem)
        self.line, self.column, self.problem, self.fix, self.reason = line, column, problem, fix, reason


@dataclass
class _Open:
    """A mapping or list that is being read."""

    value: Any
    place: Place
    anchor: str | None
    depth: int
    key: Any = None  # of the entry that is being read
    key_place: tuple[int, int] = (0, 0)
    size: int = 1
    merged: list[tuple[Any, Any]] = field(default_factory=list)


def documents(text: str, json: bool = False) -> Iterator[Document]:
    """The documents one by one; raises Unreadable where it has to stop. Empty documents are left out."""
    reader = _Reader(json)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            done = reader.take(event)
            if done is not None and done.value is not None:
                yield done
    except yaml.YAMLError as error:
        raise _said(error, text) from error


class _Reader:
    def __init__(self, json: bool) -> None:
        self._json = json
        self._number = -1
        self._aliased = 0
        self._start()

    def _start(self) -> None:
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, Place, int]] = {}
        self._document: Document | None = None

    def take(self, event: Any) -> Document | None:
        """Take one event; the document that ended with it."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._open(event, {}, {})
        elif kind is yaml.SequenceStartEvent:
            self._open(event, [], [])
        elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            self._close()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._number += 1
            self._start()
        elif kind is yaml.DocumentEndEvent:
            return self._document
        return None

    def _scalar(self, event: Any) -> None:
        tag, mark = event.tag, event.start_mark
        if tag is None or tag == "!":
            value = scalars.resolve(event.value, self._json) if event.implicit[0] else event.value
        else:
            try:
                value = scalars.tagged(tag, event.value)
            except ValueError:
                raise Unreadable(mark.line + 1, mark.column + 1, f"{plain(event.value)} is not a {plain(tag)}",
                                 "correct the value or drop its tag") from None
        if event.implicit[0] and event.value == "<<" and self._expects_key():
            value = _MERGE
        place = (mark.line + 1, mark.column + 1, None)
        if event.anchor:
            self._anchors[event.anchor] = (value, place, 1)
        self._put(value, place, 1)

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _open(self, event: Any, value: Any, children: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        depth = len(self._stack) + 1
        if depth > DEEPEST:
            raise Unreadable(line, column, f"is nested more than {DEEPEST} levels deep", "write it less deep")
        if self._expects_key():
            raise Unreadable(line, column, "a mapping's key must be a text",
                             "write a plain word before the colon; if this is a template, render it first")
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Open(value, (line, column, children), event.anchor, depth))

    def _close(self) -> None:
        done = self._stack.pop()
        for value, place in done.merged:
            for key, element in value.items():
                if key not in done.value:
                    done.value[key] = element
                    done.place[2][key] = place[2][key]
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.place, done.size)
        self._put(done.value, done.place, done.size)

    def _alias(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if event.anchor not in self._anchors:
            raise Unreadable(line, column, f"there is no anchor &{plain(event.anchor)} before this alias",
                             "write the value itself")
        value, place, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MOST_ALIASED:
            raise Unreadable(line, column, f"its aliases stand for more than {MOST_ALIASED} values",
                             "write the values themselves")
        self._put(value, (line, column, place[2]), size)

    def _put(self, value: Any, place: Place, size: int) -> None:
        """Into what is open, or as the document itself."""
        if not self._stack:
            self._document = Document(self._number, value, place)
            return
        top = self._stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
            top.place[2].append(place)
        elif top.key is None:
            top.key, top.key_place = self._key(top, value, place), place[:2]
        elif top.key is _MERGE:
            self._merge(top, value, place)
            top.key = None
        else:
            top.value[top.key] = value
            top.place[2][top.key] = (*top.key_place, place[2])
            top.key = None

    def _key(self, top: _Open, value: Any, place: Place) -> Any:
        if value is _MERGE:
            return value
        if value is None or isinstance(value, (dict, list)):
            raise Unreadable(place[0], place[1], "a mapping's key must be a text",
                             "write a plain word before the colon")
        # JSON knows only texts as keys; this is how the conversion writes the others.
        key = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else f"{value}"
        if key in top.value:
            first = top.place[2][key]
            raise Unreadable(place[0], place[1], f'key "{plain(key)}" stands here for the second time; '
                             f"the first is in line {first[0]}", "remove one of the two", "Duplicate")
        return key

    def _merge(self, top: _Open, value: Any, place: Place) -> None:
        for number, element in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(element, dict):
                raise Unreadable(place[0], place[1], "<< takes a mapping or a list of them", "write << with an alias")
            top.merged.append((element, place[2][number] if isinstance(value, list) else place))


def _said(error: yaml.YAMLError, text: str) -> Unreadable:
    """PyYAML's errors with our fixes; they carry a mark, or an index into the text."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if mark:
        line, column = mark.line + 1, mark.column + 1
    else:
        before = text.encode("utf-8", "surrogatepass")[:getattr(error, "position", 0) or 0].decode("utf-8", "ignore")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    fix = ("indent with spaces, not with tabs" if mark and text[mark.index:mark.index + 1] == "\t"
           else "save the file as plain text" if "control characters" in problem
           else "correct the YAML at this place; what follows it is not judged")
    return Unreadable(line, column, f"is not YAML: {plain(problem, 200)}", fix)
