"""What sysctl.d gives each key at boot, and the file and line that give it: pure, but for the reader of the files.

As systemd-sysctl does it (src/sysctl/sysctl.c, 252 to 257; tests/parity compares with the real program):

* A later assignment of the same spelling replaces the earlier one, and takes its later place unless the value is the
  same.
* A name with a pattern (*, ?, [) is expanded when it is applied, and passes over every key that is also named in full,
  wherever that stands. `-name` without a value takes the key out of the patterns and sets nothing.
* A leading `-` before an assignment only silences errors.
* Two names of one kernel variable are two keys to it, so the one that is applied last wins.

/etc/sysctl.conf is not among its files unless a link in sysctl.d leads to it (Debian 12 has one, Debian 13 not);
`sysctl --system` and `sysctl -p` of procps read it last, whoever calls them.
"""
from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from ansible.module_utils.fairlead.conf_dirs import ConfFile, read_conf_dirs
from ansible.module_utils.fairlead.files import read_text

PROCPS_FILE = "/etc/sysctl.conf"
# systemd 252 and later apply it after all files (systemd.system-credentials(7)).
CREDENTIAL = "/run/credentials/systemd-sysctl.service/sysctl.extra"

# Names of one kernel variable (net/netfilter/nf_conntrack_standalone.c, net/ipv4/devinet.c).
ALIASES = (
    frozenset({"net/netfilter/nf_conntrack_max", "net/nf_conntrack_max"}),
    frozenset({"net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding"}),
)
_BLANKS = " \t\n\r"
_GLOB = re.compile(r"[*?\[]")


class Line(NamedTuple):
    """One assignment. path is below /proc/sys and may be a pattern; value None takes the key out of patterns."""

    file: str
    number: int
    path: str
    value: str | None

    @property
    def place(self) -> str:
        return f"{self.file}:{self.number}"


def read_boot_files(root: str = "/") -> list[ConfFile]:
    """The files that systemd-sysctl applies at boot, in order."""
    extra = read_text(root.rstrip("/") + CREDENTIAL)
    return [*read_conf_dirs("sysctl.d", root), *([ConfFile(CREDENTIAL, extra)] if extra else [])]


def boot_path(name: str) -> str:
    """systemd's reading of a name: when its first separator is a dot, dots and slashes change places."""
    first = re.search(r"[./]", name)
    if first and first.group() == ".":
        name = name.translate(str.maketrans("./", "/."))
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def parse_lines(file: ConfFile) -> list[Line]:
    """The assignments of one file; other lines are passed over, as systemd does with a word in its log."""
    lines = []
    for number, raw in enumerate(file.text.split("\n"), 1):
        text = raw.strip(_BLANKS)
        if not text or text[0] in "#;":
            continue
        name, equals, value = text.partition("=")
        if not equals and not name.startswith("-"):
            continue
        path = boot_path(name[1:].strip(_BLANKS) if name.startswith("-") else name.strip(_BLANKS))
        lines.append(Line(file.path, number, path, value.strip(_BLANKS) if equals else None))
    return lines


def effective(files: Iterable[ConfFile]) -> dict[str, Line]:
    """The assignments that count, in the order in which they are applied."""
    lines: dict[str, Line] = {}
    for file in files:
        for line in parse_lines(file):
            earlier = lines.get(line.path)
            if earlier is not None and earlier.value == line.value:
                continue
            lines.pop(line.path, None)
            lines[line.path] = line
    return lines


def winner(lines: dict[str, Line], path: str) -> Line | None:
    """The line that gives this key its value at boot, or None when the kernel's default stays."""
    last = None
    for name in _names(path):
        explicit = name in lines
        for position, line in enumerate(lines.values()):
            hit = line.path == name if explicit else _matches(line.path, name)
            if hit and line.value is not None and (last is None or position > last[0]):
                last = position, line
    return last[1] if last else None


def read_procps_file(root: str = "/") -> list[ConfFile]:
    """/etc/sysctl.conf, unless a link in sysctl.d makes it one of systemd's files too."""
    path = root.rstrip("/") + PROCPS_FILE
    linked = os.path.realpath(path)
    if any(os.path.realpath(root.rstrip("/") + file.path) == linked for file in read_conf_dirs("sysctl.d", root)):
        return []
    text = read_text(path)
    return [ConfFile(PROCPS_FILE, text)] if text else []


def _names(path: str) -> Iterable[str]:
    return next((group for group in ALIASES if path in group), (path,))


def _matches(pattern: str, path: str) -> bool:
    """glob(3): a pattern does not reach over a slash."""
    if not _GLOB.search(pattern):
        return False
    patterns, parts = pattern.split("/"), path.split("/")
    return len(patterns) == len(parts) and all(map(fnmatchcase, parts, patterns))
