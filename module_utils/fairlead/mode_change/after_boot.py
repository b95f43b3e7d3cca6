"""What a node does at boot when it lost power in the middle of a change: put its label back, so that the old kube-proxy
starts. With kubelet's credentials alone: the change's own token was in memory.

It touches nothing while a guard is at work, or where the bridge of one is in the kernel and serves. A label that names
a DaemonSet brings a kube-proxy by itself; such a change stays open for the next run of the role, as after any kill.
"""
from __future__ import annotations

import os
import sys
import time
from typing import Any, NamedTuple

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.daemonset_node import LABEL, NOBODY, label_of, name_of
from ansible.module_utils.fairlead.mode_change import boot_unit, way_daemonset, ways
from ansible.module_utils.fairlead.mode_change.follow import in_kernel
from ansible.module_utils.fairlead.mode_change.journal import BACK, Journal

PATIENCE_SECONDS = 5.0  # somebody who only looks holds the lock for a moment
AGAIN = 75  # sysexits.h: the same may succeed later; systemd then starts it again


class Decision(NamedTuple):
    """back: put the label back and end the change; over: the unit has nothing left to do; words: why."""

    back: bool
    over: bool
    words: str


def decide(state: dict[str, Any] | None, bridged: bool, label: str) -> Decision:
    """state: of a change by pods that was not ended; bridged: the kernel has the bridge, so this is no boot that lost
    it; label: the node's now."""
    if state is None:
        return Decision(False, True, "no change of the mode is open")
    if bridged:
        return Decision(False, False, "the bridge serves; the next run of role kube_proxy takes the change up again")
    if label != NOBODY:
        return Decision(False, True, f"label {LABEL} names {name_of(label)}, so its kube-proxy starts; the next run of "
                                     "role kube_proxy takes the change up again")
    return Decision(True, True, f"a boot found the change left in phase {state['phase']} and no kube-proxy meant to "
                                f"start; the label names {name_of(state['old'])} again, as before the change")


def run(journal: Journal, unit: boot_unit.BootUnit, commands: Commands) -> str:
    """What was done, or why nothing. Raises FairleadError for what it has to wait for."""
    seen = _open(journal)
    # An API server that hangs takes its time: not while others wait for the lock.
    node = way_daemonset.observe(seen["node"], seen["kubeconfig"]) if seen else None
    descriptor = journal.take(PATIENCE_SECONDS)
    try:
        state = _open(journal)
        if state and not node:
            raise FairleadError(journal.lock_path, "a change began just now", "look again once it has ended")
        decision = decide(state, bool(state) and bridged(commands), (label_of(node) or "") if node else "")
        if decision.back:
            way_daemonset.put_back(node, state["old"], state["kubeconfig"])
            journal.write({**state, "outcome": BACK, "text": decision.words, "ended": time.time()})
            journal.say(f"{BACK}: {decision.words}")
        if decision.over:
            # Under the lock: the next guard may install it anew.
            unit.remove(stop=False)
    finally:
        os.close(descriptor)
    return decision.words


def bridged(commands: Commands) -> bool:
    return any(in_kernel(family, commands) for family in ("ip", "ip6"))


def _open(journal: Journal) -> dict[str, Any] | None:
    state = journal.left()
    return state if state and state.get("way") == ways.DAEMONSET else None


def main() -> None:
    """The unit's process: python3 guard.zip PLACE after-boot. What it prints stands in the unit's own journal."""
    commands = Commands()
    try:
        print(run(Journal(sys.argv[1]), boot_unit.BootUnit(commands), commands))
    except FairleadError as error:
        print(f"kube-proxy's label cannot be looked at or put back yet, so this waits and tries again in "
              f"{boot_unit.PAUSE_SECONDS} s: {error}")
        sys.exit(AGAIN)
