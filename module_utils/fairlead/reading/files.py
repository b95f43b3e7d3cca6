"""Reading the files that a person names: manifests, lists of Services, whole directories of them."""
from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.reading.documents import Document, Unreadable, documents

LARGEST = 16 * 2**20  # bytes; ten thousand Services take five million
ENDINGS = (".yaml", ".yml", ".json")
STDIN = "-"
_BOM = "\ufeff"


def named(paths: Iterable[str]) -> Iterator[str]:
    """The files behind the paths that were given, directories walked in order; each file once.

    Raises FairleadError for a path that is not there. Hidden files and directories inside a directory are left out, and
    links inside it are not followed.
    """
    seen: set[str] = set()
    for path in paths:
        for file in [path] if path == STDIN or not os.path.isdir(path) else _walk(path):
            if file != STDIN and not os.path.lexists(file):
                raise FairleadError(file, "there is no such file or directory", "name a file of manifests")
            if file not in seen:
                seen.add(file)
                yield file


def _walk(directory: str) -> Iterator[str]:
    def failed(error: OSError) -> None:
        raise FairleadError(str(error.filename), f"cannot be read: {error.strerror}", "make the directory readable")

    for place, directories, names in os.walk(directory, onerror=failed):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(place, name)
            if name.endswith(ENDINGS) and not name.startswith(".") and stat.S_ISREG(os.lstat(path).st_mode):
                yield path


def read(path: str) -> Iterator[Document]:
    """The documents of one file. Raises Unreadable for what the file holds, FairleadError when it cannot be opened."""
    raw = _bytes(path)
    if len(raw) > LARGEST:
        raise Unreadable(1, 1, f"is larger than {LARGEST >> 20} MiB", "split it into smaller files", "TooLong")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[:error.start].decode("utf-8")
        raise Unreadable(before.count("\n") + 1, len(before) - before.rfind("\n"), "is not UTF-8 text",
                         "save the file as UTF-8, or leave it out") from error
    text = text[1:] if text.startswith(_BOM) else text
    if text.lstrip()[:1] == "{":  # what kubectl takes for JSON
        yield from _json(text)
    else:
        yield from documents(text)


def _json(text: str) -> Iterator[Document]:
    """JSON is YAML but for a few escapes; with one of those a file has no places."""
    try:
        yield from list(documents(text, json=True))
    except Unreadable as error:
        try:
            yield Document(0, json.loads(text, object_pairs_hook=_once), (1, 1, None))
        except (ValueError, RecursionError):
            raise error from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _bytes(path: str) -> bytes:
    """At most one byte more than is allowed."""
    try:
        if path == STDIN:
            return sys.stdin.buffer.read(LARGEST + 1)
        with open(path, "rb") as stream:
            return stream.read(LARGEST + 1)
    except OSError as error:
        raise FairleadError(path, f"cannot be read: {error.strerror}", "name a file that you may read") from error
