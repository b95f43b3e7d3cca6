"""A unit of systemd for a node that loses power while its label says "none".

Nothing would bring such a node back by itself: the label is the cluster's, so no kube-proxy starts at boot, and the
bridge was the kernel's. The unit is there while a change lasts and runs after_boot.py, out of the guard's own archive.
"""
from __future__ import annotations

import sys

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.bootstrap import UNITS, escaped
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.mode_change.journal import PLACE

NAME, TARGET = "fairlead-mode-change-boot.service", "multi-user.target"
WORD = "after-boot"  # after the place of the journal: the archive is to run after_boot.py, not the guard
INIT = "/proc/1/comm"
PAUSE_SECONDS = 10
SECONDS = 60.0  # for systemctl, which waits until it is done

TEMPLATE = """\
{owner}
# It is here only while a live change brings this node from one pod of kube-proxy to another; it goes with the change.
# To undo: systemctl disable {name}, then remove this file.
# Without it, a node that loses power in that change starts no kube-proxy until role kube_proxy has run.
[Unit]
Description=Bring kube-proxy back after a boot in the middle of a change of its mode
Wants=network-online.target
After=network-online.target kubelet.service
ConditionPathExists={place}/guard.zip
# The API server may be away for long, as when a whole site was without power: half a day, or longer where it hangs.
StartLimitIntervalSec=7d
StartLimitBurst=4000

[Service]
Type=oneshot
ExecStart={python} {place}/guard.zip {place} {word}
# systemd lets a oneshot do this since release 244.
Restart=on-failure
RestartSec={pause}
TimeoutStartSec=5min

[Install]
WantedBy={target}
"""


def render(python: str, place: str = PLACE) -> str:
    """python: the interpreter that runs the guard."""
    return TEMPLATE.format(owner=files.OWNER_LINE, name=NAME, python=escaped(python), place=escaped(place), word=WORD,
                           pause=PAUSE_SECONDS, target=TARGET)


class BootUnit:
    """units: systemd's directory; init: where the first process's name stands."""

    def __init__(self, commands: Commands, units: str = UNITS, init: str = INIT) -> None:
        self._commands, self._units, self._init = commands, units, init
        self._path = f"{units}/{NAME}"

    def install(self) -> str:
        """Started by the next boot, and not before. A sentence for the journal."""
        if (files.read_text(self._init) or "").strip() != "systemd":
            return ("systemd is not this node's first process, so nothing brings kube-proxy back by itself if the node "
                    "loses power while its label is none")
        before, text = files.read_text(self._path), render(sys.executable)
        if before != text:
            files.write_text(self._path, text)
        try:
            self._commands.check(["systemctl", "enable", NAME], timeout=SECONDS)
            # The power may go in the next second, and systemctl leaves it to the kernel when its link is on the disk.
            files.sync_directory(f"{self._units}/{TARGET}.wants")
            files.sync_directory(self._units)
        except (FairleadError, OSError) as error:
            if before is None:
                files.remove(self._path)
            raise FairleadError(self._path, "cannot be enabled, and without it no kube-proxy would start on a node "
                                f"that loses power in the change: {error}",
                                "make systemctl enable work there") from error
        return f"{NAME} puts the label back if the node loses power while it is none"

    def remove(self, *, stop: bool) -> None:
        """stop: end it too, as where it still asks for an API server; it removes itself without."""
        if files.read_text(self._path) is None:
            return
        self._commands.check(["systemctl", "disable", *(["--now"] if stop else []), NAME], timeout=SECONDS)
        files.remove(self._path)
        self._commands.check(["systemctl", "daemon-reload"], timeout=SECONDS)
