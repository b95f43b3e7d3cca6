"""Run the module service_probe_info and show how far it is: Ansible itself shows nothing of a module before it ends.

The module writes three numbers into a file while it asks; this reads them over a second login beside the first, with
doubling pauses. So a proof of ten seconds costs no login more and one of five minutes costs five, however many cells it
has, and a pipeline's log gets plain lines.
"""
from __future__ import annotations

import copy
import secrets
import threading
import time
from typing import NamedTuple

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

FIRST = 10.0  # seconds until the first look; each further pause is as long as all that went before


class Course(NamedTuple):
    """Questions that were asked, of how many, and how many are being asked another time."""

    done: int
    of: int
    again: int


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        name, arguments = task_vars["inventory_hostname"], dict(self._task.args)
        arguments["progress"] = f"/tmp/fairlead-proof-{secrets.token_hex(8)}"
        say(f"{name} {asks(arguments)}")
        started = time.monotonic()
        with Watch(name, self._connection, arguments["progress"]):
            result.update(self._execute_module("service_probe_info", module_args=arguments, task_vars=task_vars))
        if not result.get("failed") and not result.get("unreachable"):
            say(f"{name} has asked everything, in {time.monotonic() - started:.0f} s")
        return result


class Watch:
    """Looks at the file while the module runs. A look that fails is no reason to do anything but to look again."""

    def __init__(self, name, connection, path):
        self._name, self._path, self._over = name, path, threading.Event()
        # A copy of its own: a connection keeps the state of the command that it runs. It becomes nobody else, since
        # everybody may read the file.
        self._connection = copy.copy(connection)
        self._connection.set_become_plugin(None)
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._over.set()
        self._thread.join(FIRST)  # a look that hangs is left behind

    def _look(self):
        started, pause = time.monotonic(), FIRST
        while not self._over.wait(pause):
            course, passed = self._read(), time.monotonic() - started
            if course and not self._over.is_set():
                say(f"{self._name} {told(course)}, after {passed:.0f} s")
            pause = passed

    def _read(self):
        try:
            status, text, _ = self._connection.exec_command(f"cat {self._path}", sudoable=False)
        except (AnsibleError, OSError):
            return None
        return parse(text.decode("ascii", "replace")) if status == 0 else None


def asks(arguments):
    """What a machine is about to do, and how long that takes at most."""
    tasks = [task for client in arguments["clients"] for task in client["tasks"]]
    names = sum(len(client.get("questions") or ()) for client in arguments["clients"])
    also = f" and {names} names" if names else ""
    return (f"asks {len(tasks)} cells{also}, with {sum(task['connections'] for task in tasks)} connections at most and "
            f"within {float(arguments['budget']):g} s")


def parse(text):
    """What the file says; None for anything else."""
    words = text.split()
    if len(words) != 3 or not all(word.isascii() and word.isdigit() for word in words):
        return None
    return Course(*map(int, words))


def told(course):
    if not course.again:
        return f"has asked {course.done} of {course.of}"
    return f"has asked {course.done} of {course.of}, and asks {course.again} cells again that are not as promised yet"


def say(line):
    Display().display(line)
