"""Run Kubernetes' own end-to-end tests of its network on the lab. Called by `make sweep-upstream`, which builds them.

The tests are not part of this project and nothing of them is changed: they get the kubeconfig that the lab writes and
nothing else. The lab has to run, with its Service network (site.yml).

LABELS: which tests, as ginkgo's label filter; by default those of sig-network that a plain cluster should pass.
FOCUS and SKIP: regular expressions of names, both optional. PROCESSES (3): tests that run at the same time. DEADLINE
(7200): seconds for all of them. What each says goes to build/upstream/log when it has ended, JUnit to
build/upstream/junit_01.xml.
"""
from __future__ import annotations

import collections
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "build" / "upstream"
# Without those that disturb others, take long, or ask for a feature that a plain cluster lacks.
LABELS = "sig-network && !Serial && !Slow && !Disruptive && !Flaky && Feature: isEmpty"
STATES = ("passed", "failed", "skipped by itself")


def main() -> int:
    place = ROOT / ".lab" / os.environ.get("FAIRLEAD_LAB", "lab")
    programs = json.loads((ROOT / ".lab" / "e2e.json").read_text(encoding="utf-8"))
    asked = [place / "bin" / "kubectl", "--kubeconfig", place / "kubeconfig", "get", "nodes", "--output", "name"]
    nodes = len(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split())
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    deadline = int(os.environ.get("DEADLINE", "7200"))
    argv = [programs["ginkgo"], f"-procs={os.environ.get('PROCESSES') or 3}", f"-timeout={deadline}s", "-no-color",
            f"-label-filter={os.environ.get('LABELS') or LABELS}",
            *(f"-{name.lower()}={os.environ[name]}" for name in ("FOCUS", "SKIP") if os.environ.get(name)),
            programs["e2e"], "--", f"--kubeconfig={place}/kubeconfig", f"--kubectl-path={place}/bin/kubectl",
            "--provider=skeleton", f"--num-nodes={nodes}", f"--report-dir={REPORTS}"]
    print(f"upstream's tests run; what they say as they go: {REPORTS}/log", flush=True)
    with open(REPORTS / "log", "w", encoding="utf-8") as out:
        status = subprocess.run(argv, cwd=REPORTS, stdout=out, stderr=subprocess.STDOUT, check=False,
                                timeout=deadline + 300).returncode
    junit = REPORTS / "junit_01.xml"
    if not junit.exists():
        print(f"The tests ended with status {status} and without a report. Their words: {REPORTS}/log")
        return 1
    found = outcomes(junit)
    tell(found)
    return 1 if status or found["failed"] or not found["passed"] else 0


def outcomes(junit: Path) -> dict[str, list[tuple[str, float, str]]]:
    """State -> (test, seconds, its last words), of the tests that were chosen."""
    found: dict[str, list[tuple[str, float, str]]] = collections.defaultdict(list)
    for case in xml.etree.ElementTree.parse(junit).iter("testcase"):
        failure, skipped = case.find("failure"), case.find("skipped")
        if skipped is not None and skipped.get("message") in (None, "", "skipped"):
            continue  # not chosen
        if not case.get("name", "").startswith("[It]"):
            if failure is not None:
                found["failed"].append((case.get("name", ""), 0.0, (failure.text or "").strip()))
            continue
        state = "failed" if failure is not None else STATES[2] if skipped is not None else "passed"
        words = "" if state == "passed" else (failure.text or "") if failure is not None else skipped.get("message", "")
        found[state].append((case.get("name", "").removeprefix("[It] "), float(case.get("time", "0")), words.strip()))
    return found


def tell(found: dict[str, list[tuple[str, float, str]]]) -> None:
    print()
    for state in STATES:
        for name, seconds, words in found[state]:
            print(f"{state:<18}  {seconds:>6.1f} s  {name}")
            if words:
                print(f"{'':<29}{words.splitlines()[0][:160]}")
    total = sum(len(each) for each in found.values())
    print(f"\n{len(found['passed'])} of {total} tests of upstream's passed, {len(found['failed'])} failed, "
          f"{len(found[STATES[2]])} skipped by themselves")


if __name__ == "__main__":
    sys.exit(main())
