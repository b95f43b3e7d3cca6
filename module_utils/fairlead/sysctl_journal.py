"""What the keys held before Fairlead came: written before the first change, read when a key is wanted no longer. Pure.

The file is JSON with one key a line, so that a difference can be read. An entry is made once and never made anew
while its key is wanted: a value that somebody sets by hand meanwhile is not the node's earlier value.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible.module_utils.fairlead import sysctl_lists
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.sysctl_settings import (
    AT_LEAST,
    AT_MOST,
    EXACT,
    INCLUDES,
    Setting,
    satisfied,
    wanted_value,
)

PATH = "/var/lib/fairlead/node_sysctl.json"
_VERSION = 1

# Writing the key changes these as well (net/ipv4/devinet.c inet_forward_change(), net/ipv6/addrconf.c
# addrconf_fixup_forwarding() and addrconf_disable_change()): they go back with it.
_IPV4 = ("net/ipv4/conf/*/forwarding", "net/ipv4/conf/all/accept_redirects")
SIDE_EFFECTS = {
    "net/ipv4/ip_forward": _IPV4,
    "net/ipv4/conf/all/forwarding": _IPV4,
    "net/ipv6/conf/all/forwarding": ("net/ipv6/conf/*/forwarding",),
    "net/ipv6/conf/all/disable_ipv6": ("net/ipv6/conf/*/disable_ipv6",),
}


class Entry(NamedTuple):
    """One key. live: its value before us (None: not there yet); boot: what other files of sysctl.d gave it then (None:
    nothing); asked and compare: what we want now; side: values of the keys that change with it."""

    live: str | None
    boot: str | None
    asked: str
    compare: str
    side: Mapping[str, str] = {}

    @property
    def added(self) -> str:
        """The elements of a list that are there because of us."""
        return sysctl_lists.without(self.asked, self.live or "")


def parse(text: str | None, path: str = PATH) -> dict[str, Entry]:
    """Entries by path of the key. Raises FairleadError for a file that is not ours."""
    if text is None:
        return {}
    try:
        content: Any = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']!r} is not {_VERSION}")
        return {key: Entry(**entry) for key, entry in content["keys"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FairleadError(path, f"is not a journal of this version of Fairlead: {error}",
                            "restore it from a backup, or move it away: the values from before Fairlead are then lost"
                            ) from error


def render(entries: Mapping[str, Entry]) -> str | None:
    """The file's text; None when there is nothing to remember and so no file."""
    if not entries:
        return None
    lines = [f"  {json.dumps(key)}: {json.dumps(_plain(entry), sort_keys=True)}"
             for key, entry in sorted(entries.items())]
    body = ",\n".join(lines)
    return f'{{"version": {_VERSION}, "keys": {{\n{body}\n}}}}\n'


def _plain(entry: Entry) -> dict[str, Any]:
    plain = {"live": entry.live, "boot": entry.boot, "asked": entry.asked, "compare": entry.compare}
    return {**plain, "side": dict(entry.side)} if entry.side else plain


def begun(entry: Entry | None, setting: Setting, live: str | None, boot: str | None, side: Mapping[str, str]) -> Entry:
    """The entry that has to be on disk before the key is changed. Of a list or limit it holds all that we have ever
    asked for, since all of it may be in the kernel because of us."""
    if entry is None:
        return Entry(live, boot, setting.value, setting.compare, side)
    asked = setting.value
    if setting.compare == entry.compare == INCLUDES:
        asked = sysctl_lists.union(entry.asked, asked)
    elif setting.compare == entry.compare and setting.compare != EXACT:
        asked = wanted_value(setting, entry.asked)
    return entry._replace(asked=asked, compare=setting.compare)


def settled(entry: Entry, setting: Setting) -> Entry:
    """The entry once the kernel has what is asked: of a list, only that is still there because of us."""
    return entry._replace(asked=setting.value) if setting.compare == INCLUDES else entry


def earlier_value(setting_path: str, entry: Entry, live: str, boot: str | None) -> str | None:
    """What the key goes back to, given its live value and what the other files give it at boot now; None: it stays.

    When those files have changed their mind since we came, they are right. A floor or ceiling that somebody has moved
    further since then stays moved, and of a list only our own elements go.
    """
    if entry.compare == INCLUDES:
        return sysctl_lists.without(live, entry.added)
    if boot is not None and boot != entry.boot:
        return boot
    if entry.live is None:
        return None
    if entry.compare in (AT_LEAST, AT_MOST):
        ours = wanted_value(Setting(setting_path, entry.asked, entry.compare), entry.live)
        back = AT_MOST if entry.compare == AT_LEAST else AT_LEAST
        if not satisfied(Setting(setting_path, ours, back), live):
            return None
    return entry.live
