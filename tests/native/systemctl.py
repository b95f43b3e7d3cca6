#!/usr/bin/python3
"""Stands in for systemctl and systemd-run on a namespace node, which has no systemd: by the real unit file."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

UNITS = Path("/etc/systemd/system")
STATE = Path("/run/units")
STOP_SECONDS = 20.0


def process(unit: str) -> int:
    """The unit's running process, 0 for none."""
    try:
        found = int((STATE / unit).read_text())
        state = Path(f"/proc/{found}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return 0
    return 0 if state == "Z" else found


def start(unit: str) -> None:
    if process(unit):
        return
    lines = (UNITS / unit).read_text().splitlines()
    argv = next(line.partition("=")[2] for line in lines if line.startswith("ExecStart=")).split()
    with open(f"/var/log/{unit}.log", "ab") as log:
        running = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (STATE / unit).write_text(str(running.pid))


def stop(unit: str) -> None:
    running = process(unit)
    deadline = time.monotonic() + STOP_SECONDS
    if running:
        os.kill(running, signal.SIGTERM)
    while process(unit):
        if time.monotonic() > deadline:
            os.kill(running, signal.SIGKILL)
        time.sleep(0.02)


def run(unit: str, argv: list[str]) -> None:
    """As systemd-run does: outside of the caller's session."""
    with open(os.devnull, "r+b") as nothing:
        running = subprocess.Popen(argv, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True, cwd="/")
    (STATE / unit).write_text(str(running.pid))


def main() -> int:
    STATE.mkdir(exist_ok=True)
    if sys.argv[0].endswith("systemd-run"):
        named = next(word.partition("=")[2] for word in sys.argv if word.startswith("--unit="))
        run(f"{named}.service", sys.argv[sys.argv.index("--") + 1:])
        return 0
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    verb, unit = words[0], words[1] if len(words) > 1 else ""
    marker = STATE / f"{unit}.enabled"
    if verb == "show":
        print(f"ActiveState={'active' if process(unit) else 'inactive'}")
        print(f"UnitFileState={'enabled' if marker.exists() else 'disabled'}\nNeedDaemonReload=no")
    elif verb == "is-active":
        return 0 if process(unit) else 3
    elif verb == "enable":
        marker.touch()
    elif verb in ("stop", "restart", "start"):
        if verb != "start":
            stop(unit)
        if verb != "stop":
            start(unit)
    elif verb not in ("daemon-reload", "reset-failed"):
        print(f"the stand-in for systemctl does not know {verb}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
