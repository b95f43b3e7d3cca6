"""Time Services: judged and rendered, read, as an Ansible task, checked, delivered. Called by `make bench-services`.

Both sides of every comparison run in this one run, by turns, in ROUNDS (3) rounds; medians are printed. Nothing here
judges: machines differ. What the project promises stands next to each figure, and what this run made of it. "processor"
is the processor time of a piece of work, which says more on a machine that has other work. COUNT (10000) Services in 50
namespaces, five kinds by turns, two ports each.
"""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from api_server import ApiServer, programs  # noqa: E402

WORK = ROOT / "tests/bench/services"
COUNT, ROUNDS = int(os.environ.get("COUNT", "10000")), int(os.environ.get("ROUNDS", "3"))
LOOP, CHECKED, APPLIED = 100, 100, 1000
DEADLINE = 1800
KINDS: tuple[dict[str, Any], ...] = (
    {}, {"type": "NodePort"}, {"clusterIP": "None"},
    {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "loadBalancerSourceRanges": ["10.0.0.0/8"]},
    {"sessionAffinity": "ClientIP", "ipFamilyPolicy": "PreferDualStack"})


def services(count: int) -> list[dict[str, Any]]:
    """In compact form."""
    return [{"name": f"svc-{number:05}", "namespace": f"team-{number % 50:02}",
             "labels": {"app.kubernetes.io/name": f"svc-{number:05}", "team": f"team-{number % 50:02}"},
             "annotations": {"example.com/owner": f"team-{number % 50:02}@example.com"},
             "selector": {"app": f"svc-{number:05}"},
             "ports": [{"name": "http", "port": 80, "targetPort": 8080},
                       {"name": "metrics", "port": 9090, "targetPort": "metrics"}],
             **KINDS[number % len(KINDS)]} for number in range(count)]


def run(argv: list[Any], good: tuple[int, ...] = (0,), **more: Any) -> tuple[float, str]:
    """Seconds that a program takes, and what it prints; it has to succeed."""
    started = time.monotonic()
    done = subprocess.run([str(word) for word in argv], cwd=ROOT, text=True, check=False, timeout=DEADLINE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    if done.returncode not in good:
        raise SystemExit(f"{argv[0]} failed\n{done.stdout[-3000:]}")
    return time.monotonic() - started, done.stdout


def work(*words: Any) -> dict[str, float]:
    return json.loads(run([sys.executable, WORK / "work.py", *words])[1].splitlines()[-1])


def play(name: str, variables: Path, directory: Path) -> float:
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return run([ROOT / ".venv/bin/ansible-playbook", "-i", "localhost,", "-c", "local", WORK / f"{name}.yml", "-e",
                f"@{variables}", "-e", json.dumps({"directory": str(directory),
                                                   "ansible_python_interpreter": sys.executable})], env=environment)[0]


def median(runs: list[dict[str, float]], part: str) -> float:
    return statistics.median(one[part] for one in runs)


def say(what: str, took: str, promised: str = "", held: bool | None = None) -> None:
    """A line of the table. held: whether this run is within what is promised."""
    verdict = "" if held is None else "   held" if held else "   NOT HELD HERE"
    print(f"{what:<58} {took:>22}   {promised}{verdict}", flush=True)


def rendering(place: Path, variables: Path) -> float:
    """Seconds of a first run, of all Services."""
    given = place / "list.json"
    given.write_text(json.dumps(json.loads(variables.read_text(encoding="utf-8"))["services"]), encoding="utf-8")
    first, second, theirs = [], [], []
    for _round in range(ROUNDS):
        for name in ("ours", "theirs"):
            shutil.rmtree(place / name, ignore_errors=True)
        first.append(work("ours", place / "ours", given))
        second.append(work("ours", place / "ours", given))
        theirs.append(work("pyyaml", place / "theirs", given))
    for name, runs, limit in (("first run", first, 3.0), ("second run, nothing written", second, 2.0)):
        took = median(runs, "all")
        say(f"{COUNT} Services judged and rendered, {name}",
            f"{took:.2f} s ({median(runs, 'processor'):.2f} processor)", f"<= {limit:.0f} s", took <= limit)
    mine, other = median(first, "render and write"), median(theirs, "render and write")
    say("  of which rendering and writing, beside PyYAML's C emitter", f"{mine:.2f} s : {other:.2f} s",
        f"<= 1.0 x, here {mine / other:.2f} x", mine <= other)
    memory = max(one["MiB"] for one in first + second)
    say("  peak memory of the process", f"{memory:.0f} MiB", "<= 300 MiB", memory <= 300)
    reads = [work("read", place / "ours") for _round in range(ROUNDS)]
    say(f"reading the {COUNT} files, places of all fields kept", f"{median(reads, 'all'):.2f} s")
    return median(first, "all")


def as_task(place: Path, variables: Path, inside: float) -> None:
    """From a file of the same list, and from variables; a run that does nothing is subtracted from each."""
    few, whole, named = place / "few.json", place / "whole.yaml", place / "named.json"
    few.write_text(json.dumps({"services": services(LOOP)}), encoding="utf-8")
    whole.write_text(yaml.dump({"services": services(COUNT)}, Dumper=yaml.CSafeDumper), encoding="utf-8")
    named.write_text(json.dumps({"files": [str(whole)]}), encoding="utf-8")
    runs: dict[str, list[float]] = {}

    def time_of(name: str, play_name: str, given: Path, directory: Path) -> None:
        runs.setdefault(name, []).append(play(play_name, given, directory))

    for number in range(ROUNDS):
        for name, given in (("file", named), ("variables", variables)):
            shutil.rmtree(place / "task", ignore_errors=True)
            time_of(f"{name}, nothing", "nothing", given, place / "task")
            time_of(name, "rendered", given, place / "task")
        folder = place / f"loop{number}"
        folder.mkdir()
        time_of("loop, nothing", "nothing", few, folder)
        time_of("loop", "looped", few, folder)
    took = {name: statistics.median(runs[name]) - statistics.median(runs[f"{name}, nothing"])
            for name in ("file", "variables", "loop")}
    reading = median([work("read", whole) for _round in range(ROUNDS)], "all")
    say(f"{COUNT} Services as an Ansible task, read from one file", f"{took['file']:.2f} s",
        f"<= {inside:.2f} s and {reading:.2f} s of reading + 2 s", took["file"] <= inside + reading + 2)
    say("  from variables, which Ansible walks through itself", f"{took['variables']:.2f} s",
        f"<= {inside:.2f} s + 2 s", took["variables"] <= inside + 2)
    each = took["loop"] / LOOP
    say(f"a loop over a template, {LOOP} Services, for each", f"{each * 1000:.0f} ms")
    for name, seconds in (("judged and rendered", inside), ("as a task, from a file", took["file"])):
        factor = each * COUNT / seconds
        say(f"  a Service {name} by us", f"{seconds / COUNT * 1000:.2f} ms", f">= 1000 x, here {factor:.0f} x",
            factor >= 1000)


def checking(place: Path) -> None:
    files = sorted((place / "ours").rglob("service-*.yaml"))[:CHECKED]
    took = statistics.median(run(["bin/fairlead", "check", *files])[0] for _round in range(2 * ROUNDS + 1))
    say(f"bin/fairlead check on {len(files)} files", f"{took:.2f} s", "<= 0.4 s", took <= 0.4)


def delivering(place: Path) -> None:
    """Each on an API server of its own that has no Services yet. Both read the same files."""
    few = place / "few-list.json"
    few.write_text(json.dumps(services(APPLIED)), encoding="utf-8")
    files = place / "few"
    work("ours", files, few)
    (files / "kustomization.yaml").unlink()
    mine, theirs, again, kept = [], [], [], True
    for _round in range(ROUNDS):
        with cluster(files) as server:
            config = server.kubeconfig(place / "kubeconfig")
            mine.append(work("apply", files, config)["all"])
            before = versions(server)
            second = work("apply", files, config)
            again.append(second["all"])
            kept = kept and len(before) == APPLIED and before == versions(server) and not second["steps"]
        with cluster(files) as server:
            config = server.kubeconfig(place / "kubeconfig")
            theirs.append(run([programs() / "kubectl", "--kubeconfig", config, "apply", "--server-side", "--recursive",
                               "--filename", files])[0])
            assert len(versions(server)) == APPLIED
    ours, other = statistics.median(mine), statistics.median(theirs)
    say(f"{APPLIED} Services applied, beside kubectl apply --server-side", f"{ours:.2f} s : {other:.2f} s",
        f"<= 0.5 x, here {ours / other:.2f} x", ours <= 0.5 * other)
    say("  applied again", f"{statistics.median(again):.2f} s", "persists nothing", kept)


@contextlib.contextmanager
def cluster(files: Path) -> Iterator[ApiServer]:
    """An API server with the namespaces of these files."""
    with ApiServer(programs() / "etcd", programs() / "kube-apiserver") as server:
        for folder in sorted(files.iterdir()):
            code, answer = server.request("POST", "/api/v1/namespaces", {"metadata": {"name": folder.name}})
            assert code == 201, answer
        yield server


def versions(server: ApiServer) -> dict[str, str]:
    """resourceVersion of every Service, save for the API server's own."""
    found = server.request("GET", "/api/v1/services")[1]["items"]
    return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in found
            if one["metadata"]["namespace"] != "default"}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        place = Path(name)
        variables = place / "variables.json"
        variables.write_text(json.dumps({"services": services(COUNT)}), encoding="utf-8")
        inside = rendering(place, variables)
        checking(place)
        delivering(place)
        as_task(place, variables, inside)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
