"""How this node's kube-proxy is stopped and started: as a unit of systemd, or as a pod of the DaemonSet that the node's
label names. Nothing else of a change differs between the two.

`place` is what decides in which mode it starts: under systemd the text of its configuration file, as a pod the label.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.mode_change import boot_unit
from ansible.module_utils.fairlead.mode_change.kubeconfig import Access
from ansible.module_utils.fairlead.mode_change.way_daemonset import DaemonSetWay
from ansible.module_utils.fairlead.mode_change.way_systemd import SystemdWay

SYSTEMD, DAEMONSET = "systemd", "daemonset"
# Way -> how often it may wait for as long as a first sync may take: there for the old pod to end, the new one to run.
WAITS = {SYSTEMD: 1, DAEMONSET: 3}


class Way(Protocol):
    """check: raises when the change was told to stop; a wait calls it again and again."""

    def access(self) -> Access:
        """With whose credentials the cluster is read meanwhile."""

    def try_out(self) -> None:
        """Raise FairleadError where stop() or start() would be refused. Changes nothing."""

    def prepare(self, say: Callable[[str], None]) -> None:
        """Before stop(): what a node needs that loses power while kube-proxy is stopped. Raises FairleadError when it
        cannot be had. say: writes into the journal."""

    def is_at(self, place: str) -> bool:
        """Whether it starts, or has started, there."""

    def stop(self, check: Callable[[], None]) -> None:
        """Until no process of it is left. Its rules stay in the kernel."""

    def configure(self, place: str) -> None:
        """While it is stopped."""

    def start(self, place: str, check: Callable[[], None]) -> None:
        """That it serves is for the proof to say."""

    def finish(self) -> str:
        """After the last start, or when nothing was stopped: nothing has to be kept for a way back. A sentence when
        that could not be said."""


def of(request: dict[str, Any], token: str, commands: Commands) -> Way:
    """request: as in guard.Change; token: of kube-proxy's account, for pods, whose own token ends with them."""
    if request.get("way", SYSTEMD) == SYSTEMD:
        return SystemdWay(request["path"], request["kubeconfig"], commands)
    return DaemonSetWay(request["node"], request["old"], request["kubeconfig"], token, request["timeout"],
                        boot=boot_unit.BootUnit(commands))
