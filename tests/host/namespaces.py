"""Namespaces of their own for tests that write real kernel settings and real files under /etc as root.

A test runs a script of this directory through inside(); the script calls cover() before it writes anything. Settings
below /proc/sys/net then belong to the new network namespace, the covered directories to the new mount namespace, and
both are gone with the process.
"""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[2]
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
# sysctl.d and what else Fairlead writes or reads on a node.
COVERED = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/lib/sysctl.d", "/usr/local/lib/sysctl.d", "/etc/modprobe.d",
           "/etc/modules-load.d", "/etc/udev/rules.d", "/var/lib/fairlead", "/run/fairlead")
SECONDS = 240
OUTSIDE = "FAIRLEAD_TEST_OUTSIDE"  # the mount namespace that must not be written to


def inside(script: str, *words: str) -> subprocess.CompletedProcess:
    """Run a script of this directory in namespaces of its own; its output is captured as text."""
    argv = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable,
            str(Path(__file__).with_name(script)), *words]
    environment = {**os.environ, OUTSIDE: _mounts()}
    return subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment)


def cover() -> None:
    """Hide the machine's own directories under empty ones. Refuses to run in the machine's own namespaces."""
    if os.environ.get(OUTSIDE) in (None, _mounts()):
        raise SystemExit("this script writes to /etc: run it through namespaces.inside()")
    for directory in COVERED:
        os.makedirs(directory, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "fairlead-test", directory], check=True, timeout=10)


def _mounts() -> str:
    return os.readlink("/proc/self/ns/mnt")


def fresh_devices(*names: str) -> None:
    """Network interfaces of these names, new in this namespace."""
    for name in names:
        subprocess.run(["ip", "link", "add", "name", name, "type", "bridge"], check=True, timeout=10)
