#!/usr/bin/env python3
"""Prove that our judge says of Services what real API servers say. Called by `make parity` and `make test`.

    make parity SEED=7 CREATES=4000 UPDATES=2000 VERSIONS=1.37.2,1.34.4

Every version is asked as a dual-stack and as a single-stack cluster, and with the families the other way round. A
mismatch is shown with both answers; the same seed gives the same Services. Afterwards the comparison itself is tested:
without each of the judge's rules in turn it has to find mismatches.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
from ansible.module_utils.fairlead.services.facts import Facts, parse_cidrs, parse_range, parse_version  # noqa: E402
from api_server import ApiServer  # noqa: E402

from parity import compare, direct, removal  # noqa: E402
from parity.generate import Generator  # noqa: E402


@dataclass(frozen=True)
class Cluster:
    """A way to set up a cluster, and its share of the requests."""

    name: str
    cidrs: str
    share: float
    node_ports: str = "30000-32767"
    turned: bool = False  # the gate StrictIPCIDRValidation is set to the opposite of its default, where there is one

    def facts(self, version: str) -> Facts:
        release = parse_version(version)
        gates = (("StrictIPCIDRValidation", release < (1, 36)),) if self.turned and release >= (1, 33) else ()
        return Facts(release, parse_range(self.node_ports), parse_cidrs(self.cidrs), gates)

    def flags(self, facts: Facts) -> tuple[str, ...]:
        gates = [f"--feature-gates={gate}={str(on).lower()}" for gate, on in facts.feature_gates]
        return (f"--service-node-port-range={self.node_ports}", *gates)


CLUSTERS = (
    Cluster("dual-stack", "10.96.0.0/16,fd00:96::/108", 0.5),
    Cluster("single-stack", "10.96.0.0/16", 0.25),
    Cluster("IPv6 first", "fd00:96::/108,10.96.0.0/16", 0.25, "20000-30020", True),
)
BASES = 60
SHOWN = 10  # mismatches of one kind of request


@dataclass(frozen=True)
class Run:
    """All requests of one kind to one API server."""

    version: str
    cluster: str
    facts: Facts
    cases: list[compare.Case]

    def wrong(self) -> list[compare.Case]:
        return [case for case in self.cases if not case.agrees(self.facts)]

    def row(self) -> tuple[str, ...]:
        accepted = sum(case.server.accepted for case in self.cases)
        return (self.version, self.cluster, self.cases[0].kind, str(len(self.cases)), str(accepted),
                str(len(self.cases) - accepted), str(len(self.wrong())),
                f"{compare.milliseconds(self.cases, self.facts):.3f}")


def programs(versions: list[str]) -> dict[str, Any]:
    """The finished builds: {etcd: PATH, kube_apiserver: {VERSION: PATH}}. Builds what is missing, which takes minutes.

    Without versions it is the lab's and the older ones that inventories/lab names; "lab" is the lab's alone.
    """
    listing = ROOT / ".lab" / "parity.json"
    others = {"lab_parity_versions": [version for version in versions if version != "lab"]} if versions else {}
    argv = ["ansible-playbook", "-i", "inventories/lab", "playbooks/parity_build.yml",
            "-e", json.dumps({"parity_listing": str(listing), **others})]
    done = subprocess.run(argv, cwd=ROOT, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    found = json.loads(listing.read_text(encoding="utf-8"))
    if versions and "lab" not in versions:
        found["kube_apiserver"] = {version: found["kube_apiserver"][version] for version in versions}
    return found


def ask(version: str, etcd: Path, kube_apiserver: Path, options: argparse.Namespace) -> list[Run]:
    """All clusters of one version. The counts of requests are shared out among them."""
    runs = []
    for cluster in CLUSTERS:
        facts = cluster.facts(version)
        with ApiServer(etcd, kube_apiserver, cluster.cidrs, cluster.flags(facts)) as server:
            aimed = direct.run(server, facts.kubernetes_version, whole=cluster is CLUSTERS[0])
            made = compare.bases(server, options.seed, BASES)
            taken = compare.taken_ports(server)
            print(f"{version} {cluster.name}: ready in {server.started_in:.1f} s, {len(made)} Services stored",
                  flush=True)
            creates, updates, reals = (round(count * cluster.share) for count in
                                       (options.creates, options.updates, options.creates / 4))
            random_ones = Generator(options.seed, taken), Generator(options.seed + 1, taken)
            asked = [*compare.creates(server, random_ones[0].services(creates)),
                     *compare.reals(server, random_ones[1].services(reals), facts.kubernetes_version),
                     *compare.updates(server, options.seed, updates, made), *aimed]
            runs += [Run(version, cluster.name, facts, [case for case in asked if case.kind == kind])
                     for kind in ("create", "real", "update")]
    return runs


def table(runs: list[Run]) -> str:
    rows = [("version", "cluster", "request", "n", "accepted", "refused", "mismatches", "ms per verdict"),
            *(run.row() for run in runs)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def mismatches(run: Run) -> str:
    lines = []
    for case in run.wrong()[:SHOWN]:
        ours = case.ours(run.facts)
        lines += [f"{run.version} {run.cluster} {case.kind} {case.index}: {json.dumps(case.service)}"[:4000],
                  f"  server: {case.server.code} {sorted(case.server.causes - ours.causes)} {case.message[:600]}",
                  f"  ours:   {ours.code} {sorted(ours.causes - case.server.causes)}"]
        if case.stored:
            lines.append(f"  stored: {json.dumps(case.stored['spec'])}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", default="",
                        help="releases of Kubernetes, or lab; by default all of inventories/lab")
    parser.add_argument("--creates", type=int, default=2000, help="for each version")
    parser.add_argument("--updates", type=int, default=1000, help="for each version")
    parser.add_argument("--seed", type=lambda text: int(text) if text else None, default=None)
    options = parser.parse_args()
    options.seed = random.SystemRandom().randrange(1 << 31) if options.seed is None else options.seed
    built = programs([version for version in options.versions.split(",") if version])
    print(f"seed {options.seed}", flush=True)
    runs = [run for version, program in built["kube_apiserver"].items()
            for run in ask(version, Path(built["etcd"]), Path(program), options)]
    wrong = sum(len(run.wrong()) for run in runs)
    unnoticed = removal.unnoticed(runs) if not wrong else []
    print("\n".join(filter(None, map(mismatches, runs))))
    print(table(runs))
    noticed = len(removal.RULES) - len(unnoticed)
    if not wrong:
        print(f"{noticed} of {len(removal.RULES)} rules are missed by the comparison when they are removed in turn"
              + (f"; not: {', '.join(unnoticed)}" if unnoticed else ""))
    print(f"seed {options.seed}: {sum(len(run.cases) for run in runs)} requests, {wrong} mismatches")
    return 1 if wrong or unnoticed else 0


if __name__ == "__main__":
    raise SystemExit(main())
