"""Starting the guard from a module, and waiting for its outcome."""
from __future__ import annotations

import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, inspect_node, leftovers, rules
from ansible.module_utils.fairlead.kube_proxy.modes import MODES
from ansible.module_utils.fairlead.mode_change import after_boot, boot_unit, guard, token_file, ways
from ansible.module_utils.fairlead.mode_change.journal import BACK, DONE, OPEN, PLACE, Journal

OURS = "ansible.module_utils.fairlead"
UNIT = "fairlead-mode-change"
POLL_SECONDS = 0.2
LOOK_SECONDS = 0.3
SPARE_SECONDS = 120.0  # for all phases beside the two first syncs
MAIN = (f"import sys\nfrom {after_boot.__name__} import main as after_boot\n"
        f"from {guard.__name__} import main as guard\n"
        f"(after_boot if sys.argv[2:] == [{boot_unit.WORD!r}] else guard)()\n")
NODEST_KERNEL = (5, 9)  # since then IPVS lets go of connections at once when their server is removed


def request(*, running: str, mode: str, old: str, new: str, node: str, kubeconfig: str, timeout: float,
            way: str = ways.SYSTEMD, path: str = "") -> dict[str, Any]:
    """Everything that the guard has to know. running: the mode that answers now, "" for none; kubeconfig: kube-proxy's,
    or kubelet's where kube-proxy is a pod; path: of the configuration file, under systemd; the other words as in
    guard.Change. Goes on from a change that was not ended. Raises FairleadError for what it cannot do."""
    earlier = unfinished()
    asked = {"to": mode, "new": new, "node": node, "kubeconfig": kubeconfig, "timeout": timeout, "way": way,
             "path": path}
    if earlier:
        began = earlier.get("way", ways.SYSTEMD)
        if began != way:
            raise FairleadError("kube_proxy_deployment", f"a live change was left unfinished in the {began} way",
                                f"run the role once with {began}, which completes it", way)
        return {**{key: earlier[key] for key in ("from", "old", "configz", "families")}, **asked, "resumed": True}
    check(running, mode)
    config = _configz()
    if not config:
        raise FairleadError("kube-proxy", f"does not say on port {ask.METRICS_PORT} what it runs with (/configz)",
                            "let metricsBindAddress be 127.0.0.1:10249 for the change")
    families = sorted(ask.synced_families(ask.get(ask.METRICS_PORT, "/metrics")[1]) - {"both"}) or ["IPv4"]
    return {"from": running, "old": old, "configz": config, "families": families, **asked}


def _configz() -> dict[str, Any]:
    """What the running kube-proxy says it runs with."""
    status, body = ask.get(ask.METRICS_PORT, "/configz")
    try:
        return json.loads(body)["kubeproxy.config.k8s.io"] if status == 200 else {}
    except (ValueError, KeyError):
        return {}


def check(running: str, mode: str) -> None:
    """Raises FairleadError for a change that cannot be made without loss on this node."""
    for each in (running, mode):
        if each not in MODES:
            raise FairleadError("kube_proxy_mode_change",
                                f"a live change from {running or 'no'} to {mode} mode is not possible",
                                "use kube_proxy_mode_change=restart, which loses connections", "live")
    if running == "ipvs":
        missing = [name for name in ("nft", "ipvsadm") if not shutil.which(name)]
        if missing:
            raise FairleadError("kube_proxy_mode_change", f"{' and '.join(missing)} must be on the node to hand over "
                                "connections of IPVS", "install the package that carries it", "live")
        numbers = re.match(r"(\d+)\.(\d+)", platform.release())
        if numbers and tuple(map(int, numbers.groups())) < NODEST_KERNEL:
            raise FairleadError("kube_proxy_mode_change", f"IPVS of kernel {platform.release()} keeps connections "
                                "whose virtual server is gone, so they cannot be handed over",
                                "use a kernel from 5.9 on, or kube_proxy_mode_change=restart", "live")
    if mode == "nftables":
        commands = Commands()
        kernel, local = rules.observe_ipvs(commands), inspect_node.node_addresses(commands)
        others = leftovers.foreign(kernel, local)
        if others:
            names = ", ".join(f"{one.protocol} {one.address}:{one.port}" for one in others[:5])
            raise FairleadError("kube_proxy_mode", f"kube-proxy flushes every virtual server of IPVS when it starts in "
                                f"nftables mode, and these are not its own: {names}",
                                "let their owner move them off this node, or change it to iptables mode", mode)


def unfinished(place: str = PLACE) -> dict[str, Any] | None:
    """The state of a change whose guard was killed, or that could not get back: its bridge may still be there.

    Raises FairleadError while a guard is at work: kube-proxy may be stopped just now, and is not to be started.
    """
    journal = Journal(place)
    state = journal.left()
    if state is None:
        return None
    os.close(journal.take(LOOK_SECONDS))
    return state


def change(wished: dict[str, Any], commands: Commands, place: str = PLACE, token: str = "") -> dict[str, Any]:
    """Run the change to its end; the journal's state. Raises FairleadError when the node is not in the new mode.

    token: as in ways.of()
    """
    journal = Journal(place)
    os.makedirs(place, mode=0o700, exist_ok=True)
    descriptor = journal.take()  # a boot's program must see the change either as it was left or as begun anew
    try:
        journal.begin(wished)
    finally:
        os.close(descriptor)
    bundle(f"{place}/guard.zip")
    try:
        if token:
            token_file.leave(token)
        runs = _launch([sys.executable, f"{place}/guard.zip", place], commands)
        state = _wait(journal, runs, 2 * wished["timeout"] * ways.WAITS[wished["way"]] + SPARE_SECONDS)
    finally:
        token_file.take()  # of a guard that was killed before it took it
    if state["outcome"] == DONE:
        return state
    remedy = ("remove the cause and run again" if state["outcome"] == BACK else
              f"look at {place}/journal.log and kube-proxy's log on the node; the bridge serves meanwhile")
    raise FairleadError("kube_proxy_mode", f"the change to {wished['to']} mode was not completed ({state['outcome']}): "
                        f"{state.get('text') or 'the guard ended without a word'}", remedy, wished["to"])


def bundle(path: str) -> None:
    """The guard's program: what of our code this process has loaded, so that it outlives the module's own archive. A
    power cut, after which a boot may need it, leaves it whole."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("__main__.py", MAIN)
        for name in ("ansible", "ansible/module_utils"):
            archive.writestr(f"{name}/__init__.py", "")
        for name, module in sorted(sys.modules.items()):
            if name == OURS or name.startswith(f"{OURS}."):
                text = module.__spec__.loader.get_source(name)
                tail = "/__init__.py" if hasattr(module, "__path__") else ".py"
                archive.writestr(name.replace(".", "/") + tail, text)
    files.write_bytes(path, content.getvalue())


def _launch(argv: list[str], commands: Commands) -> Callable[[], bool]:
    """In a unit of its own where systemd runs, so that it does not end with the login; else in a session of its own.
    What says whether it still runs: on a busy node it takes its time before it holds the journal's lock."""
    if os.path.isdir("/run/systemd/system"):
        commands.run(["systemctl", "reset-failed", f"{UNIT}.service"])
        commands.check(["systemd-run", "--quiet", f"--unit={UNIT}", "--collect", "--", *argv])
        return lambda: commands.run(["systemctl", "is-active", "--quiet", f"{UNIT}.service"]).ok
    with open(os.devnull, "r+b") as nothing:
        process = subprocess.Popen(argv, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True, cwd="/")
    return lambda: process.poll() is None


def _wait(journal: Journal, runs: Callable[[], bool], seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        time.sleep(POLL_SECONDS)
        state = journal.read()
        if state["outcome"] != OPEN:
            return state
        if not journal.busy() and not runs():
            return journal.read()  # it has ended since, or was killed
        if time.monotonic() > deadline:
            raise FairleadError("kube_proxy_mode", f"the change is still in phase {state['phase']} after {seconds:g} s",
                                "look at journal.log on the node; the guard goes on and ends by itself")
