"""How far a machine is with its questions, in a file of a few bytes that another login can read. Standard library only.

Ansible shows nothing of a module before it ends, so that this file is the only way to see how far it is.
"""
from __future__ import annotations

import contextlib
import os
import threading
import time

EVERY = 0.5  # seconds between two writes at least


class Progress:
    """Counts the questions that were asked, of all, and those that are being asked another time, and writes the three
    down at a path that nobody else can have made. Without a path it only counts."""

    def __init__(self, path: str = "", of: int = 0) -> None:
        self._path, self._of = path, of
        self._done = self._again = 0
        self._written = 0.0
        self._lock = threading.Lock()
        self._file = -1

    def __enter__(self) -> Progress:
        if self._path:
            # In a directory that is everybody's: never through a link, never over a file of somebody else's.
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            os.fchmod(self._file, 0o644)  # whatever the umask: the login that looks may not be root
            self._write()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def one(self) -> None:
        """Another question was asked for the first time."""
        with self._lock:
            self._done += 1
            if time.monotonic() - self._written >= EVERY:
                self._write()

    def again(self, count: int) -> None:
        with self._lock:
            self._again = count
            self._write()

    def _write(self) -> None:
        if self._file >= 0:
            self._written = time.monotonic()
            os.pwrite(self._file, f"{self._done:9} {self._of:9} {self._again:9}\n".encode(), 0)
