"""kube-proxy under systemd: what is there, what is missing, and making it so."""
from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, unit
from ansible.module_utils.fairlead.mode_change import start
from ansible.module_utils.fairlead.plan import Plan, Step

REFUSE, RESTART, LIVE = "refuse", "restart", "live"
NOW, HOLD = "now", "hold"
API_SECONDS = 10.0
INTERRUPTS = ("restart", "change")  # steps that nodes take in turns


@dataclass(frozen=True)
class Desired:
    """mode, the two files, what may be done about a running proxy, and how long a start may take (seconds).

    families: "IPv4", "IPv6": those whose rules must have been written before a start counts as done
    node_object: name of the Node object; kubeconfig: kube-proxy's, for a live change
    restarts: HOLD leaves a running kube-proxy and its files alone, for its turn
    wait: whether a kube-proxy that did not serve before is waited for
    """

    mode: str
    node: str
    config_path: str
    config: str
    unit: str
    mode_change: str
    timeout: float
    families: tuple[str, ...]
    node_object: str = ""
    kubeconfig: str = ""
    restarts: str = NOW
    warnings: tuple[str, ...] = ()
    wait: bool = True


@dataclass(frozen=True)
class Observed:
    """Texts of our two files, systemd's view of the unit, what answers on kube-proxy's ports, and in which phase an
    earlier live change was left by a guard that was killed ("" for none)."""

    config: str | None
    unit: str | None
    active: bool
    enabled: bool
    reload_needed: bool
    answer: ask.Answer
    unfinished: str = ""


def observe(desired: Desired, commands: Commands) -> Observed:
    shown = commands.check(["systemctl", "show", unit.NAME, "--property",
                            "ActiveState,UnitFileState,NeedDaemonReload"]).stdout
    state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return Observed(
        config=files.read_text(desired.config_path), unit=files.read_text(unit.PATH),
        active=state.get("ActiveState") in ("active", "activating"),
        enabled=state.get("UnitFileState") == "enabled",
        reload_needed=state.get("NeedDaemonReload") == "yes",
        answer=ask.ask(), unfinished=(start.unfinished() or {}).get("phase", ""))


def plan(desired: Desired, observed: Observed) -> Plan:
    """Steps from what runs to what is asked; none, with a warning, where a change of mode would lose connections."""
    running = observed.answer.mode
    if running and not observed.active:
        raise FairleadError(
            "kube_proxy_deployment",
            f"a kube-proxy in {running} mode answers on port {ask.METRICS_PORT}, but it is not {unit.NAME}",
            "set kube_proxy_deployment to how it is run, or stop it", "systemd")
    if running and running != desired.mode and desired.mode_change == REFUSE and not observed.unfinished:
        return Plan(unchanged=f"kube-proxy serves in {running} mode and was left as it is",
                    warnings=(*desired.warnings, pending_warning(desired.node, running, desired.mode)))
    steps = []
    if observed.config != desired.config:
        steps.append(Step("write", desired.config_path, observed.config or "", desired.config))
    if observed.unit != desired.unit:
        steps.append(Step("write", unit.PATH, observed.unit or "", desired.unit))
    if observed.unit != desired.unit or observed.reload_needed:
        steps.append(Step("reload", "systemd", "", ""))
    if not observed.enabled:
        steps.append(Step("enable", unit.NAME, "not started at boot", "started at boot"))
    if not observed.active and not observed.unfinished:
        steps.append(Step("start", unit.NAME, "not running", f"running in {desired.mode} mode"))
    if observed.unfinished or (desired.mode_change == LIVE and running and running != desired.mode):
        steps = _live(desired, observed, steps)
    elif observed.active and (steps or (running and running != desired.mode)):
        before = {step.target: step.before for step in steps if step.action == "write"}
        steps.append(Step("restart", unit.NAME, f"running in {running or 'unknown'} mode",
                          f"running in {desired.mode} mode with this configuration", (running, before)))
    if desired.restarts == HOLD and any(step.action in INTERRUPTS for step in steps):
        return Plan(unchanged="a restart is due, and waits for its turn")
    return Plan(tuple(steps), unchanged=f"kube-proxy runs in {desired.mode} mode as configured",
                warnings=desired.warnings)


def _live(desired: Desired, observed: Observed, steps: list[Step]) -> list[Step]:
    """The configuration is the guard's to write, while kube-proxy is stopped: it ends when its file changes."""
    before = observed.answer.mode or "none"
    if observed.unfinished:
        before += f" mode, a change left in phase {observed.unfinished},"
    return [*(step for step in steps if step.target != desired.config_path and step.action != "start"),
            Step("change", unit.NAME, f"running in {before}\n{observed.config or ''}",
                 f"running in {desired.mode}\n{desired.config}", observed)]


def mode_is_pending(desired: Desired, observed: Observed) -> bool:
    """Whether the node serves in another mode than asked and was left as it is."""
    running = observed.answer.mode
    return bool(running) and running != desired.mode and desired.mode_change == REFUSE


def turn_is_due(desired: Desired, observed: Observed) -> bool:
    """Whether this node's kube-proxy has to be restarted or changed, which nodes do one after the other."""
    return any(step.action in INTERRUPTS for step in plan(replace(desired, restarts=NOW), observed).steps)


def pending_warning(node: str, running: str, wished: str) -> str:
    return (f"{node}: kube-proxy serves in {running} mode, the inventory wishes {wished}. Nothing was changed, because "
            f"a restart into another mode loses every new connection until its first sync. "
            f"kube_proxy_mode_change=restart accepts that.")


def apply(desired: Desired, step: Step, commands: Commands) -> None:
    if step.action == "write":
        files.write_text(step.target, step.after)
    elif step.action == "reload":
        commands.check(["systemctl", "daemon-reload"], timeout=60)
    elif step.action == "enable":
        commands.check(["systemctl", "enable", unit.NAME], timeout=60)
    elif step.action == "change":
        start.change(start.request(
            running=step.data.answer.mode or "", mode=desired.mode, old=step.data.config or "", new=desired.config,
            path=desired.config_path, node=desired.node_object, kubeconfig=desired.kubeconfig,
            timeout=desired.timeout), commands)
    else:
        commands.check(["systemctl", step.action, unit.NAME], timeout=60)
        if not desired.wait and not (step.data and step.data[0]):
            return
        try:
            _wait(desired, commands)
        except FairleadError as error:
            if step.action != "restart" or not any(step.data[1].values()):
                raise
            running, before = step.data
            outcome = go_back(desired, running or desired.mode, before, commands)
            raise FairleadError(error.field, f"{error.problem}. {outcome}", error.remedy, error.value) from error


def go_back(desired: Desired, mode: str, before: dict[str, str], commands: Commands) -> str:
    """Put the files back as they were and start kube-proxy with them; the sentence that says what came of it.

    A configuration with which kube-proxy does not serve must not stay until somebody notices: its rules in the kernel
    are frozen meanwhile, and every endpoint that goes takes its connections with it.
    """
    for path, text in before.items():
        if text:
            files.write_text(path, text)
    commands.check(["systemctl", "daemon-reload"], timeout=60)
    commands.check(["systemctl", "restart", unit.NAME], timeout=60)
    try:
        ask.wait_until_serving(mode, desired.families, desired.timeout)
    except FairleadError as error:
        return f"The node went back to its previous files, and does not serve with them either: {error.problem}"
    return f"The node went back to its previous files and serves in {mode} mode"


def _wait(desired: Desired, commands: Commands) -> None:
    try:
        ask.wait_until_serving(desired.mode, desired.families, desired.timeout)
    except FairleadError as error:
        said = commands.run(["journalctl", "--unit", unit.NAME, "--lines", "3", "--output", "cat"]).stdout.strip()
        raise FairleadError(error.field, f"{error.problem}. {unit.NAME} last said: {said or 'nothing'}",
                            f"read journalctl -u {unit.NAME} on the node", error.value) from error


def check_api_server(desired: Desired, planned: Plan) -> None:
    """Raises when kube-proxy is to be started and the API server that its kubeconfig names does not answer.

    Without it kube-proxy never syncs, and one that serves now would be stopped for nothing. A kubeconfig that is not
    understood here is kube-proxy's to judge.
    """
    if not desired.wait or not any(step.action in ("start", *INTERRUPTS) for step in planned.steps):
        return
    import socket  # noqa: PLC0415 - only where something is started
    from urllib.parse import urlsplit  # noqa: PLC0415

    from ansible.module_utils.fairlead.mode_change.kubeconfig import values  # noqa: PLC0415

    try:
        server = urlsplit(values(files.read_text(desired.kubeconfig) or "")["server"])
        place = server.hostname, server.port or 443
    except (KeyError, ValueError):
        return
    try:
        socket.create_connection(place, API_SECONDS).close()
    except OSError as error:
        raise FairleadError(
            "kube_proxy_kubeconfig", f"names the API server at {server.netloc}, which does not answer this node "
            f"({error}); nothing was changed", "repair the way there, or the kubeconfig", desired.kubeconfig) from error


def check_files(binary: str, kubeconfig: str) -> None:
    """kube-proxy's program and credentials are not ours to bring; say so before anything is written."""
    if not os.access(binary, os.X_OK):
        raise FairleadError("kube_proxy_binary", "is no program on this node",
                            "install kube-proxy there, or name its place", binary)
    if not os.access(kubeconfig, os.R_OK):
        raise FairleadError("kube_proxy_kubeconfig", "is no file on this node",
                            "put kube-proxy's kubeconfig there (user system:kube-proxy), or name its place", kubeconfig)
