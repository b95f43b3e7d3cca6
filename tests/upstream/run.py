"""Run Kubernetes' own end-to-end tests of its network on the lab. Called by `make sweep-upstream`, which builds them.

The tests are not part of this project and nothing of them is changed: they get the kubeconfig that the lab writes and
nothing else. The lab has to run, with its Service network (site.yml).

LABELS: which tests, as ginkgo's label filter; by default what upstream's own release-blocking jobs run of sig-network.
FOCUS and SKIP: regular expressions of names, both optional. DEADLINE (7200): seconds for all of them.
The words of every test go to build/upstream/log, JUnit to build/upstream/junit_01.xml.
"""
from __future__ import annotations

import collections
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "build" / "upstream"
# Serial, slow and disruptive tests have jobs of their own upstream; with a feature they need more than a plain cluster.
LABELS = "sig-network && !Serial && !Slow && !Disruptive && !Flaky && Feature: isEmpty"
STATES = ("passed", "failed", "skipped by itself")


class Progress(http.server.BaseHTTPRequestHandler):
    """Prints a line for every test as it ends; upstream's runner posts them here as JSON."""

    begun = time.monotonic()
    lock = threading.Lock()

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        word, _space, name = said["msg"].partition(" ")
        if word in ("PASSED", "FAILED"):
            seconds = int(time.monotonic() - self.begun)
            with self.lock:
                print(f"{seconds // 60:>3}:{seconds % 60:02}  {said['completed'] + said['failed']:>3} of "
                      f"{said['total']}  {word:<6}  {name[:90]}", flush=True)

    def log_message(self, *_words: object) -> None:
        """Not a line for every request."""


def main() -> int:
    place = ROOT / ".lab" / os.environ.get("FAIRLEAD_LAB", "lab")
    program = json.loads((ROOT / ".lab" / "e2e.json").read_text(encoding="utf-8"))["e2e"]
    REPORTS.mkdir(parents=True, exist_ok=True)
    for old in REPORTS.iterdir():
        old.unlink()
    deadline = int(os.environ.get("DEADLINE", "7200"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Progress) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        argv = [program, f"--kubeconfig={place}/kubeconfig", f"--kubectl-path={place}/bin/kubectl",
                "--provider=skeleton", f"--report-dir={REPORTS}", f"--ginkgo.timeout={deadline}s", "--ginkgo.no-color",
                f"--progress-report-url=http://127.0.0.1:{listener.server_port}/",
                f"--ginkgo.label-filter={os.environ.get('LABELS') or LABELS}",
                *(f"--ginkgo.{name.lower()}={os.environ[name]}" for name in ("FOCUS", "SKIP") if os.environ.get(name))]
        with open(REPORTS / "log", "w", encoding="utf-8") as out:
            status = subprocess.run(argv, cwd=REPORTS, stdout=out, stderr=subprocess.STDOUT, check=False,
                                    timeout=deadline + 300).returncode
        listener.shutdown()
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
