"""Network namespaces with names of their own: made, entered and removed.

A name carries the process that made it, so that a run finds what a killed run has left and removes that first.
"""
from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

PREFIX = "fairlead-native"
PLACE = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def name(short: str, process: int | None = None) -> str:
    return f"{PREFIX}-{process or os.getpid()}-{short}"


def run(*argv: str, stdin: str | None = None, seconds: float = 60) -> str:
    """A program that must succeed; what it printed."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def ip(short: str, text: str) -> None:
    """Lines of `ip -batch` in a namespace of this process."""
    run("ip", "-netns", name(short), "-batch", "-", stdin=text)


def make(*shorts: str) -> None:
    for short in shorts:
        run("ip", "netns", "add", name(short))
        ip(short, "link set lo up\n")


def remove_own() -> None:
    _remove(os.getpid())


def remove_left() -> None:
    """What processes that no longer live have left."""
    for process in {int(each.name.split("-")[2]) for each in PLACE.glob(f"{PREFIX}-*-*")}:
        if not Path(f"/proc/{process}").exists():
            _remove(process)


def _remove(process: int) -> None:
    for each in PLACE.glob(f"{PREFIX}-{process}-*"):
        run("ip", "netns", "delete", each.name)


@contextlib.contextmanager
def inside(short: str, process: int | None = None) -> Iterator[None]:
    """This thread in a namespace: sockets and programs made in the block live there.

    process: whose namespace it is, when not this process's own
    """
    with open("/proc/thread-self/ns/net", "rb") as home, open(PLACE / name(short, process), "rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def settings(short: str, values: dict[str, str]) -> None:
    """Keys below /proc/sys/net; one that this kernel lacks is left out only when it begins with '-'."""
    with inside(short):
        for key, value in values.items():
            path = Path("/proc/sys") / key.lstrip("-").replace(".", "/")
            if path.exists() or not key.startswith("-"):
                path.write_text(value, encoding="utf-8")
