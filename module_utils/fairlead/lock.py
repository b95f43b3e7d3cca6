"""One run at a time on a node: a second one that observes while the first one changes would take the first one's values
for the node's own."""
from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator

from ansible.module_utils.fairlead.errors import FairleadError

PATH = "/run/fairlead.lock"  # /run is gone with a reboot, and nobody but root writes there
PATIENCE = 120.0  # seconds; a run on an emulated node takes ten


@contextlib.contextmanager
def node_lock(wanted: bool, path: str = PATH, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the node for the block, when `wanted` (check mode writes nothing and does without). The kernel gives it
    back when the process ends, however it ends.

    Raises FairleadError when it cannot be had: no right to write to /run, or another run holds it for `patience`
    seconds.
    """
    if not wanted:
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise FairleadError(path, f"cannot be opened: {error.strerror}", "run as root (become: true)") from error
    try:
        _acquire(descriptor, path, time.monotonic() + patience, patience)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: str, deadline: float, patience: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise FairleadError(path, f"cannot be locked: {error.strerror}", "look at the node's /run") from error
        if time.monotonic() >= deadline:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise FairleadError(path, f"another run of Fairlead holds this node for more than {patience:g} s "
                                f"(process {holder or 'unknown'})", "wait for it or end it, then run again")
        time.sleep(0.1)
