"""Which mode of kube-proxy is faster, here: measured in one run and drawn. Called by `make bench-modes`.

At each of SIZES ("10,1000,10000") Services of two endpoints, for each mode: what a restart takes until the first
complete sync, what one more Service takes to be written, how long the first packet of a new connection is on its way,
and how many connections a second are answered. iptables and nftables mode run on a namespace node at native speed, ipvs
mode on a node of the lab beside iptables mode there (LAB_SIZES, "10,1000": an emulated node is slow). The two are not
to be compared with each other.

On nodes of your own: run.py --inventory INVENTORY --node NODE --client HOST --backends NAMESPACE/SERVICE [--modes
iptables,ipvs,nftables]. The node's kube-proxy is restarted and changes its mode: not on a node that serves anybody.
"""
from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[3]
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
import page  # noqa: E402
import sites  # noqa: E402

COUNT, SECONDS, TOGETHER = 300, 5.0, 8  # connections that are timed, the load's seconds and how many at once
MORE = 5  # Services that are added one by one
PAUSE = 3.0  # after each, longer than kube-proxy's minSyncPeriod


def measure(site: Any, size: int, mode: str, extra: int) -> dict[str, Any]:
    """One mode at one size. extra: Services that earlier modes have added."""
    site.change(mode)
    begun = site.on_node("restart", "kube-proxy.service")
    if begun["mode"] != mode:
        raise SystemExit(f"kube-proxy runs in {begun['mode']} mode, not in {mode}")
    sites.settle(site, PAUSE)
    seen = site.ask(COUNT, SECONDS, TOGETHER)
    before = site.on_node("syncs")
    for number in range(MORE):
        site.grow(size + extra + number + 1)
        sites.settle(site, PAUSE)
    after = site.on_node("syncs")
    first = sorted(seen["first"])
    return {"mode": mode, "services": size, "start": begun["start"], "sync": begun["sync"],
            "estimated": site.preflight(mode, size), "change": one_more(before, after),
            "p50": statistics.median(first), "p99": first[int(len(first) * 0.99)], "rate": seen["rate"],
            "failed": seen["failed"], "info": round(site.info(), 2)}


def one_more(before: dict[str, list[float]], after: dict[str, list[float]]) -> float:
    """Seconds of one sync while Services were added, of the family that took longer."""
    took = [(after[label][0] - spent) / max(1.0, after[label][1] - count)
            for label, (spent, count) in before.items() if label in after]
    return round(max(took, default=0.0), 4)


def run(site: Any, sizes: list[int], modes: list[str]) -> dict[str, Any]:
    rows = []
    with site.open():
        for size in sizes:
            extra = 0
            site.grow(size)
            for mode in modes:
                rows.append(measure(site, size, mode, extra))
                extra += MORE
                show(rows[-1])
    return {"site": site.title, "rows": rows}


def show(row: dict[str, Any]) -> None:
    print(f"  {row['services']:>6} Services, {row['mode']:<8} start {row['start']:7.2f} s (estimated "
          f"{row['estimated']:.1f}), one more Service {row['change'] * 1000:7.0f} ms, first packet p50 {row['p50']:.2f}"
          f" p99 {row['p99']:.2f} ms, {row['rate']:.0f} connections/s, {row['failed']} failed", flush=True)


def chosen(asked: argparse.Namespace) -> list[tuple[Any, list[int], list[str]]]:
    """(site, sizes, modes) of the run."""
    sizes = [int(word) for word in os.environ.get("SIZES", "10,1000,10000").split(",")]
    if asked.inventory:
        kubectl = ["kubectl", *(["--kubeconfig", asked.kubeconfig] if asked.kubeconfig else [])]
        place = sites.Place(asked.inventory, asked.node, asked.client, asked.backends)
        return [(sites.InventorySite(max(sizes), place, kubectl), sizes, asked.modes.split(","))]
    found: list[tuple[Any, list[int], list[str]]] = []
    if os.environ.get("NATIVE", "1") == "1":
        found.append((sites.NativeSite(max(sizes)), sizes, list(sites.NativeSite.modes)))
    if os.environ.get("ON_LAB", "1") == "1":
        own = [int(word) for word in os.environ.get("LAB_SIZES", "10,1000").split(",")]
        lab = ROOT / ".lab" / (os.environ.get("FAIRLEAD_LAB") or "lab")
        kubectl = [str(lab / "bin/kubectl"), "--kubeconfig", str(lab / "kubeconfig")]
        place = sites.Place("inventories/lab", "node1", "client1", "walkthrough/myapp")
        found.append((sites.InventorySite(max(own), place, kubectl), own, list(sites.InventorySite.modes)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for word, text in (("inventory", "of your own nodes"), ("node", "that is measured"),
                       ("client", "host of the inventory outside the cluster"), ("kubeconfig", "for kubectl"),
                       ("backends", "NAMESPACE/SERVICE whose pods answer GET /hostname")):
        parser.add_argument(f"--{word}", default="", help=text)
    parser.add_argument("--modes", default="iptables,nftables", help="to compare, with commas")
    parser.add_argument("--out", default=str(ROOT / "build/bench-modes"), help="writes OUT.json and OUT.html")
    asked = parser.parse_args()
    report = {"time": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
              "machine": f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the start, "
                         f"Linux {platform.release()}", "runs": []}
    for site, sizes, modes in chosen(asked):
        print(f"{site.title}:", flush=True)
        report["runs"].append(run(site, sizes, modes))
    out = Path(asked.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".html").write_text(page.render(report), encoding="utf-8")
    print(f"{out}.json and {out}.html are written")
    return 1 if any(row["failed"] for one in report["runs"] for row in one["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
