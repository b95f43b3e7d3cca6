"""Change kube-proxy's mode on the native bench under load, live and by a restart, and its release by a restart in the
same mode. Called by `make bench-change`.

Restarts into another mode come last: they leave connection-tracking entries without translation behind, which for two
minutes cost one or two new connections in a hundred, whoever then changes something.

ROUNDS (3) of each change in each way, RATE (500) new connections a second, KEPT (200) established ones, SERVICES (5)
more Services of two endpoints. Every change has its own quiet control right before it, under the same load.
WAYS ("upgrade live restart") says what is done; an upgrade needs the older kube-proxy, see releases.py.
WITHOUT_BRIDGE=1 leaves the bridge out of the live change: then this must fail. The status says whether upgrades and
live changes lost nothing.
"""
from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ansible.module_utils

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "module_utils"))

import ask  # noqa: E402
import releases  # noqa: E402
from ansible.module_utils.fairlead.probe.summary import Summary, summarize  # noqa: E402
from bench import BALANCED, NODE1, Bench, service  # noqa: E402
from change_table import COLUMNS, row, show  # noqa: E402
from traffic import DATAGRAMS, STAY, WEB, Traffic, flows, services  # noqa: E402

ROUNDS, RATE = int(os.environ.get("ROUNDS", "3")), float(os.environ.get("RATE", "500"))
KEPT, SERVICES = int(os.environ.get("KEPT", "200")), int(os.environ.get("SERVICES", "5"))
WITHOUT_BRIDGE = os.environ.get("WITHOUT_BRIDGE") == "1"
WAYS = os.environ.get("WAYS", "upgrade live restart").split()
SERVED_SECONDS = 120.0
QUIET, AFTER = 6.0, 6.0  # seconds of load before and after a change
Change = tuple[str, Callable[[], dict[str, Any]]]  # what the table calls it, and what makes it
PAIRS = (("iptables", "nftables"), ("nftables", "iptables"))


def main() -> int:
    rows: list[dict[str, Any]] = []
    with Bench() as bench:
        bench.apply(*services())
        started = time.monotonic()
        for number in range(SERVICES):
            bench.apply(*service(f"other-{number}", ["pod1", "pod4"], families=("IPv4",)))
        if SERVICES >= 100:
            print(f"{SERVICES} Services made in {time.monotonic() - started:.0f} s", flush=True)
        bench.install()
        bench.kube_proxy("iptables")
        wait_until_served(bench)
        wanted = flows(bench, RATE, KEPT)
        show(COLUMNS)
        for how in WAYS:
            changes = upgrades(bench) if how == "upgrade" else changes_of_mode(bench, how)
            for change, act in changes:
                quiet, during, took = one(bench, wanted, act, how)
                shown = "restart" if how == "upgrade" else how
                show(row(change, shown, took, quiet, during))
                rows.append({"change": change, "how": shown, "took": took, "quiet": dataclasses.asdict(quiet),
                             "during": dataclasses.asdict(during), "may_lose": how == "restart"})
                for words, count in during.errors.items():
                    print(f"    {count} x {words}", flush=True)
    if os.environ.get("REPORT"):
        Path(os.environ["REPORT"]).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return verdict(rows)


def verdict(rows: list[dict[str, Any]]) -> int:
    """Says what came of it; the status."""
    strict = [each["during"] for each in rows if not each["may_lose"]]
    good = sum(each["failed"] == each["broken"] == each["moved"] == 0 and each["new"] > 0 for each in strict)
    print(f"{good} of {len(strict)} live changes and upgrades lost nothing")
    if "upgrade" in WAYS and not releases.built():
        print(f"NO UPGRADE WAS MEASURED: {releases.MISSING}", flush=True)
    return 0 if rows and good == len(strict) else 1


def changes_of_mode(bench: Bench, how: str) -> Iterator[Change]:
    for _round in range(ROUNDS):
        for old, new in PAIRS:
            bare = WITHOUT_BRIDGE and how == "live"
            yield f"{old} -> {new}", (partial(bench.live, new, without_bridge=True) if bare
                                      else partial(bench.kube_proxy, new, how))


def upgrades(bench: Bench) -> Iterator[Change]:
    """From the older release to the lab's in each mode. The way back to the older one, and from one mode to the next,
    is made between them and not measured."""
    program = releases.built()
    if not program:
        print(f"NO UPGRADE IS MEASURED: {releases.MISSING}", flush=True)
        return
    releases.put(bench, program)
    change = f"{releases.OLDER.name} -> {releases.LABS.name}"
    for mode in ("iptables", "nftables"):
        succeed(bench.kube_proxy(mode, "live"))
        for _round in range(ROUNDS):
            succeed(releases.run(bench, releases.OLDER, mode))
            if releases.running(bench) != releases.OLDER.name:
                raise RuntimeError(f"not {releases.OLDER.name} runs before the upgrade")
            wait_until_served(bench)
            yield f"{change}, {mode}", partial(releases.run, bench, releases.LABS, mode)
            if releases.running(bench) != releases.LABS.name:
                raise RuntimeError(f"not {releases.LABS.name} runs after the upgrade")
    succeed(bench.kube_proxy("iptables", "live"))  # where the other changes begin


def succeed(answer: dict[str, Any]) -> None:
    if answer.get("failed"):
        raise RuntimeError(answer["msg"])


def one(bench: Bench, wanted: dict, act: Callable[[], dict[str, Any]], how: str) -> tuple[Summary, Summary, float]:
    """One change: the quiet control before it, the time from its beginning to the end of the load, and its seconds."""
    with Traffic(wanted) as traffic:
        begin = time.time()
        time.sleep(QUIET)
        changed = time.time()
        answer = act()
        ended = time.time()
        succeed(answer)
        time.sleep(AFTER)
        wait_until_served(bench)
    results = traffic.results()
    if how == "live":
        state = json.loads(bench.read("/var/lib/fairlead/mode-change/state.json"))
        phases(state["phases"], [each for each in results if not each["ok"] and each["kind"] != "udp"])
    return summarize(results, begin, changed), summarize(results, changed), ended - changed


def wait_until_served(bench: Bench) -> None:
    """Until the probe's Services answer: a first sync may come before kube-proxy knows all endpoints."""
    deadline = time.monotonic() + SERVED_SECONDS
    asked = [(protocol, NODE1, port) for protocol, port in (("TCP", WEB), ("TCP", STAY), ("UDP", DATAGRAMS))]
    asked.append(("TCP", f"{BALANCED}80", 80))
    while any(" sees " not in said for found in ask.answers("client", asked, 1).values() for said in found):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the probe's Services do not answer {SERVED_SECONDS:.0f} s after the start")
        time.sleep(0.5)


def phases(began: dict[str, float], failures: list[dict]) -> None:
    """The journal's phases with their times, and in which of them something failed."""
    first = min(began.values())
    ordered = sorted(began.items(), key=lambda each: each[1])
    print("    " + ", ".join(f"{name} {at - first:.1f}" for name, at in ordered))
    for each in failures:
        ended = each["at"] + each["ms"] / 1000
        print(f"    {each['flow']}: begun {each['at'] - first:.3f}, ended {ended - first:.3f}: {each['error']}")


if __name__ == "__main__":
    sys.exit(main())
