"""Configuration that is spread over several directories: which files count, and in which order.

systemd and kmod read sysctl.d and modprobe.d alike: all files named *.conf, sorted by their bare names, whatever their
directory; of two with one bare name only the one in the earlier directory counts (so /etc hides /usr/lib), and a link
to /dev/null hides it altogether. Sources: sysctl.d(5), modprobe.d(5), systemd src/basic/conf-files.c.
"""
from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

PLACES = ("etc", "run", "usr/local/lib", "usr/lib", "lib")


class ConfFile(NamedTuple):
    """One file as found. path is the one a person opens; text is "" for a masked or unreadable one."""

    path: str
    text: str


def read_conf_dirs(name: str, root: str = "/") -> list[ConfFile]:
    """All files of NAME (such as "sysctl.d") that count, in the order in which they are read."""
    found: dict[str, str] = {}
    for place in PLACES:
        directory = os.path.join(root, place, name)
        if place == "lib" and os.path.islink(os.path.join(root, place)):
            continue  # /lib is /usr/lib
        for file in _conf_names(directory):
            found.setdefault(file, os.path.join(directory, file))
    return [ConfFile(_shown(found[file], root), _text(found[file]))
            for file in sorted(found, key=lambda file: file.encode())]


def replaced(files: Iterable[ConfFile], path: str, text: str | None) -> list[ConfFile]:
    """The same files with one of them written anew, or gone (None), at its place in the order."""
    name = os.path.basename(path).encode()
    rest = [file for file in files if os.path.basename(file.path).encode() != name]
    if text is None:
        # What it hid in a later directory would come to light; nobody hides files under our name.
        return rest
    before = [file for file in rest if os.path.basename(file.path).encode() < name]
    return [*before, ConfFile(path, text), *rest[len(before):]]


def _conf_names(directory: str) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if name.endswith(".conf") and not name.startswith(".")]
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as stream:
            return stream.read()
    except OSError:  # a dangling link or a directory: systemd and kmod pass over it too
        return ""


def _shown(path: str, root: str) -> str:
    return "/" + os.path.relpath(path, root) if root != "/" else path
