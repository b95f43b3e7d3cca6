"""A change on the native bench under load, which may run in the background and wait in a phase, to have time for a
fault."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from ansible.module_utils.fairlead.probe.summary import summarize
from traffic import Traffic, flows

PLACE = "/var/lib/fairlead/mode-change"
DEADLINE = 120.0
NO_BRIDGE = "".join(f"table {family} fairlead-bridge\ndelete table {family} fairlead-bridge\n"
                    for family in ("ip", "ip6"))


def state(bench):
    try:
        return json.loads(bench.read(f"{PLACE}/state.json"))
    except FileNotFoundError:
        return {}


@contextlib.contextmanager
def probing(bench, rate, kept, settling=2.0):
    """The probe while a test runs; call what this gives for what the probe has seen since it began."""
    with Traffic(flows(bench, rate, kept)) as traffic:
        time.sleep(settling)

        def seen():
            time.sleep(settling)
            return summarize(traffic.results())

        yield seen


def nothing_lost(summary, rate, kept):
    assert summary.new > rate
    assert summary.established == kept
    assert (summary.failed, summary.broken, summary.moved) == (0, 0, 0), summary


@contextlib.contextmanager
def changing(bench, phase, seconds, change, deadline_seconds=DEADLINE):
    """From the phase on, in which the guard pauses, to the end of change(); the list then holds what that returned."""
    earlier = state(bench).get("begun", 0.0)
    bench.write(f"{PLACE}/test.json", json.dumps({"pauses": {phase: seconds}}))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(change()))
    thread.start()
    deadline = time.monotonic() + deadline_seconds
    while state(bench).get("begun", 0.0) <= earlier or state(bench)["phase"] != phase:
        assert time.monotonic() < deadline, f"the change did not come to phase {phase}: {state(bench)}"
        time.sleep(0.05)
    try:
        yield answers
    finally:
        thread.join(deadline_seconds)


def signal_guard(bench, name):
    bench.on_node("kill", f"-{name}", bench.on_node("pgrep", "-f", "guard.zip").split()[0])


def killed(bench, phase, change, **more):
    """A change whose guard is killed in that phase."""
    with changing(bench, phase, 4, change, **more) as answers:
        signal_guard(bench, "KILL")
    assert "not completed" in str(answers[0]), answers


def booted(bench):
    """What the unit of such a node runs at boot; what it says. RuntimeError where systemd would start it again."""
    return bench.on_node("python3", f"{PLACE}/guard.zip", PLACE, "after-boot")


def playbooks_of_this_process():
    """The ansible-playbook that this process runs, and what that runs, by parent."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [row for row in (line.split(None, 2) for line in listed.splitlines()) if len(row) == 3]
    found, parents = [], {os.getpid()}
    while parents:
        children = {int(pid) for pid, parent, args in rows if int(parent) in parents
                    and (parents != {os.getpid()} or "ansible-playbook" in args)}
        found += children
        parents = children
    return [each for each in found if Path(f"/proc/{each}").exists()]
