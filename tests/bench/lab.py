"""Time the lab and the main job over several runs, and measure what the idle lab takes. Called by `make bench-lab`.

ROUNDS (3): lab up, site.yml on the fresh lab, site.yml again, lab down. COLD=1: first once from nothing, with an empty
cache of builds and empty Go caches in a temporary directory. The lab is called `bench`.
Nothing here judges: machines differ. It prints minimum, median and maximum.
"""
from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = Path("/run/fairlead-lab/bench/processes")
IDLE_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


def play(name: str, **environment: str) -> float:
    """Run a playbook on the lab `bench`; seconds that it took."""
    started = time.monotonic()
    done = subprocess.run(["ansible-playbook", "-i", "inventories/lab", name], cwd=ROOT, check=False,
                          env={**os.environ, "FAIRLEAD_LAB": "bench", **environment},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout)
        raise SystemExit(f"{name} failed; the lab `bench` was left as it is (make lab-down LAB=bench)")
    return time.monotonic() - started


def processes() -> dict[str, int]:
    """Name -> process id of every daemon that the lab recorded."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))["pid"] for path in sorted(RUN.glob("*.json"))}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, from /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid: int) -> float:
    """Proportional set size: pages that processes share are counted once."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def idle() -> list[tuple[str, float, float]]:
    """(daemon, share of a core in per cent, MiB) over a minute in which nobody asks for anything."""
    before = {name: cpu_seconds(pid) for name, pid in processes().items()}
    time.sleep(IDLE_SECONDS)
    return [(name, 100 * (cpu_seconds(pid) - before[name]) / IDLE_SECONDS, memory_mib(pid))
            for name, pid in processes().items()]


def show(figures: dict[str, list[float]]) -> None:
    print(f"\n{'seconds':<34}{'min':>8}{'median':>8}{'max':>8}{'runs':>6}")
    for name, values in figures.items():
        print(f"{name:<34}{min(values):>8.1f}{statistics.median(values):>8.1f}{max(values):>8.1f}{len(values):>6}")


def cold() -> float:
    """Lab up with empty caches, as on a machine that has never built it."""
    with tempfile.TemporaryDirectory(prefix="fairlead-cold-") as place:
        caches = {"FAIRLEAD_CACHE": f"{place}/builds", "GOCACHE": f"{place}/go", "GOMODCACHE": f"{place}/modules",
                  "GOFLAGS": "-modcacherw"}
        seconds = play("playbooks/lab_up.yml", **caches)
        play("playbooks/lab_down.yml", **caches)
    return seconds


def main() -> int:
    rounds = int(os.environ.get("ROUNDS", "3"))
    figures: dict[str, list[float]] = {}

    def keep(name: str, seconds: float) -> None:
        figures.setdefault(name, []).append(seconds)
        print(f"{name}: {seconds:.1f} s", flush=True)

    play("playbooks/lab_down.yml")
    if os.environ.get("COLD"):
        keep("lab up from nothing", cold())
    shares: list[tuple[str, float, float]] = []
    for number in range(rounds):
        keep("lab up from built artefacts", play("playbooks/lab_up.yml"))
        keep("site.yml, first run", play("site.yml"))
        keep("site.yml, nothing to do", play("site.yml"))
        if number == rounds - 1:
            shares = idle()
        keep("lab down", play("playbooks/lab_down.yml"))
    show(figures)
    print(f"\n{'idle lab':<34}{'% core':>8}{'MiB':>8}")
    for name, share, mib in shares:
        print(f"{name:<34}{share:>8.1f}{mib:>8.0f}")
    print(f"{'all':<34}{sum(s for _, s, _ in shares):>8.1f}{sum(m for _, _, m in shares):>8.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
