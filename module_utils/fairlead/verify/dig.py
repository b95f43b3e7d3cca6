"""Asking cluster DNS with dig from a pod: in the pod's network, with the resolv.conf that the kubelet gave it.

Runs on the pod's node as root; dig is the node's own (Debian's package bind9-dnsutils). Standard library only.
"""
from __future__ import annotations

import contextlib
import ctypes
import math
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.verify.pod_network import NoNetwork, enter
from ansible.module_utils.fairlead.verify.words import plain

PAUSE = 2.0  # seconds before wrong answers are asked for again; CoreDNS keeps them for up to 30
_RESOLV_CONF = "/etc/resolv.conf"
_STATUS = re.compile(r"^;; ->>HEADER<<-.*\bstatus: (\w+)", re.MULTILINE)
_RECORD = re.compile(r"^(?!;)\S+\s+\d+\s+IN\s+(\w+)\s+(.+)$", re.MULTILINE)
_FAILED = ("SERVFAIL", "REFUSED", "FORMERR", "NOTIMP")
# linux/sched.h, linux/mount.h
_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000

Result = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A descriptor of its network, and one of its processes, whose resolv.conf counts."""

    network: int
    process: int


def ask_all(questions: list[dict[str, Any]], pod: Pod, timeout: float, end: float,
            right: Callable[[dict[str, Any], Result], bool], *, last: float = math.inf,
            done: Callable[[], None] = lambda: None) -> list[Result]:
    """Answers to each question. What is not right is asked again until `end` of the monotonic clock, and nothing is
    asked after `last`. done: called when a question was asked for the first time."""
    results: dict[int, Result] = {}

    def work() -> None:
        try:
            enter(pod.network)
            with _resolv_conf_of(pod.process):
                left = list(range(len(questions)))
                while left:
                    for index in left:
                        if time.monotonic() >= last:
                            return
                        first = index not in results
                        results[index] = dig(questions[index], timeout)
                        if first:
                            done()
                    left = [index for index in left if not right(questions[index], results[index])]
                    if not left or time.monotonic() + PAUSE >= end:
                        return
                    time.sleep(PAUSE)
        except (NoNetwork, OSError) as error:
            for index in range(len(questions)):
                results.setdefault(index, _result(error=f"could not ask from the pod: {error}"))

    thread = threading.Thread(target=work)  # of its own: it stays in the pod's network for the rest of its life
    thread.start()
    thread.join()
    late = _result(error="the time ran out before it was asked")
    return [results.get(index, late) for index in range(len(questions))]


@contextlib.contextmanager
def _resolv_conf_of(process: int) -> Iterator[None]:
    """This thread, and whatever it starts, sees the pod's /etc/resolv.conf; nobody else does."""
    with open(f"/proc/{process}/root{_RESOLV_CONF}", encoding="utf-8", errors="replace") as file:
        content = file.read()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="fairlead-resolv-") as copy:
        copy.write(content)
        copy.flush()
        libc = ctypes.CDLL(None, use_errno=True)
        # Mounts of another namespace cannot be bound, so a copy is.
        steps = (libc.unshare(_CLONE_NEWNS) or libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
                 or libc.mount(copy.name.encode(), os.path.realpath(_RESOLV_CONF).encode(), None, _MS_BIND, None))
        if steps:
            raise NoNetwork(f"its resolv.conf cannot be used: {os.strerror(ctypes.get_errno())}")
        yield


def dig(question: dict[str, Any], timeout: float) -> Result:
    program = shutil.which("dig")
    if not program:
        return _result(error="dig is not installed on the node; Debian's package is bind9-dnsutils")
    argv = [program, "+noall", "+comments", "+answer", f"+time={max(1, round(timeout))}", "+tries=2",
            *([question["how"]] if question["how"] else []), question["name"], question["type"]]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
                              timeout=8 * timeout + 2, check=False)
    except subprocess.TimeoutExpired:
        return _result(error="dig did not end in time")
    return parse(done.stdout, question["type"])


def parse(text: str, kind: str) -> Result:
    """dig's output with +comments and +answer. A search list may show several answers: the last one counts."""
    starts = [match.start() for match in _STATUS.finditer(text)]
    if not starts:
        lines = [line.strip("; ") for line in text.splitlines() if line.strip("; ")]
        return _result(error=plain("cluster DNS gives no answer: " + (lines[-1] if lines else "dig said nothing"), 200))
    last = text[starts[-1]:]
    status = (_STATUS.search(last) or [""])[1]
    if status in _FAILED:
        return _result(status, error=f"cluster DNS answers {status}")
    return _result(status, [plain(data.strip()) for record, data in _RECORD.findall(last) if record == kind])


def _result(status: str = "", answers: list[str] | None = None, error: str = "") -> Result:
    return {"status": status, "answers": answers or [], "error": error}
