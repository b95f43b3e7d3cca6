"""The texts of a node's files: the drop-in, and what sets a key whose module comes later than systemd-sysctl. Pure."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible.module_utils.fairlead import conntrack, sysctl_journal, sysctl_lists
from ansible.module_utils.fairlead.conf_dirs import replaced
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import OWNER_LINE
from ansible.module_utils.fairlead.sysctl_boot import effective, winner
from ansible.module_utils.fairlead.sysctl_observe import BROUGHT_BY, Observed, brought_by, parse_dropin
from ansible.module_utils.fairlead.sysctl_settings import (
    EXACT,
    INCLUDES,
    Parsed,
    Setting,
    satisfied,
    wanted_value,
)

MODPROBE = "/etc/modprobe.d/fairlead-conntrack.conf"
UDEV = "/etc/udev/rules.d/90-fairlead.rules"
_SYSTEMD_SYSCTL = "/lib/systemd/systemd-sysctl"  # where it lies, or a link leads, on every distribution


class Desired(NamedTuple):
    """What the user asked for: the settings and where they are kept."""

    parsed: Parsed
    path: str
    modprobe: str = MODPROBE
    udev: str = UDEV
    journal: str = sysctl_journal.PATH

    @property
    def paths(self) -> tuple[str, ...]:
        return self.path, self.modprobe, self.udev


def check_path(path: str) -> str:
    if not path.startswith("/") or not path.endswith(".conf"):
        raise FairleadError("path", "systemd reads only files that end in .conf",
                            "give an absolute path such as /etc/sysctl.d/90-fairlead.conf", path)
    return path


def texts(desired: Desired, values: Mapping[str, str]) -> dict[str, str | None]:
    """Our files by path, None for one that is not needed; values: those for boot, by path of the key."""
    settings = desired.parsed.settings
    return {desired.path: dropin_text(settings, values), desired.modprobe: modprobe_text(values),
            desired.udev: udev_text(settings)}


def dropin_text(settings: Iterable[Setting], values: Mapping[str, str]) -> str | None:
    """A key that may come late is written with a '-', so that its absence does not fail systemd-sysctl.service."""
    lines = [f"{'-' if setting.late else ''}{setting.key} = {values[setting.path]}".rstrip()
             for setting in settings if setting.path in values]
    if not lines:
        return None
    return "\n".join([OWNER_LINE, "# Kernel settings for kube-proxy; systemd-sysctl.service sets them at boot.",
                      *lines]) + "\n"


def modprobe_text(values: Mapping[str, str]) -> str | None:
    """The hash table is made when the module is loaded; enlarging it afterwards rehashes every connection."""
    if conntrack.BUCKETS not in values:
        return None
    return "\n".join([OWNER_LINE, "# The hash table of connection tracking, at the size that sysctl.d asks for.",
                      f"options nf_conntrack hashsize={values[conntrack.BUCKETS]}"]) + "\n"


def udev_text(settings: Iterable[Setting]) -> str | None:
    """One rule for each module that brings one of the keys, as sysctl.d(5) advises: a module that is loaded on demand
    comes after systemd-sysctl.service has passed over its keys."""
    modules = sorted({module for setting in settings for module in [brought_by(setting.path)] if module})
    if not modules:
        return None
    rules = []
    for module in modules:
        trees = dict.fromkeys(tree for tree, brings in BROUGHT_BY.items() if brings == module)
        words = " ".join(f"--prefix=/{tree}" for tree in trees)
        rules.append(f'ACTION=="add", SUBSYSTEM=="module", KERNEL=="{module}", RUN+="{_SYSTEMD_SYSCTL} {words}"')
    return "\n".join([OWNER_LINE, "# These modules bring keys, and may be loaded after systemd-sysctl.service has run.",
                      *rules]) + "\n"


def boot_values(desired: Desired, observed: Observed) -> dict[str, str]:
    """What our drop-in has to say of each key."""
    kept = parse_dropin(observed.files[desired.path])
    journal = sysctl_journal.parse(observed.files[desired.journal], desired.journal)
    others = effective(replaced(observed.boot, desired.path, None))
    values = {}
    for setting in desired.parsed.settings:
        line = winner(others, setting.path)
        values[setting.path] = _boot_value(setting, kept.get(setting.path), current(setting, observed, journal),
                                           line.value if line else None)
    return values


def _boot_value(setting: Setting, kept: str | None, live: str | None, other: str | None) -> str:
    """A limit keeps what our file holds, or else what is live or what another file asks for, when that is further:
    our file must not undo at boot what the kernel or another program made of it. A list keeps what all of them
    hold."""
    if setting.compare == EXACT:
        return setting.value
    if setting.compare == INCLUDES:
        return sysctl_lists.union(live or "", other or "", setting.value)
    if kept is not None and satisfied(setting, kept):
        return wanted_value(setting, kept)
    value = wanted_value(setting, live)
    further = Setting(setting.path, value, setting.compare)
    return wanted_value(further, other) if other is not None and satisfied(further, other) else value


def current(setting: Setting, observed: Observed, journal: Mapping[str, sysctl_journal.Entry]) -> str | None:
    """The live value, or the one with which the key is going to appear; of a list without the elements that we added
    and no longer want."""
    value = observed.live[setting.path]
    if value is None:
        return observed.first.get(setting.path)
    entry = journal.get(setting.path)
    if entry and setting.compare == entry.compare == INCLUDES:
        return sysctl_lists.without(value, sysctl_lists.without(entry.added, setting.value))
    return value
