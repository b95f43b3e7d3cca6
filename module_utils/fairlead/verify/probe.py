"""Asking Services from one machine, for every client on it side by side. Standard library only."""
from __future__ import annotations

import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.verify import dig, environment, names
from ansible.module_utils.fairlead.verify.ask import NoAnswer, ask, source_of
from ansible.module_utils.fairlead.verify.findings import DISPROVEN, PROVEN, judge_cell
from ansible.module_utils.fairlead.verify.pod_network import NoNetwork, enter, find, network_of
from ansible.module_utils.fairlead.verify.progress import Progress

PAUSE = 2.0  # seconds before cells that are not as promised are asked again
GIVE_UP_AFTER = 2  # failures in one cell; more of them would show nothing new and cost a deadline each
LONGEST_COURSE = 32  # changes of pod that a result keeps


@dataclass
class Task:
    """One cell's probing: up to `connections`, fewer when all of `until` have answered.

    ask:     a path for TCP, the text of a datagram for UDP
    expect:  what promise.py says of it; without it nothing is asked a second time
    network: a descriptor of the network namespace to ask from; None asks from this one
    """

    id: str
    address: str
    port: int
    ask: str
    connections: int
    protocol: str = "TCP"
    until: list[str] = field(default_factory=list)
    expect: dict[str, Any] = field(default_factory=dict)
    network: int | None = None


@dataclass(frozen=True)
class Bounds:
    """timeout: seconds for one connection. budget: seconds for everything. patience: seconds in which what is not as
    promised is asked again. sources: by protocol, what makes a pod answer with the client's address."""

    timeout: float = 3.0
    threads: int = 8
    budget: float = 120.0
    patience: float = 0.0
    pod_wait: float = 30.0
    sources: dict[str, str] = field(default_factory=dict)


def probe_clients(clients: list[dict[str, Any]], bounds: Bounds, progress: str = "") -> dict[str, dict[str, Any]]:
    """By client its results, or why there are none. clients: name, uid of the pod and whether it shares the node's
    network, tasks; questions to cluster DNS; environment: by uid of a pod the variables to look at. progress: a file
    that says how far it is, made and removed here."""
    absent, tasks, owners, asking = {}, [], [], {}
    every = sum(len(client["tasks"]) + len(client.get("questions") or ()) for client in clients)
    with Progress(progress, every) as course, ExitStack() as stack, ThreadPoolExecutor() as beside:
        for client in clients:
            try:
                uid, shared = client.get("pod") or "", client.get("host_network", False)
                network = stack.enter_context(network_of(uid, shared, bounds.pod_wait)) if uid else None
            except NoNetwork as error:
                absent[client["name"]] = {"msg": str(error)}
                continue
            tasks += [Task(**task, network=network) for task in client["tasks"]]
            owners += [client["name"]] * len(client["tasks"])
            if client.get("questions") and network is not None:
                asking[client["name"]] = beside.submit(_names, client["questions"],
                                                        dig.Pod(network, find(uid) or 0), bounds, course)
        results = probe_all(tasks, bounds, course)
    found: dict[str, dict[str, Any]] = {c["name"]: {"results": []} for c in clients if c["name"] not in absent}
    for owner, result in zip(owners, results):
        found[owner]["results"].append(result)
    for client in clients:
        if client["name"] in asking:
            found[client["name"]]["names"] = asking[client["name"]].result()
        if client.get("environment"):
            found.get(client["name"], absent.get(client["name"], {}))["environment"] = {
                uid: environment.read(uid, variables) for uid, variables in client["environment"].items()}
    return {**found, **absent}


def _names(questions: list[dict[str, Any]], pod: dig.Pod, bounds: Bounds, course: Progress) -> list[dict[str, Any]]:
    now = time.monotonic()
    return dig.ask_all(questions, pod, bounds.timeout, now + min(bounds.patience, bounds.budget),
                       lambda question, result: names.judge(question, result)[0] == PROVEN, last=now + bounds.budget,
                       done=course.one)


def probe_all(tasks: list[Task], bounds: Bounds, course: Progress | None = None) -> list[dict[str, Any]]:
    """Several cells at a time, all of them within the budget and one deadline.

    A change takes its time to arrive in the rules of every node. So what would disprove a promise is asked again, as
    a whole, until it holds or patience ends; the last answers count. Each result says in which round it was got, and
    how many seconds after the start that round began.
    """
    started, course = time.monotonic(), course or Progress()
    with Threads(bounds.threads) as threads:
        def ask_all(indices: list[int], number: int) -> dict[int, dict[str, Any]]:
            after = round(time.monotonic() - started, 1)
            asked = threads.map([tasks[index] for index in indices], bounds, started + bounds.budget,
                                course.one if number == 1 else None)
            return {index: {**result, "round": number, "after": after} for index, result in zip(indices, asked)}

        results, number = ask_all(list(range(len(tasks))), 1), 1
        while broken := [index for index in results if is_broken(tasks[index], results[index])]:
            if time.monotonic() + PAUSE >= started + min(bounds.patience, bounds.budget):
                break
            time.sleep(PAUSE)
            number += 1
            course.again(len(broken))
            results.update(ask_all(broken, number))
    return [results[index] for index in range(len(tasks))]


class Threads:
    """A pool whose threads go into the network of the task at hand, and back into their own."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=count)
        self._here = threading.local()
        self._own: int | None = None

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown()
        if self._own is not None:
            os.close(self._own)

    def map(self, tasks: list[Task], bounds: Bounds, end: float,
            done: Callable[[], None] | None = None) -> list[dict[str, Any]]:
        if self._own is None and any(task.network is not None for task in tasks):
            self._own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

        def one(task: Task) -> dict[str, Any]:
            result = self._probe(task, bounds, end)
            if done:
                done()
            return result

        return list(self._pool.map(one, tasks))

    def _probe(self, task: Task, bounds: Bounds, end: float) -> dict[str, Any]:
        wanted = self._own if task.network is None else task.network
        if wanted is not None and getattr(self._here, "network", self._own) != wanted:
            enter(wanted)
            self._here.network = wanted
        return probe(task, bounds, end)


def probe(task: Task, bounds: Bounds, end: float) -> dict[str, Any]:
    """One cell's connections, one after the other, until `end` of the monotonic clock."""
    answers: Counter[str] = Counter()
    seconds: list[float] = []
    course: list[list[Any]] = []
    failures, own_faults, first_error, unfinished = 0, 0, "", False
    for _ in range(task.connections):
        started = time.monotonic()
        if started >= end:
            unfinished = True
            break
        try:
            answer = ask(task.protocol, task.address, task.port, task.ask, bounds.timeout)
            seconds.append(time.monotonic() - started)
            answers[answer] += 1
            _note(course, answer)
        except NoAnswer as error:
            failures += 1
            own_faults += error.own
            first_error = first_error or str(error)
        if failures >= GIVE_UP_AFTER or (task.until and answers.keys() >= set(task.until)):
            break
    return {
        "id": task.id, "connections": sum(answers.values()) + failures, "answers": dict(sorted(answers.items())),
        "failures": failures, "own_faults": own_faults, "error": first_error, "unfinished": unfinished,
        "latency_ms": latency(seconds), "course": course, "source": _source(task, bounds) if answers else "",
    }


def _note(course: list[list[Any]], answer: str) -> None:
    """The course of a cell: [pod, how often in a row], in turn."""
    if course and course[-1][0] == answer:
        course[-1][1] += 1
    elif len(course) < LONGEST_COURSE:
        course.append([answer, 1])


def _source(task: Task, bounds: Bounds) -> str:
    """The address that a pod sees, by one more connection; empty when the pods do not tell."""
    what = bounds.sources.get(task.protocol)
    try:
        return source_of(ask(task.protocol, task.address, task.port, what, bounds.timeout)) if what else ""
    except NoAnswer:
        return ""


def latency(seconds: list[float]) -> dict[str, Any]:
    """Milliseconds. `counts`: how many took less than 1, 2, 4, 8, ... and so on."""
    if not seconds:
        return {}
    figures: dict[str, Any] = {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}
    counts = Counter(int(value * 1000).bit_length() for value in seconds)
    return {**{name: round(value * 1000, 2) for name, value in figures.items()},
            "counts": [counts[power] for power in range(max(counts) + 1)]}


def is_broken(task: Task, result: dict[str, Any]) -> bool:
    """Whether this result would disprove the cell's promise, or says of the client that it could not try yet."""
    if not task.expect:
        return False
    cell = {"client": "", "node_ready": True, "connections": task.connections, "place": "", "expect": task.expect}
    return bool(result["own_faults"]) or any(f.verdict == DISPROVEN for f in judge_cell(cell, result, {}))
