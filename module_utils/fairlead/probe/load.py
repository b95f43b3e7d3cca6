"""The probe's load: a stand-alone program for nodes, pods and client machines. Standard library only.

Reads a JSON document on standard input, writes one JSON line per result, and ends by itself. The document:

    {"seconds": 30, "flows": [{"name": "node port", "kind": "new", "address": "198.51.100.11", "port": 30080,
                               "sources": ["198.51.100.101"], "rate": 50}]}

kind new:         opens connections at `rate` a second, asks once, closes; `rate` is over all sources
kind affinity:    the same; each source counts as one client, and its answers should be one pod's
kind established: keeps `count` connections open and asks on each every `interval` seconds; `opened` of them are opened
                  in a second at the most
kind udp:         asks from one fixed port per source every `interval` seconds

A result: {"at": UNIX time of its beginning, "flow", "kind", "source", "ok", "ms", "answer", "error", "resent": opening
packets sent again, "id": which connection}. One of kind "stall" says that the probe itself did not run for `ms`.
SIGTERM ends the load early; what was begun is still finished.
"""
from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
from typing import Any, Callable

LONGEST_SECONDS, MOST_RATE, MOST_COUNT = 3600, 2000, 5000
TIMEOUT = 5.0  # seconds for a connection and its answer; a lost opening packet costs one, a second one three
OPENED = 200.0  # established connections that are opened in a second
STALL = 0.2  # seconds late at which the probe itself was kept from running
ANSWER_TIMEOUT = 5.0  # on an established connection
_TCP_INFO_RETRANSMITTED = 100  # offset of tcpi_total_retrans in struct tcp_info
REQUEST = b"GET %s HTTP/1.1\r\nHost: probe\r\n\r\n"
NEEDED = {"new": ("rate",), "affinity": ("rate",), "established": ("count", "interval"), "udp": ("interval",)}
Flow = dict[str, Any]


class Probe:
    """report: takes one result; stop: set when the load is to end."""

    def __init__(self, flows: list[Flow], seconds: float, report: Callable[[dict[str, Any]], None]) -> None:
        self._flows, self._seconds, self._report = flows, seconds, report
        self.stop = asyncio.Event()
        self._pending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        kinds = {"new": self._opened, "affinity": self._opened, "established": self._kept, "udp": self._datagrams}
        loads = [asyncio.create_task(kinds[flow["kind"]](flow)) for flow in self._flows]
        loads.append(asyncio.create_task(self._own_stalls()))
        try:
            await asyncio.wait_for(self.stop.wait(), self._seconds)
        except asyncio.TimeoutError:
            self.stop.set()
        await asyncio.gather(*loads)
        await asyncio.gather(*self._pending)

    async def _own_stalls(self) -> None:
        """Tell when this process was kept from running: what it measured then says little of the network."""
        while not self.stop.is_set():
            begun, started = time.time(), time.monotonic()
            await asyncio.sleep(STALL / 2)
            if time.monotonic() - started > 2 * STALL:
                self._say({"name": "the probe itself", "kind": "stall"}, "", begun, started)

    async def _opened(self, flow: Flow) -> None:
        """One connection after the other at a steady rate, whatever becomes of each."""
        pause, due, number = 1.0 / flow["rate"], time.monotonic(), 0
        while not self.stop.is_set():
            source = flow["sources"][number % len(flow["sources"])]
            task = asyncio.create_task(self._one(flow, source))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)
            number, due = number + 1, due + pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _one(self, flow: Flow, source: str) -> None:
        begun, started = time.time(), time.monotonic()
        answer, error, resent, writer = "", "", 0, None
        try:
            async with _limit(TIMEOUT):
                reader, writer = await asyncio.open_connection(flow["address"], flow["port"], local_addr=(source, 0))
                # A server that does not speak HTTP: that the connection opens is answer enough.
                answer = await _ask(reader, writer, flow) if flow.get("path", "/") else "opened"
                resent = _resent(writer)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as problem:
            error = _words(problem)
        finally:
            if writer:
                writer.close()
        self._say(flow, source, begun, started, answer=answer, error=error, resent=resent)

    async def _kept(self, flow: Flow) -> None:
        await asyncio.gather(*(self._connection(flow, number) for number in range(flow["count"])))

    async def _connection(self, flow: Flow, number: int) -> None:
        """One connection that carries data both ways until the end or until it breaks; it is not opened again."""
        source = flow["sources"][number % len(flow["sources"])]
        await asyncio.sleep(number / flow.get("opened", OPENED))
        begun, started = time.time(), time.monotonic()
        try:
            async with _limit(TIMEOUT):
                reader, writer = await asyncio.open_connection(flow["address"], flow["port"], local_addr=(source, 0))
        except (OSError, asyncio.TimeoutError) as problem:
            self._say(flow, source, begun, started, error=f"never opened: {_words(problem)}", id=number)
            return
        try:
            while not self.stop.is_set():
                begun, started = time.time(), time.monotonic()
                async with _limit(ANSWER_TIMEOUT):
                    answer = await _ask(reader, writer, flow)
                self._say(flow, source, begun, started, answer=answer, id=number)
                await asyncio.sleep(flow["interval"])
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as problem:
            self._say(flow, source, begun, started, error=f"broken: {_words(problem)}", id=number)
        finally:
            writer.close()

    async def _datagrams(self, flow: Flow) -> None:
        """Questions from one port per source at a steady pace, whatever becomes of each; an answer counts for the
        question that is under way when it comes. To wait longer for a lost one would itself be silence."""
        loop = asyncio.get_running_loop()
        opened = []
        for number, source in enumerate(flow["sources"]):
            family = socket.AF_INET6 if ":" in source else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.bind((source, flow.get("source_port", 0)))
            sock.connect((flow["address"], flow["port"]))
            sock.setblocking(False)
            opened.append((number, source, sock))
        await asyncio.gather(*(self._datagram_flow(flow, loop, *each) for each in opened))

    async def _datagram_flow(self, flow: Flow, loop: asyncio.AbstractEventLoop, number: int, source: str,
                             sock: socket.socket) -> None:
        with sock:
            while not self.stop.is_set():
                begun, started = time.time(), time.monotonic()
                answer, error = "", ""
                try:
                    await loop.sock_sendall(sock, b"hostname")
                    answer = (await asyncio.wait_for(loop.sock_recv(sock, 2048), flow["interval"])).decode()
                except (OSError, asyncio.TimeoutError) as problem:
                    error = _words(problem)
                self._say(flow, source, begun, started, answer=answer, error=error, id=number)
                await asyncio.sleep(max(0.0, flow["interval"] - (time.monotonic() - started)))

    def _say(self, flow: Flow, source: str, begun: float, started: float, *, answer: str = "", error: str = "",
             resent: int = 0, id: int = 0) -> None:
        self._report({"at": round(begun, 4), "flow": flow["name"], "kind": flow["kind"], "source": source,
                      "ok": not error, "ms": round((time.monotonic() - started) * 1000, 2), "answer": answer,
                      "error": error, "resent": resent, "id": id})


class _limit:
    """The block raises TimeoutError after so many seconds.

    Not when this very process was kept from running meanwhile: an answer may then wait unread, and gets its time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._late = seconds, False

    async def __aenter__(self) -> None:
        self._again(asyncio.current_task())

    def _again(self, task: asyncio.Task[Any]) -> None:
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._expire, task)

    def _expire(self, task: asyncio.Task[Any]) -> None:
        if asyncio.get_running_loop().time() - self._handle.when() > STALL:
            self._again(task)
            return
        self._late = True
        task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._handle.cancel()
        if self._late and kind is asyncio.CancelledError:
            raise asyncio.TimeoutError


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: Flow) -> str:
    writer.write(REQUEST % flow.get("path", "/hostname").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n")
                  if line.lower().startswith(b"content-length:"))
    return (await reader.readexactly(length)).decode()


def _resent(writer: asyncio.StreamWriter) -> int:
    raw = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("=I", raw, _TCP_INFO_RETRANSMITTED)[0] if len(raw) == 104 else 0


def _words(problem: BaseException) -> str:
    if isinstance(problem, asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(problem, asyncio.IncompleteReadError):
        return "closed by the other side"
    number = getattr(problem, "errno", None)  # asyncio's own text says only that the call failed
    return os.strerror(number) if number else str(problem)


def check(document: Any) -> str:
    """What is wrong with a document, "" for nothing: the load is bounded before it begins."""
    try:
        flows, seconds = document["flows"], float(document["seconds"])
        found = [(0 < seconds <= LONGEST_SECONDS, f"seconds={seconds:g}: more than 0 and at most {LONGEST_SECONDS}"),
                 (sum(flow.get("rate", 0) for flow in flows) <= MOST_RATE, f"rate: at most {MOST_RATE} in all"),
                 (sum(flow.get("count", 0) for flow in flows) <= MOST_COUNT, f"count: at most {MOST_COUNT} in all")]
        for flow in flows:
            named, needed = f"flow {flow['name']!r}", NEEDED.get(flow["kind"], ())
            found += [(bool(needed), f"{named}: kind is one of {', '.join(NEEDED)}"),
                      (bool(flow["sources"]), f"{named}: sources are needed")]
            found += [(flow.get(word, 0) >= 0.01, f"{named}: {word} is at least 0.01") for word in needed]
    except (KeyError, TypeError, ValueError) as error:
        return f"{error!r} is missing or of the wrong type"
    return next((words for fine, words in found if not fine), "")


async def _main(document: dict[str, Any]) -> None:
    probe = Probe(document["flows"], float(document["seconds"]), lambda result: print(json.dumps(result)))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, probe.stop.set)
    await probe.run()


def _allow_files() -> None:
    """As many connections as the machine grants; a login's usual 1,024 open files are fewer than a flow may keep."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> int:
    try:
        document = json.load(sys.stdin)
    except ValueError as error:
        print(f"standard input is no JSON: {error}", file=sys.stderr)
        return 2
    wrong = check(document)
    if wrong:
        print(f"{wrong}. Correct the document on standard input.", file=sys.stderr)
        return 2
    _allow_files()
    asyncio.run(_main(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
