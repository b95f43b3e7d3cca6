"""The pulling units on a node: what is there, what is missing, and making it so."""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.bootstrap import SERVICE, SIGNERS, TIMER, UNITS
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan, Step

OURS = (SIGNERS, f"{UNITS}/{SERVICE}", f"{UNITS}/{TIMER}")
PROGRAMS = ("/usr/bin/ansible-pull", "/usr/bin/git", "/usr/bin/flock")
FIELDS = ("ActiveState", "UnitFileState", "NeedDaemonReload")


@dataclass(frozen=True)
class Observed:
    """Texts of our files (None: not there), and systemd's view of the timer."""

    texts: Mapping[str, str | None]
    active: bool
    enabled: bool
    reload_needed: bool


def check_node(schedule: str, pgp: bool, commands: Commands) -> None:
    """What a pull needs on the node; said before anything is written."""
    missing = [path for path in (*PROGRAMS, *(["/usr/bin/gpg"] if pgp else [])) if not os.access(path, os.X_OK)]
    if missing:
        raise FairleadError("node_bootstrap", f"this node has no {', '.join(missing)}",
                            "install ansible-core, git, util-linux and, for OpenPGP keys, gpg there")
    judged = commands.run(["systemd-analyze", "calendar", schedule])
    if not judged.ok:
        raise FairleadError("node_bootstrap_schedule", f"systemd says: {judged.stderr.strip()}",
                            "write a calendar expression such as *:0/30, see systemd.time(7)", schedule)


def observe(commands: Commands) -> Observed:
    shown = commands.check(["systemctl", "show", TIMER, "--property", ",".join(FIELDS)]).stdout
    state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return Observed(
        texts={path: files.read_text(path) for path in OURS}, active=state.get("ActiveState") == "active",
        enabled=state.get("UnitFileState") == "enabled", reload_needed=state.get("NeedDaemonReload") == "yes")


def plan(wanted: Mapping[str, str], observed: Observed) -> Plan:
    """wanted: texts of our files by path; empty takes everything of ours away."""
    writes = [step for path in OURS for step in files.step(path, observed.texts[path], wanted.get(path))]
    units = any(step.target != SIGNERS for step in writes)
    reload = [Step("reload", "systemd")] if units or observed.reload_needed else []
    if not wanted:
        running = observed.active or observed.enabled
        stop = [Step("disable", TIMER, "started at boot", "not started")] if running else []
        return Plan((*stop, *writes, *reload), unchanged="the node does not pull, and nothing of ours is there")
    steps = [*writes, *reload]
    if not observed.enabled or not observed.active:
        steps.append(Step("enable", TIMER, "not started", "started now and at boot"))
    elif any(step.target == f"{UNITS}/{TIMER}" for step in writes) or observed.reload_needed:
        steps.append(Step("restart", TIMER, "with its earlier schedule", "with its schedule"))
    return Plan(tuple(steps), unchanged=f"{TIMER} runs as asked")


def apply(step: Step, commands: Commands) -> None:
    if step.action == "write":
        files.write_text(step.target, step.after)
    elif step.action == "remove":
        files.remove(step.target)
    elif step.action == "reload":
        commands.check(["systemctl", "daemon-reload"], timeout=60)
    elif step.action == "restart":
        commands.check(["systemctl", "restart", TIMER], timeout=60)
    else:
        commands.check(["systemctl", step.action, "--now", TIMER], timeout=60)
