"""Wait until every node of the lab is Ready, telling how far each has come.

An action plugin, because a module's output appears only when it ends and an emulated node takes a minute and a half.

Arguments
    nodes:       names of the nodes
    run_dir, log_dir: the lab's directories: processes/NODE.json, NODE-console.log
    kubectl, kubeconfig: for asking the API server
    deadline:    seconds for all of them
    accelerator: what lab_accelerator_info found
A node whose virtual machine ended or whose kernel panicked fails at once; the message names the console log.
The API server believes a node Ready for most of a minute after its power was cut, so only what kubelet reported after
the virtual machine started counts.
"""
from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import ansible.module_utils
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# Modules find our module_utils by ansible.cfg; a plugin runs in the controller, which has to be told.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[3] / "module_utils"))
from ansible.module_utils.fairlead.lab import process  # noqa: E402

READY = "Ready"
PAUSE = 2.0  # seconds between two looks
SHOWN_EVERY = 15.0  # seconds between two lines of progress


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        result["changed"] = False
        if self._task.check_mode:
            return result
        args, started, shown = self._task.args, time.monotonic(), 0.0
        Display().display(f"  {args['accelerator']['accelerator']}: {args['accelerator']['reason']}", color="cyan")
        before: dict[str, str] = {}
        while True:
            registered = reported_by_node(args["kubectl"], args["kubeconfig"])
            waited = time.monotonic() - started
            states = {node: state(node, registered.get(node), args) for node in args["nodes"]}
            if states != before or waited - shown >= SHOWN_EVERY:
                before, shown = states, waited
                line = "  ".join(f"{node} {text}" for node, text in states.items())
                Display().display(f"  {int(waited):>4} s  {line}", color="cyan")
            if set(states.values()) == {READY}:
                return result
            if waited > float(args["deadline"]):
                waiting = ", ".join(f"{node} ({text})" for node, text in states.items() if text != READY)
                raise AnsibleActionFail(
                    f"Not every node was Ready within {args['deadline']} s: {waiting}. Read the logs in "
                    f"{args['log_dir']} and run the same command again.")
            time.sleep(PAUSE)


@dataclass(frozen=True)
class Report:
    """What kubelet last said of its node."""

    ready: bool
    at: float  # seconds since the epoch, by the node's clock


def reported_by_node(kubectl: str, kubeconfig: str) -> dict[str, Report]:
    """The condition Ready of every node that has one; empty when the API server does not answer."""
    argv = [kubectl, "--kubeconfig", kubeconfig, "get", "nodes", "-o", "json", "--request-timeout", "5s"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        return {}
    return {node["metadata"]["name"]: Report(condition["status"] == "True", seconds(condition["lastHeartbeatTime"]))
            for node in json.loads(done.stdout)["items"]
            for condition in node["status"].get("conditions", []) if condition["type"] == "Ready"}


def seconds(moment: str) -> float:
    """A moment as the API server writes it, in seconds since the epoch."""
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def state(node: str, report: Report | None, args: dict) -> str:
    """How far a node has come; fails when it cannot come further.

    report: what the API server knows, None when kubelet has not registered the node
    """
    record = process.load(Path(args["run_dir"], "processes", f"{node}.json"))
    console = Path(args["log_dir"], f"{node}-console.log")
    text = console.read_text(encoding="utf-8", errors="replace") if console.exists() else ""
    if not record or not record.alive:
        raise AnsibleActionFail(f"{node}: its virtual machine ended. Logs: {console}, {args['log_dir']}/{node}.log. "
                                f"Run the same command again to start it.")
    if "Kernel panic" in text:
        line = next(line for line in text.splitlines() if "Kernel panic" in line)
        raise AnsibleActionFail(f"{node}: {line.strip()}. Console: {console}. Run make lab-down, then try again.")
    if report is None or report.at < record.started_at:
        return "booting"
    return READY if report.ready else "registered"
