"""Asking Services over HTTP from a client machine: every connection new, every wait bounded. Standard library only."""
from __future__ import annotations

import errno
import os
import re
import socket
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.verify.cells import url
from ansible.module_utils.fairlead.verify.judge import DISPROVEN, judge_cell
from ansible.module_utils.fairlead.verify.words import plain

MOST_BYTES = 65536  # of one answer
PAUSE = 2.0  # seconds before cells that are not as promised are asked again
GIVE_UP_AFTER = 2  # failures in one cell; more of them would show nothing new and cost a deadline each

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]{1,9})[ \t]*\r?$")

# The client itself could not try: this says nothing about the Service.
OWN_FAULTS = (errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.EPERM,
              errno.EACCES, errno.ENOBUFS, errno.ENOMEM, errno.EINVAL)  # EINVAL: a blackhole route


@dataclass
class Task:
    """One cell's probing: up to `connections`, fewer when all of `until` have answered.

    expect: what cells.py promises of it; without it nothing is asked a second time
    """

    id: str
    address: str
    port: int
    path: str
    connections: int
    until: list[str] = field(default_factory=list)
    expect: dict[str, Any] = field(default_factory=dict)


class NoAnswer(Exception):
    """A connection that did not end in an answer; `own` when it is the client's fault."""

    def __init__(self, text: str, own: bool = False) -> None:
        super().__init__(text)
        self.own = own


def ask(address: str, port: int, path: str, timeout: float) -> str:
    """The body that a GET brings over a connection of its own, the whole within `timeout` seconds."""
    end = time.monotonic() + timeout
    doing = "connect"
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            doing = "send"
            host = url(address, port, "")[len("http://"):]
            # HTTP/1.0: the server closes after the answer and does not send it in chunks
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode("ascii"))
            doing, answer = "receive", b""
            while not _complete(answer):
                left = end - time.monotonic()
                if left <= 0:
                    raise socket.timeout
                connection.settimeout(left)
                part = connection.recv(MOST_BYTES)
                if not part:
                    break
                answer += part
    except socket.timeout as error:
        raise NoAnswer(f"{doing}: ETIMEDOUT no answer within {timeout:g} s") from error
    except OSError as error:
        word = errno.errorcode.get(error.errno or 0, "error")
        said = os.strerror(error.errno) if error.errno else str(error)
        raise NoAnswer(f"{doing}: {word} {said}", own=error.errno in OWN_FAULTS) from error
    return _body(answer)


def _complete(answer: bytes) -> bool:
    """Enough was read: all that the answer says it has, or more than we take. Otherwise it ends with the connection."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return len(answer) >= MOST_BYTES or bool(separator and length and len(body) >= int(length[1]))


def _body(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/"):
        raise NoAnswer("receive: the connection was closed without an HTTP answer")
    if words[1] != b"200":
        raise NoAnswer(f"receive: HTTP status {plain(words[1].decode('latin-1'))} instead of 200")
    return plain(body.decode("utf-8", "replace").strip())


def probe(task: Task, timeout: float, end: float) -> dict[str, Any]:
    """One cell's connections, one after the other, until `end` of the monotonic clock."""
    answers: Counter[str] = Counter()
    seconds: list[float] = []
    failures, own_faults, first_error, unfinished = 0, 0, "", False
    for _ in range(task.connections):
        started = time.monotonic()
        if started >= end:
            unfinished = True
            break
        try:
            answers[ask(task.address, task.port, task.path, timeout)] += 1
            seconds.append(time.monotonic() - started)
        except NoAnswer as error:
            failures += 1
            own_faults += error.own
            first_error = first_error or str(error)
        if failures >= GIVE_UP_AFTER or (task.until and answers.keys() >= set(task.until)):
            break
    return {
        "id": task.id, "connections": sum(answers.values()) + failures, "answers": dict(sorted(answers.items())),
        "failures": failures, "own_faults": own_faults, "error": first_error, "unfinished": unfinished,
        "latency_ms": latency(seconds),
    }


def latency(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    figures = {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}
    return {name: round(value * 1000, 2) for name, value in figures.items()}


def is_broken(task: Task, result: dict[str, Any]) -> bool:
    """Whether this result would disprove the cell's promise."""
    cell = {"client": "", "node_ready": True, "connections": task.connections, "expect": task.expect}
    return bool(task.expect) and any(finding.verdict == DISPROVEN for finding in judge_cell(cell, result, {}))


def probe_all(tasks: list[Task], timeout: float, threads: int, budget: float,
              patience: float = 0.0) -> list[dict[str, Any]]:
    """Several cells at a time, all of them within `budget` seconds and one deadline.

    A change takes its time to arrive in the rules of every node. So what would disprove a promise is asked again, as
    a whole, until it holds or `patience` seconds have passed; the last answers count. Each result says in which round
    it was got, and how many seconds after the start that round began.
    """
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        def ask_all(indices: list[int], number: int) -> dict[int, dict[str, Any]]:
            after = round(time.monotonic() - started, 1)
            asked = pool.map(lambda index: probe(tasks[index], timeout, started + budget), indices)
            return {index: {**result, "round": number, "after": after} for index, result in zip(indices, asked)}

        results, number = ask_all(list(range(len(tasks))), 1), 1
        while broken := [index for index in results if is_broken(tasks[index], results[index])]:
            if time.monotonic() + PAUSE >= started + min(patience, budget):
                break
            time.sleep(PAUSE)
            number += 1
            results.update(ask_all(broken, number))
    return [results[index] for index in range(len(tasks))]
