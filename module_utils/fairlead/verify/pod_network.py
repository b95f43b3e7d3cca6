"""The network of a pod, as seen from its node: found by the pod's uid, entered by one thread. Needs root on the node.

So a probe pod needs no program of its own: any image will do, and even one that cannot be pulled, since the kubelet
sets up a pod's network before it looks for the images of its containers.
"""
from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Iterator
from pathlib import Path

LOOK_EVERY = 0.25  # seconds
_CLONE_NEWNET = 0x40000000  # linux/sched.h


class NoNetwork(Exception):
    """The pod's network cannot be entered; the words say why."""


def find(uid: str, proc: Path = Path("/proc")) -> int | None:
    """The lowest process id in this pod's control group, None when there is none."""
    return next(processes_of(uid, proc), None)


def processes_of(uid: str, proc: Path = Path("/proc")) -> Iterator[int]:
    """The processes in this pod's control group, lowest first: that of its sandbox, if it has one, then containers'.

    The kubelet names the group after the uid: pod<uid> with the cgroupfs driver, with _ for - with systemd's.
    """
    wanted = (f"pod{uid}".encode(), f"pod{uid.replace('-', '_')}".encode())
    for number in sorted(int(entry) for entry in os.listdir(proc) if entry.isdecimal()):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            text = (proc / str(number) / "cgroup").read_bytes()
            if any(name in text for name in wanted):
                yield number


@contextlib.contextmanager
def network_of(uid: str, shared: bool, wait: float) -> Iterator[int]:
    """A file descriptor of the pod's network namespace.

    shared: the pod is in its node's network. Any other is only there once it differs from the node's: a pod's first
            process is in its control group before it is in its network.
    wait:   seconds that the pod gets to appear
    """
    end = time.monotonic() + wait
    while (descriptor := _open(uid, shared)) is None:
        if time.monotonic() >= end:
            raise NoNetwork(f"the probe pod did not appear on the node within {wait:g} s")
        time.sleep(LOOK_EVERY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(uid: str, shared: bool) -> int | None:
    number = find(uid)
    if number is None:
        return None
    try:
        descriptor = os.open(f"/proc/{number}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError as error:
        raise NoNetwork("the network of the probe pod can only be entered as root on its node") from error
    except OSError:  # the process has ended meanwhile
        return None
    if shared or os.fstat(descriptor).st_ino != os.stat("/proc/self/ns/net").st_ino:
        return descriptor
    os.close(descriptor)
    return None


def enter(descriptor: int) -> None:
    """From now on this thread's sockets are in that namespace. Other threads keep theirs."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12, nodes may run 3.9
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise NoNetwork(f"the network of the probe pod cannot be entered: {os.strerror(ctypes.get_errno())}")
