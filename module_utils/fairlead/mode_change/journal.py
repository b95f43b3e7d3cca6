"""What a change of mode has done, on the node's disk: for people to read, and for the next run to go on from."""
from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.errors import FairleadError

PLACE = "/var/lib/fairlead/mode-change"
OPEN, DONE, BACK, STUCK = "open", "done", "rolled back", "stuck"


class Journal:
    """state.json holds the request and where it stands; journal.log one line per event, oldest first."""

    def __init__(self, place: str = PLACE) -> None:
        self._place = place

    @property
    def lock_path(self) -> str:
        return f"{self._place}/lock"

    def begin(self, request: dict[str, Any]) -> None:
        if not request.get("resumed"):
            files.write_text(f"{self._place}/journal.log", "", 0o600)
        self.write({**request, "outcome": OPEN, "phase": "begun", "begun": time.time(), "phases": {}})

    def read(self) -> dict[str, Any] | None:
        text = files.read_text(f"{self._place}/state.json")
        return json.loads(text) if text else None

    def left(self) -> dict[str, Any] | None:
        """The state of a change whose guard is at work, was killed, or could not get back; None when all is ended."""
        state = self.read()
        return state if state and state["outcome"] in (OPEN, STUCK) else None

    def test_words(self) -> dict[str, Any]:
        """What only tests tell the guard, once: `pauses` (phase -> seconds, to have time for a fault), and
        `without_bridge`, with which a change loses connections."""
        path = f"{self._place}/test.json"
        text = files.read_text(path)
        files.remove(path)
        return json.loads(text) if text else {}

    def write(self, state: dict[str, Any]) -> None:
        files.write_text(f"{self._place}/state.json", json.dumps(state, indent=1, sort_keys=True) + "\n", 0o600)

    def phase(self, state: dict[str, Any], name: str, text: str = "") -> None:
        """Before a phase: the state on disk says what is about to happen."""
        state["phase"] = name
        state["phases"][name] = time.time()
        self.write(state)
        self.say(f"{name}{': ' if text else ''}{text}")

    def say(self, text: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        with open(f"{self._place}/journal.log", "a", encoding="utf-8") as stream:
            stream.write(f"{stamp} {text}\n")

    def log(self) -> list[str]:
        return (files.read_text(f"{self._place}/journal.log") or "").splitlines()

    def take(self, patience: float = 0.0) -> int:
        """Hold the node's change; the descriptor. The kernel gives it back when the process ends, however it ends."""
        descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except OSError as error:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise FairleadError(self.lock_path, "another change of this node's mode is under way",
                                        "wait until it has ended; journal.log beside it says how far it is") from error
            time.sleep(0.05)

    def busy(self) -> bool:
        """Whether a guard is at work."""
        try:
            os.close(self.take())
        except FairleadError:
            return True
        except FileNotFoundError:
            return False
        return False
