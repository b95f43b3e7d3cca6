"""The probe's load as a process of its own on this machine, which goes on between two calls of a module."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.probe import course, load, summary

HOME = "/run/fairlead-probe"
STOP_SECONDS = 30.0
POLL_SECONDS = 0.2
ANY = {4: "0.0.0.0", 6: "::"}
# Words that stand for an address of the node that is asked.
NODE = {"node": 4, "node6": 6}


class Load:
    """One load by its name. Files: program, request, process id and results."""

    def __init__(self, name: str, home: str = HOME) -> None:
        self.place = f"{home}/{name}"

    def start(self, flows: list[dict[str, Any]], seconds: float) -> None:
        document = {"flows": flows, "seconds": seconds}
        wrong = load.check(document)
        if wrong:
            raise FairleadError("flows", wrong, "correct the flow")
        os.makedirs(self.place, mode=0o700, exist_ok=True)
        files.write_text(f"{self.place}/load.py", load.__spec__.loader.get_source(load.__name__))
        files.write_text(f"{self.place}/flows.json", json.dumps(document), 0o600)
        with open(f"{self.place}/flows.json", "rb") as asked, open(f"{self.place}/results.jsonl", "wb") as out, (
                open(f"{self.place}/errors", "wb")) as errors:
            running = subprocess.Popen([sys.executable, f"{self.place}/load.py"], stdin=asked, stdout=out,
                                       stderr=errors, start_new_session=True, cwd="/")
        files.write_text(f"{self.place}/process", f"{running.pid}\n")
        time.sleep(POLL_SECONDS)
        if running.poll() is not None:
            said = files.read_text(f"{self.place}/errors")
            raise FairleadError("probe", f"ended at once: {said}", "correct the flow")

    def process(self) -> int:
        """The running process, 0 for none. Another that has got its number meanwhile is not taken for it."""
        number = (files.read_text(f"{self.place}/process") or "").strip()
        try:
            line = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return 0
        return int(number) if number and f"{self.place}/load.py".encode() in line else 0

    def stop(self) -> None:
        """Let it finish what it has begun; one that does not end is killed."""
        number, deadline = self.process(), time.monotonic() + STOP_SECONDS
        if number:
            os.kill(number, signal.SIGTERM)
        while self.process():
            if time.monotonic() > deadline:
                os.kill(number, signal.SIGKILL)
            time.sleep(POLL_SECONDS)

    def results(self) -> list[dict[str, Any]]:
        text = files.read_text(f"{self.place}/results.jsonl") or ""
        return [json.loads(line) for line in text.split("\n")[:-1]]  # the last line may not be whole yet


def resolved(flows: list[dict[str, Any]], addresses: list[str]) -> list[dict[str, Any]]:
    """Flows with addresses in place of the words `node` and `node6`; a flow without `sources` takes any. Those to a
    family that the node does not have are left out. Pure."""
    of = {6 if ":" in each else 4: each for each in reversed(addresses)}
    found = []
    for flow in flows:
        address = flow.get("address", "")
        if address in NODE:
            address = of.get(NODE[address], "")
            if not address:
                continue
        elif not address:
            raise FairleadError("flows", f"flow {flow.get('name')!r} has no address",
                                "name one, or write node or node6 for the node's")
        given = {key: value for key, value in flow.items() if value is not None}
        found.append({**given, "address": address, "sources": flow.get("sources") or [ANY[6 if ":" in address else 4]]})
    return found


def judge(results: list[dict[str, Any]], begin: float = 0.0, *, moves: bool = True) -> dict[str, Any]:
    """As the module returns it. moves: whether an affinity client that moved is a failure; of the network it is none,
    but of the promise."""
    found = summary.summarize(results, begin)
    return {**vars(found), "failures": found.failed + found.broken + (found.moved if moves else 0)}


def told(name: str, judged: dict[str, Any]) -> str:
    """A line for people."""
    return (f"{name}: {judged['new'] - judged['failed']} new connections, {judged['failed']} failed; "
            f"{judged['broken']} of {judged['established']} established broken; {judged['moved']} moves of "
            f"{judged['clients']} affinity clients; longest UDP silence {judged['silence']:.0f} ms; "
            f"p50 {judged['p50']:.1f} ms, p99 {judged['p99']:.1f} ms; {judged['resent']} with packets sent again")


def seconds_of(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return course.seconds(results)
