"""Change kube-proxy's mode on a node of the lab under load, live and by a restart: a real kernel with IPVS, real
systemd. Called by `make bench-change`; the lab has to run.

PAIRS ("iptables>ipvs ipvs>nftables ..."; every pair in a round by default) are made one after the other on NODE
(node3), which is brought to the first pair's mode before and to the inventory's afterwards. RATE (30) new connections a
second, KEPT (20) established ones, IDLE (0) more that say something every 50 s. WAYS ("live restart"), ROUNDS (1) of
each way, SOAK (10) seconds. Each change has its own quiet control right before it. WITHOUT_BRIDGE=1 leaves the bridge
out of the live change: then this must fail. REPORT names a file for the figures as JSON, LOGS a directory for the
playbooks' words. No change begins once BUDGET (1700) seconds are used up; those that were left out are named.
"""
from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "native")]

import ansible.module_utils  # noqa: E402

ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.fairlead.probe.summary import Summary, summarize  # noqa: E402
from change_table import COLUMNS, row, show  # noqa: E402
from lab_tools import INVENTORY, Lab  # noqa: E402
from lab_traffic import IDLE_INTERVAL, IDLE_OPENED, Services, Traffic, flows, on  # noqa: E402

NODE = os.environ.get("NODE", "node3")
# Every pair once, each beginning where the one before it ended.
EVERY = "iptables>ipvs ipvs>nftables nftables>iptables iptables>nftables nftables>ipvs ipvs>iptables"
PAIRS = [tuple(each.split(">")) for each in os.environ.get("PAIRS", EVERY).split()]
ROUNDS, WAYS = int(os.environ.get("ROUNDS", "1")), os.environ.get("WAYS", "live restart").split()
RATE, KEPT = float(os.environ.get("RATE", "30")), int(os.environ.get("KEPT", "20"))
IDLE = int(os.environ.get("IDLE", "0"))
SOAK, QUIET, AFTER = float(os.environ.get("SOAK", "10")), 30.0, 8.0
WITHOUT_BRIDGE = os.environ.get("WITHOUT_BRIDGE") == "1"
LOGS = Path(os.environ.get("LOGS", ROOT / "build" / "change"))
JOURNAL = "/var/lib/fairlead/mode-change"
SECONDS = 600
BUDGET = float(os.environ.get("BUDGET", "1700"))


def main() -> int:
    lab, verdicts, rows, started = Lab(), [], [], time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    show(COLUMNS)
    with Services(lab) as services:
        for how in WAYS:
            for number in range(ROUNDS):
                for old, new in PAIRS:
                    if time.monotonic() - started > BUDGET:
                        print(f"NOT RUN, the {BUDGET:.0f} s are used up: {old} -> {new}, {how}", flush=True)
                        continue
                    bring(lab, old)
                    services.ready(NODE)
                    found = one(lab, old, new, how, f"{how}-{number}-{old}-{new}")
                    rows.append(found)
                    if how == "live":
                        verdicts.append(found["status"] == 0 and fine(found["during"], new))
    bring(lab, lab.nodes[NODE])
    if os.environ.get("REPORT"):
        Path(os.environ["REPORT"]).write_text(json.dumps(
            [{**each, "quiet": dataclasses.asdict(each["quiet"]), "during": dataclasses.asdict(each["during"])}
             for each in rows], indent=1), encoding="utf-8")
    print(f"{sum(verdicts)} of {len(verdicts)} live changes lost nothing")
    return 0 if all(verdicts) and verdicts else 1


def one(lab: Lab, old: str, new: str, how: str, name: str) -> dict[str, Any]:
    """One change with its quiet control; prints its line."""
    with Traffic(lab, NODE, flows(lab, NODE, RATE, KEPT, IDLE)) as traffic:
        time.sleep(IDLE / IDLE_OPENED)
        begin = time.time()
        time.sleep(QUIET)
        changed = time.time()
        status = play(name, new, how)
        ended = time.time()
        time.sleep(max(AFTER, IDLE_INTERVAL + 10 if IDLE else 0.0))  # each idle connection asks once more
    results = traffic.results()
    quiet, during = summarize(results, begin, changed), summarize(results, changed)
    state = json.loads(on(lab, NODE, f"cat {JOURNAL}/state.json", check=False) or "{}") if how == "live" else {}
    show(row(f"{old} -> {new}", how, ended - changed, quiet, during))
    for words, count in sorted(during.errors.items()):
        print(f"    {count} x {words}", flush=True)
    phases = {phase: at + traffic.clock() for phase, at in state.get("phases", {}).items()}
    spans = {"quiet": (begin, changed), "playbook": (changed, ended)}
    if phases:
        spans["guard"] = min(phases.values()), state["ended"] + traffic.clock()
    print(f"    p99 ms, {' / '.join(spans)}: {slowest(results, spans)}", flush=True)
    if phases:
        tell(phases, state, [each for each in results if not each["ok"] and each["kind"] != "udp"])
    (LOGS / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in results), encoding="utf-8")
    (LOGS / f"{name}.journal").write_text(on(lab, NODE, f"cat {JOURNAL}/journal.log", check=False), encoding="utf-8")
    if status:
        print(f"    THE PLAYBOOK FAILED with status {status}: {LOGS / name}.log", flush=True)
    return {"status": status, "change": f"{old} -> {new}", "how": how, "took": ended - changed,
            "quiet": quiet, "during": during, "begin": begin, "changed": changed, "phases": phases,
            "handed_over": state.get("handed_over"), "affinity_lost": state.get("affinity_lost", 0)}


def slowest(results: list[dict[str, Any]], spans: dict[str, tuple[float, float]]) -> str:
    """p99 of new connections by where they were made: a program on the node waits for the processor itself."""
    places = {"from outside": True, "on the node": False}
    return ", ".join(f"{name} " + " / ".join(f"{summarize(of, *span).p99:.0f}" for span in spans.values())
                     for name, outside in places.items()
                     if (of := [each for each in results if each["where"].startswith("client") == outside]))


def fine(during: Summary, new: str) -> bool:
    """Into ipvs mode affinity cannot be carried: it is counted, not demanded."""
    return during.new > 0 and during.failed == during.broken == 0 and (during.moved == 0 or new == "ipvs")


def bring(lab: Lab, mode: str) -> None:
    """The node in this mode by whatever way, unwatched."""
    running = on(lab, NODE, "curl -s 127.0.0.1:10249/proxyMode", check=False)
    if running != mode and play(f"to-{mode}", mode, "restart"):
        raise RuntimeError(f"{NODE} could not be brought to {mode} mode: {LOGS}/to-{mode}.log")


def play(name: str, mode: str, how: str) -> int:
    wish: dict[str, Any] = {"kube_proxy_mode": mode, "kube_proxy_leftovers": "remove"}
    playbook = "playbooks/change_mode.yml"
    if how == "restart":
        playbook, wish = "playbooks/nodes.yml", {**wish, "kube_proxy_mode_change": "restart"}
    else:
        # The load here is the probe: a second one beside it would be in the figures, and not in the control's.
        wish = {"kube_proxy_mode": mode, "change_mode_soak": SOAK, "probe_flows": []}
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_TIMEOUT": "90"}
    if WITHOUT_BRIDGE and how == "live":
        on(Lab(), NODE, f"mkdir -p {JOURNAL} && cat > {JOURNAL}/test.json", stdin=json.dumps({"without_bridge": True}))
    argv = ["ansible-playbook", "-i", str(INVENTORY), str(ROOT / playbook), "--limit", NODE,
            "--extra-vars", json.dumps(wish)]
    with open(LOGS / f"{name}.log", "w", encoding="utf-8") as out:
        return subprocess.run(argv, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False,
                              timeout=SECONDS).returncode


def tell(phases: dict[str, float], state: dict[str, Any], failures: list[dict[str, Any]]) -> None:
    """When each phase began, and in which of them something failed."""
    first = min(phases.values())
    ordered = sorted(phases.items(), key=lambda each: each[1])
    print("    " + ", ".join(f"{name} {at - first:.1f}" for name, at in ordered)
          + f", ended {state['ended'] - min(state['phases'].values()):.1f}", flush=True)
    if state.get("handed_over"):
        print(f"    handed over: {state['handed_over']}", flush=True)
    for each in failures[:10]:
        print(f"    {each['flow']} {each['id']}: begun {each['at'] - first:.3f}, ended "
              f"{each['at'] + each['ms'] / 1000 - first:.3f}: {each['error']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
