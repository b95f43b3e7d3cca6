"""A change on the native bench that runs in the background and waits in a phase, to have time for a fault."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from pathlib import Path

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
def changing(bench, phase, seconds, change):
    """From the phase on, in which the guard pauses, to the end of change(); the list then holds what that returned."""
    earlier = state(bench).get("begun", 0.0)
    bench.write(f"{PLACE}/test.json", json.dumps({"pauses": {phase: seconds}}))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(change()))
    thread.start()
    deadline = time.monotonic() + DEADLINE
    while state(bench).get("begun", 0.0) <= earlier or state(bench)["phase"] != phase:
        assert time.monotonic() < deadline, f"the change did not come to phase {phase}: {state(bench)}"
        time.sleep(0.05)
    try:
        yield answers
    finally:
        thread.join(DEADLINE)


def killed(bench, phase, change):
    """A change whose guard is killed in that phase."""
    with changing(bench, phase, 4, change) as answers:
        bench.on_node("kill", "-KILL", bench.on_node("pgrep", "-f", "guard.zip").split()[0])
    assert "not completed" in answers[0][1], answers


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
