"""kube-proxy as a part of k3s or rke2: one drop-in with its flags, and a restart of the service that reads it.

Both read config.yaml and then config.yaml.d/*.yaml by name; a key in a later file replaces the earlier one, with a "+"
it is appended to, and the service's own command line comes on top (k3s pkg/configfilearg/parser.go). So that what we
write is what counts, nobody else may set kube-proxy-arg. k3s runs kube-proxy in its own process; rke2 makes a static
pod of it, whose manifest it removes and writes again at every start (rke2 pkg/executor/staticpod), so that a change
made there would not last.
"""
from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask
from ansible.module_utils.fairlead.kube_proxy.service import HOLD, INTERRUPTS, REFUSE, pending_warning
from ansible.module_utils.fairlead.kube_proxy.unit import NAME as NAME_OF_UNIT
from ansible.module_utils.fairlead.plan import Plan, Step

UNITS = {"k3s": ("k3s.service", "k3s-agent.service"), "rke2": ("rke2-server.service", "rke2-agent.service")}
OWN_MODE = "iptables"  # what both run without kube-proxy-arg
NAME = "90-fairlead-kube-proxy.yaml"
# A key in YAML of either style, wherever it stands; not one that says nothing.
KEY = re.compile(r"""^[^#\n]*?(kube-proxy-arg\+?|disable-kube-proxy)["']?\s*:(?!\s*(?:false|\[\s*\])\s*$)""",
                 re.MULTILINE)
_CLOCK = 2.0  # seconds by which a process may seem to have begun before its restart was asked for


@dataclass(frozen=True)
class Desired:
    """distribution: k3s or rke2; text: of the drop-in, None to take it away; mode: what then runs; families, node,
    mode_change, restarts, timeout, warnings: as in service.Desired."""

    distribution: str
    mode: str
    text: str | None
    node: str
    mode_change: str
    restarts: str
    timeout: float
    families: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """text: of our drop-in; others: places where somebody else sets kube-proxy's flags; unit: the service that is
    there, "" for none; stale: whether our drop-in is younger than the running service; answer: of kube-proxy; second:
    whether a unit of its own runs kube-proxy too."""

    text: str | None
    others: tuple[str, ...]
    unit: str
    active: bool
    stale: bool
    answer: ask.Answer
    second: bool = False


def home(distribution: str) -> str:
    return f"/etc/rancher/{distribution}"


def path(distribution: str) -> str:
    return f"{home(distribution)}/config.yaml.d/{NAME}"


def render(distribution: str, arguments: list[str]) -> str:
    """The drop-in's text: same flags, same bytes. A JSON string is a YAML string."""
    undo = f"# To undo: remove this file and restart {' or '.join(UNITS[distribution])}."
    return "\n".join([files.OWNER_LINE, undo, "kube-proxy-arg:", *(f"  - {json.dumps(one)}" for one in arguments), ""])


def observe(desired: Desired, commands: Commands, root: str = "/") -> Observed:
    found = {}
    for unit in UNITS[desired.distribution]:
        shown = commands.check(["systemctl", "show", unit, "--property",
                                "LoadState,ActiveState,ActiveEnterTimestampMonotonic,ExecStart"]).stdout
        found[unit] = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    there = [unit for unit, state in found.items() if state.get("LoadState") == "loaded"]
    unit = next((one for one in there if found[one].get("ActiveState") == "active"), there[0] if there else "")
    state = found.get(unit, {})
    place = os.path.join(root, path(desired.distribution).lstrip("/"))
    began = time.time() - time.monotonic() + int(state.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    active = state.get("ActiveState") in ("active", "activating")
    second = commands.run(["systemctl", "is-active", "--quiet", NAME_OF_UNIT]).ok
    return Observed(
        second=second, text=files.read_text(place), unit=unit, active=active, answer=ask.ask(),
        others=(*others(desired.distribution, root), *on_the_command_line(unit, state.get("ExecStart", ""))),
        stale=active and os.path.exists(place) and os.stat(place).st_mtime > began)


def others(distribution: str, root: str = "/") -> tuple[str, ...]:
    """"FILE:LINE: key" of every file but ours that sets kube-proxy's flags, or switches kube-proxy off."""
    top = os.path.join(root, home(distribution).lstrip("/"))
    drop_ins = os.path.join(top, "config.yaml.d")
    names = sorted(os.listdir(drop_ins)) if os.path.isdir(drop_ins) else []
    places = [os.path.join(top, "config.yaml"), *(os.path.join(drop_ins, name) for name in names
                                                  if name != NAME and name.lower().endswith((".yaml", ".yml")))]
    found = []
    for place in places:
        text = files.read_text(place) or ""
        found += [f"{place}:{text.count(chr(10), 0, match.start(1)) + 1}: {match[1]}" for match in KEY.finditer(text)]
    return tuple(found)


def on_the_command_line(unit: str, exec_start: str) -> tuple[str, ...]:
    """What the service's own command line says about kube-proxy, or about another place of the configuration."""
    said = re.findall(r"--(kube-proxy-arg|disable-kube-proxy|config)\b", exec_start)
    return tuple(f"the command line of {unit}: --{one}" for one in dict.fromkeys(said))


def plan(desired: Desired, observed: Observed) -> Plan:
    """Steps from what runs to what is asked; none, with a warning, where a change of mode would lose connections."""
    if not observed.unit:
        if desired.text is None and observed.text is None:
            return Plan(unchanged=f"{desired.distribution} is not on this node, nor is our drop-in")
        raise FairleadError("kube_proxy_deployment", f"this node has none of {', '.join(UNITS[desired.distribution])}",
                            "install it first, or set kube_proxy_deployment to how kube-proxy is run",
                            desired.distribution)
    if observed.second and desired.text is not None:
        raise FairleadError("kube_proxy_deployment", f"{NAME_OF_UNIT} runs a kube-proxy of its own on this node",
                            "set kube_proxy_deployment: systemd, or stop and disable that unit", desired.distribution)
    if observed.others and desired.text is not None:
        raise FairleadError("kube-proxy-arg", f"is set elsewhere: {'; '.join(observed.others)}. What counts then "
                            "depends on the order of files", "remove it there, and write its values as kube_proxy_* "
                            "variables")
    running = observed.answer.mode
    if running and running != desired.mode and desired.mode_change == REFUSE and observed.active:
        return Plan(unchanged=f"kube-proxy serves in {running} mode and was left as it is",
                    warnings=(*desired.warnings, pending_warning(desired.node, running, desired.mode)))
    steps = files.step(path(desired.distribution), observed.text, desired.text)
    off = bool(running) and running != desired.mode
    if observed.active and (steps or observed.stale or off):
        steps.append(Step("restart", observed.unit, f"running kube-proxy in {running or 'unknown'} mode",
                          f"running kube-proxy in {desired.mode} mode with these flags", (running, observed.text)))
    if desired.restarts == HOLD and any(step.action in INTERRUPTS for step in steps):
        return Plan(unchanged="a restart is due, and waits for its turn")
    asleep = (f"{desired.node}: {observed.unit} does not run; it reads the flags when it starts",)
    return Plan(tuple(steps), unchanged=f"{desired.distribution} runs kube-proxy in {desired.mode} mode as configured",
                warnings=(*desired.warnings, *(() if observed.active else asleep)))


def apply(desired: Desired, step: Step, commands: Commands) -> None:
    if step.action == "write":
        files.write_text(step.target, step.after)
    elif step.action == "remove":
        files.remove(step.target)
    else:
        try:
            _restart(desired, step.target, desired.mode, commands)
        except FairleadError as error:
            running, before = step.data
            outcome = _go_back(desired, step.target, running or desired.mode, before, commands)
            raise FairleadError(error.field, f"{error.problem}. {outcome}", error.remedy, error.value) from error


def _restart(desired: Desired, unit: str, mode: str, commands: Commands) -> None:
    """Until the kube-proxy of this start serves. rke2's earlier pod answers for a while beside it."""
    since = time.time() - _CLOCK
    commands.check(["systemctl", "restart", unit], timeout=desired.timeout)
    try:
        ask.wait_until_serving(mode, desired.families, desired.timeout, since)
    except FairleadError as error:
        remedy = f"read journalctl -u {unit} on the node"
        raise FairleadError(error.field, error.problem, remedy, error.value) from error


def _go_back(desired: Desired, unit: str, mode: str, before: str | None, commands: Commands) -> str:
    """Put the drop-in back as it was and start the service with it; the sentence that says what came of it."""
    for step in files.step(path(desired.distribution), desired.text, before):
        apply(desired, step, commands)
    try:
        _restart(desired, unit, mode, commands)
    except FairleadError as error:
        return f"The node went back to its previous flags, and does not serve with them either: {error.problem}"
    return f"The node went back to its previous flags and serves in {mode} mode"
