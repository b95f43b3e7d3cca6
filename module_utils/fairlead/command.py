"""Running programs: argument lists only, always with a deadline."""
from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from ansible.module_utils.fairlead.errors import FairleadError


class Result(NamedTuple):
    """How a program ended: exit status and what it printed."""

    status: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.status == 0


class Commands:
    """The executor that observe() and apply() are given; tests pass one of their own."""

    def run(self, argv: Sequence[str], timeout: float = 30.0, stdin: str | None = None) -> Result:
        """Run argv (no shell) for at most `timeout` seconds. The exit status is the caller's to judge."""
        try:
            done = subprocess.run(list(argv), input=stdin, capture_output=True, text=True, timeout=timeout,
                                  check=False, errors="replace")
        except FileNotFoundError as error:
            raise FairleadError(argv[0], "this program is not installed",
                                "install the package that carries it") from error
        except subprocess.TimeoutExpired as error:
            raise FairleadError(" ".join(argv), f"did not end within {timeout:g} s",
                                "run it by hand on that machine to see what it waits for") from error
        return Result(done.returncode, done.stdout, done.stderr)

    def check(self, argv: Sequence[str], timeout: float = 30.0, stdin: str | None = None) -> Result:
        """The same, for a program that must succeed."""
        result = self.run(argv, timeout, stdin)
        if not result.ok:
            said = (result.stderr or result.stdout).strip() or "nothing"
            raise FairleadError(" ".join(argv), f"ended with status {result.status} and said: {said}",
                                "run it by hand on that machine")
        return result
