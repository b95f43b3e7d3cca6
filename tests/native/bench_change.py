"""Change kube-proxy's mode on the native bench under load: live, and by a restart. Called by `make bench-change`.

Live comes first: a restart leaves connection-tracking entries without translation behind, which for two minutes cost
one or two new connections in a hundred, whoever then changes the mode.

ROUNDS (3) of each change in each way, RATE (500) new connections a second, KEPT (200) established ones, SERVICES (5)
more Services of two endpoints. Every change has its own quiet control right before it, under the same load.
WITHOUT_BRIDGE=1 leaves the bridge out of the live change: then this must fail. The status says whether the live changes
lost nothing.
"""
from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from pathlib import Path

import ansible.module_utils

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "module_utils"))

import ask  # noqa: E402
from ansible.module_utils.fairlead.probe.summary import Summary, summarize  # noqa: E402
from bench import BALANCED, NODE1, Bench, service  # noqa: E402
from change_table import COLUMNS, row, show  # noqa: E402
from traffic import DATAGRAMS, STAY, WEB, Traffic, flows, services  # noqa: E402

ROUNDS, RATE = int(os.environ.get("ROUNDS", "3")), float(os.environ.get("RATE", "500"))
KEPT, SERVICES = int(os.environ.get("KEPT", "200")), int(os.environ.get("SERVICES", "5"))
WITHOUT_BRIDGE = os.environ.get("WITHOUT_BRIDGE") == "1"
WAYS = os.environ.get("WAYS", "live restart").split()
SERVED_SECONDS = 120.0
QUIET, AFTER = 6.0, 6.0  # seconds of load before and after a change
PAIRS = (("iptables", "nftables"), ("nftables", "iptables"))


def main() -> int:
    verdicts, rows = [], []
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
            for _round in range(ROUNDS):
                for old, new in PAIRS:
                    change = f"{old} -> {new}"
                    quiet, during, took = one(bench, wanted, new, how)
                    show(row(change, how, took, quiet, during))
                    rows.append({"change": change, "how": how, "took": took, "quiet": dataclasses.asdict(quiet),
                                 "during": dataclasses.asdict(during)})
                    if how == "live":
                        verdicts.append(during.failed == during.broken == during.moved == 0 and during.new > 0)
                    for words, count in during.errors.items():
                        print(f"    {count} x {words}", flush=True)
    if os.environ.get("REPORT"):
        Path(os.environ["REPORT"]).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"{sum(verdicts)} of {len(verdicts)} live changes lost nothing")
    return 0 if all(verdicts) else 1


def one(bench: Bench, wanted: dict, new: str, how: str) -> tuple[Summary, Summary, float]:
    """One change: the quiet control before it, the time from its beginning to the end of the load, and its seconds."""
    with Traffic(wanted) as traffic:
        begin = time.time()
        time.sleep(QUIET)
        changed = time.time()
        answer = bench.live(new, without_bridge=True) if WITHOUT_BRIDGE and how == "live" else (
            bench.kube_proxy(new, how))
        ended = time.time()
        if answer.get("failed"):
            raise RuntimeError(answer["msg"])
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
