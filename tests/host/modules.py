"""Run one of our modules as Ansible does, in a process of its own, and kill it at a chosen moment.

The process is a fork: no shell, the module's own main(), the real AnsibleModule. Only tests that run in namespaces of
their own or on a node of the lab call this.
"""
from __future__ import annotations

import itertools
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils import basic

LIBRARY = Path(__file__).resolve().parents[2] / "library"
# Every system call by which our modules change something or make it last; so does the start of a program. open() with
# O_CREAT leaves an empty temporary file, which the next fsync stands for.
EFFECTS = ("write", "pwrite", "rename", "unlink", "fsync", "fchmod", "makedirs")


class Killed(Exception):
    """The module ended by SIGKILL."""


def run_module(name: str, arguments: dict[str, Any], *, check: bool = False,
               kill_at: int | None = None) -> dict[str, Any]:
    """The module's result. kill_at: SIGKILL right before its n-th effect; raises Killed then."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        _become(name, arguments, check, kill_at, writer)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        printed = stream.read()
    status = os.waitpid(process, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        raise Killed(name)
    return json.loads(printed)


def _become(name: str, arguments: dict[str, Any], check: bool, kill_at: int | None, writer: int) -> None:
    try:
        sys.stdout = os.fdopen(writer, "w", encoding="utf-8")
        words = {**arguments, "_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp"}
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": words}).encode()
        basic._ANSIBLE_PROFILE = "legacy"
        if kill_at is not None:
            left = itertools.count(kill_at, -1)
            for effect in EFFECTS:
                setattr(os, effect, _counted(getattr(os, effect), left))
            subprocess.Popen = _counted(subprocess.Popen, left)  # modprobe and rmmod
        runpy.run_path(str(LIBRARY / f"{name}.py"), run_name="__main__")
    except SystemExit:
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - a fork must not go on as a second test run, whatever happened in it
        traceback.print_exc()
    finally:
        os._exit(0)


def _counted(effect: Any, left: Any) -> Any:
    def counted(*words: Any, **more: Any) -> Any:
        if next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return effect(*words, **more)
    return counted
