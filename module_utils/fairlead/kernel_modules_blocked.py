"""What stands in the way of loading a module that is on disk: the rules of modprobe.d, the kernel's command line, and
the right to load at all. Pure, but for one reader.

Sources: modprobe.d(5); kmod libkmod-config.c; systemd src/modules-load (it honours deny lists, `modprobe NAME` does
not); kernel Documentation/admin-guide/kernel-parameters.txt (module_blacklist).
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible.module_utils.fairlead.conf_dirs import ConfFile, read_conf_dirs
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kernel_modules_wanted import normalise

_NOTHING = ("false", "nologin", "true")  # programs, wherever they lie
_CAP_SYS_MODULE = 16  # linux/capability.h


class Option(NamedTuple):
    """One parameter in an `options` line."""

    place: str
    value: str


class Rules(NamedTuple):
    """denied, replaced: file and line by module; options: by module and parameter, the last one counts; right:
    whether this process may load modules."""

    denied: Mapping[str, str] = {}
    replaced: Mapping[str, str] = {}
    options: Mapping[str, Mapping[str, Option]] = {}
    cmdline: Mapping[str, str] = {}
    right: bool = True


def read_rules(root: str = "/") -> Rules:
    status = read_text(os.path.join(root, "proc/self/status")) or ""
    return parse_rules(read_conf_dirs("modprobe.d", root), read_text(os.path.join(root, "proc/cmdline")) or "", status)


def parse_rules(files: Iterable[ConfFile], cmdline: str = "", status: str = "") -> Rules:
    """All rules at once. status: /proc/self/status; without it the right is taken for granted."""
    denied: dict[str, str] = {}
    replaced: dict[str, str] = {}
    options: dict[str, dict[str, Option]] = {}
    for file in files:
        for number, words in _lines(file.text):
            place, name = f"{file.path}:{number}", normalise(words[1])
            if words[0] == "blacklist":
                denied[name] = place
            elif words[0] == "install" and len(words) > 2 and os.path.basename(words[2]) in _NOTHING:
                replaced[name] = place
            elif words[0] == "options":
                for word in words[2:]:
                    parameter, _equals, value = word.partition("=")
                    options.setdefault(name, {})[normalise(parameter)] = Option(place, value)
    given = dict(word.partition("=")[::2] for word in cmdline.split())
    for name in filter(None, given.get("modprobe.blacklist", "").split(",")):
        denied[normalise(name)] = "modprobe.blacklist on the kernel's command line"
    for name in filter(None, given.get("module_blacklist", "").split(",")):
        replaced[normalise(name)] = "module_blacklist on the kernel's command line"
    return Rules(denied, replaced, options, given, _right(status))


def why_blocked(name: str, rules: Rules, locked: bool) -> str | None:
    """A clause on why this module cannot or must not be loaded now, or None."""
    if name in rules.replaced:
        return f"{rules.replaced[name]} forbids to load it; remove that line"
    if name in rules.denied:
        return f"{rules.denied[name]} has it on the deny list; remove that line"
    if locked:
        return "kernel.modules_disabled=1 forbids loading until the next boot; remove what sets that key and reboot"
    if not rules.right:
        return ("this process may not load modules (no CAP_SYS_MODULE); run as root on the machine itself, since a "
                "container cannot load modules")
    return None


def why_not_at_boot(name: str, rules: Rules) -> str | None:
    """A clause on why systemd will not load it at boot though it is in the kernel now, or None."""
    place = rules.replaced.get(name) or rules.denied.get(name)
    return f"{place} keeps it from being loaded at boot; remove that line" if place else None


def _lines(text: str) -> Iterable[tuple[int, list[str]]]:
    """Numbered lines of at least two words; a backslash at the end joins the next line, which counts as the first."""
    start, held = 0, ""
    for number, raw in enumerate(text.splitlines(), 1):
        start = start or number
        held += raw
        if held.endswith("\\"):
            held = held[:-1] + " "
            continue
        words = held.split()
        if len(words) > 1 and not words[0].startswith("#"):
            yield start, words
        start, held = 0, ""


def _right(status: str) -> bool:
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_SYS_MODULE & 1)
    return True
