"""What the running kernel says about modules: parsers of its files, and the observer that reads them.

No single file is enough. /proc/modules lists what was loaded and never what is built in; /sys/module lists
only those built-in modules that have parameters; modules.builtin and modules.dep belong to the installed
kernel package and are absent from containers and from a kernel whose package was replaced while it runs.
"""
from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from ansible.module_utils.fairlead import kernel_modules_config as config
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kernel_modules_wanted import normalise

LOADED, BUILTIN, LOADABLE, MISSING, BLOCKED = "loaded", "builtin", "loadable", "missing", "blocked"

# Merged into another module without leaving an alias behind. Tried only after the name itself was not found,
# so that kernels from before the merge (4.19; 5.1 for nat) and after it both work, whatever their version
# says.
RENAMED = {
    "nf_conntrack_ipv4": "nf_conntrack",
    "nf_conntrack_ipv6": "nf_conntrack",
    "nf_nat_ipv4": "nf_nat",
    "nf_nat_ipv6": "nf_nat",
}


class Found(NamedTuple):
    """One module: its state, and the name that this kernel knows it by (another one for aliases)."""

    state: str
    name: str


class Kernel(NamedTuple):
    """The running kernel as far as modules are concerned."""

    release: str
    found: dict[str, Found]  # by the name that was asked for
    installed: bool = True  # /lib/modules/<release> exists
    locked: bool = False  # kernel.modules_disabled: nothing can be loaded until the next boot
    distribution: str = ""  # ID and ID_LIKE of os-release, when something is missing


def parse_proc_modules(text: str) -> set[str]:
    """Names in /proc/modules that are in use or ready; one that is just going away does not count."""
    rows = (line.split() for line in text.splitlines())
    return {row[0] for row in rows if row and "Unloading" not in row[4:5]}


def parse_users(text: str) -> dict[str, tuple[int, frozenset[str]]]:
    """/proc/modules as name -> (how often it is in use, the modules that use it)."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: (int(row[2]), frozenset(filter(None, row[3].replace("-", "").split(","))))
            for row in rows if len(row) > 3 and row[2].isdigit()}


def parse_paths(text: str) -> set[str]:
    """Names in modules.dep or modules.builtin: 'kernel/net/netfilter/xt_mark.ko.xz: ...' is xt_mark."""
    paths = (line.split(":", 1)[0].strip() for line in text.splitlines())
    return {normalise(os.path.basename(path).split(".ko", 1)[0]) for path in paths if path}


def parse_modinfo(text: str) -> tuple[set[str], dict[str, str]]:
    """Names, and aliases to names, in modules.builtin.modinfo: NUL-separated 'ext4.alias=ext3'."""
    names: set[str] = set()
    aliases: dict[str, str] = {}
    for record in text.split("\0"):
        left, equals, value = record.partition("=")
        name, dot, field = left.partition(".")
        if not (equals and dot):
            continue
        names.add(normalise(name))
        if field == "alias":
            aliases[normalise(value)] = normalise(name)
    return names, aliases


def parse_aliases(text: str) -> dict[str, str]:
    """Alias to name in modules.alias; patterns for hardware are never what a person asks for."""
    rows = (line.split() for line in text.splitlines())
    return {normalise(row[1]): normalise(row[2])
            for row in rows if len(row) == 3 and row[0] == "alias" and not set("*?[") & set(row[1])}


def parse_os_release(text: str) -> str:
    """'ubuntu debian': ID, then what it is like."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return " ".join(values.get(field, "").strip("\"'") for field in ("ID", "ID_LIKE")).strip()


def observe_kernel(names: Iterable[str], root: str = "/", release: str | None = None) -> Kernel:
    """The state of the named modules. Files are read only while something is still unknown: on a node that is
    as it should be, /proc/modules answers alone."""
    release = release or os.uname().release
    tree = os.path.join(root, "lib/modules", release)
    asked = [normalise(name) for name in names]
    known = _Known()
    known.add(LOADED, parse_proc_modules(_read(root, "proc/modules")))
    if not known.has_all(asked):
        # Loaded modules stand in /sys/module too, but only they have an initstate.
        known.add(BUILTIN, {name for name in _listed(root, "sys/module")
                            if not os.path.exists(os.path.join(root, "sys/module", name, "initstate"))})
        modinfo, builtin_aliases = parse_modinfo(_read(tree, "modules.builtin.modinfo"))
        known.add(BUILTIN, modinfo | parse_paths(_read(tree, "modules.builtin")))
        known.add(LOADABLE, parse_paths(_read(tree, "modules.dep")))
        known.aliases.update(builtin_aliases)
    if not known.has_all(asked):
        known.aliases.update(parse_aliases(_read(tree, "modules.alias")))
        known.renamed = RENAMED
    if not known.has_all(asked):
        known.add(BUILTIN, config.builtin(asked, config.read_config(root, release)))
    found = {name: known.find(name) for name in asked}
    missing = any(module.state == MISSING for module in found.values())
    return Kernel(
        release, found,
        installed=os.path.isdir(tree),
        locked=_read(root, "proc/sys/kernel/modules_disabled").strip() == "1",
        distribution=parse_os_release(_read(root, "etc/os-release")) if missing else "",
    )


class _Known:
    """Names gathered so far; the first source that knows a name decides."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.renamed: dict[str, str] = {}

    def add(self, state: str, names: Iterable[str]) -> None:
        for name in names:
            self.states.setdefault(name, state)

    def has_all(self, names: Iterable[str]) -> bool:
        return all(self.find(name).state != MISSING for name in names)

    def find(self, name: str) -> Found:
        for candidate in (name, self.aliases.get(name), self.renamed.get(name)):
            if candidate in self.states:
                return Found(self.states[candidate], candidate)
        return Found(MISSING, name)


def _read(*path: str) -> str:
    return read_text(os.path.join(*path)) or ""


def _listed(*path: str) -> list[str]:
    try:
        return os.listdir(os.path.join(*path))
    except OSError:
        return []
