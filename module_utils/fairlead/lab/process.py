"""Processes that a lab starts and ends: known by process id and start time, so that a stranger is never signalled."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import read_text

EARLY_DEATH_SECONDS = 0.5  # a program with a wrong option ends within this time


@dataclass(frozen=True)
class Record:
    """What a started process wrote about itself before it became the program."""

    pid: int
    started: int  # clock ticks after boot, field 22 of /proc/PID/stat: with the pid unique until the next boot
    argv: list[str]

    @property
    def alive(self) -> bool:
        return start_time(self.pid) == self.started

    @property
    def started_at(self) -> float:
        """When it started, in seconds since the epoch; good to about a second."""
        since_boot = self.started / os.sysconf("SC_CLK_TCK")
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def start_time(pid: int) -> int | None:
    """The start time of a process in clock ticks after boot; None when there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def load(path: Path) -> Record | None:
    """The record at path, or None."""
    text = read_text(str(path))
    return Record(**json.loads(text)) if text else None


def start(argv: Sequence[str], record: Path, log: Path, directory: str) -> None:
    """Start a daemon that outlives us. Its record is on disk before the program runs: a kill -9 leaves no orphan."""
    record.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    log.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with open(log, "ab") as stream:
        process = subprocess.Popen(  # preexec_fn is safe here: a module has one thread
            list(argv), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=directory, start_new_session=True,
            preexec_fn=lambda: _write_own_record(record, list(argv)))  # noqa: PLW1509
    time.sleep(EARLY_DEATH_SECONDS)
    if process.poll() is not None:
        raise FairleadError(argv[0], f"ended at once with status {process.returncode}", f"read its log: {log}")


def _write_own_record(path: Path, argv: list[str]) -> None:
    pid = os.getpid()
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(Record(pid, start_time(pid) or 0, argv))) + "\n", encoding="utf-8")
    temporary.rename(path)


def stop(path: Path, patience: float) -> bool:
    """End the recorded process and forget it: SIGTERM, after `patience` seconds SIGKILL. False when it did not run."""
    record = load(path)
    alive = bool(record and record.alive)
    if record and alive:
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
            os.kill(record.pid, number)
            if _gone(record, seconds):
                break
        else:
            raise FairleadError(path.stem, f"process {record.pid} did not end even after SIGKILL",
                                "look what it waits for with ps and dmesg")
    path.unlink(missing_ok=True)
    return alive


def _gone(record: Record, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while record.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
