"""Time the node roles against what people use: loops over keys, modules and files. Called by `make bench-nodes`.

25 keys, 8 modules and 3 files on one node of the lab (node2), every way in each of ROUNDS (3) rounds, one after the
other, so that both sides see the same machine; medians are printed. The loops use ansible.posix.sysctl and
community.general.modprobe of the PyPI package `ansible`, installed into a temporary environment that is gone
afterwards; both sides run with that environment's ansible-core. HOSTS ("10 50") adds runs over that many inventory
names of the node. Nothing here judges: machines differ. What the project promises stands next to each figure.
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

import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYS = ROOT / "tests/bench/nodes"
LAB = os.environ.get("FAIRLEAD_LAB") or "lab"
NODE = "node2"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
HOSTS = [int(word) for word in os.environ.get("HOSTS", "10").split()]
DEADLINE = 1800


def install(place: Path) -> Path:
    """A temporary environment with the PyPI package; its ansible-playbook."""
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    subprocess.run([str(place / "bin/pip"), "install", "--quiet", "ansible==12.*"], check=True, timeout=DEADLINE)
    return place / "bin/ansible-playbook"


def inventory(place: Path, count: int) -> Path:
    """So many names of one node, over the lab's own ssh configuration."""
    names = [f"bench{number}" for number in range(count)]
    hosts = {name: {"ansible_host": NODE} for name in names}
    common = {"ansible_user": "root", "ansible_python_interpreter": "/usr/bin/python3", "kube_proxy_mode": "nftables",
              "ansible_ssh_common_args": f"-F {ROOT}/.lab/{LAB}/ssh_config",
              "ansible_control_path": f"{place}/%%C-{count}"}
    path = place / f"{count}.json"
    path.write_text(json.dumps({"all": {"children": {"nodes": {"hosts": hosts, "vars": common}}}}), encoding="utf-8")
    return path


def play(program: Path, hosts: Path, name: str, *words: str) -> float:
    """Seconds that a playbook takes; it has to succeed."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_FORKS": "50",
                   "ANSIBLE_PIPELINING": "true"}
    started = time.monotonic()
    argv = [str(program), "-i", str(hosts), str(PLAYS / f"{name}.yml"), *words]
    done = subprocess.run(argv, cwd=ROOT, text=True, env=environment, check=False, timeout=DEADLINE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        print(done.stdout)
        raise SystemExit(f"{name} failed")
    return time.monotonic() - started


def before() -> list[str]:
    """The keys as they are, as arguments of sysctl."""
    keys = yaml.safe_load((PLAYS / "keys.yml").read_text(encoding="utf-8"))["bench_keys"]
    argv = ["ssh", "-F", f"{ROOT}/.lab/{LAB}/ssh_config", NODE, "modprobe", "br_netfilter", "&&", "sysctl", *keys]
    printed = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
    return [line.replace(" = ", "=", 1).rstrip() for line in printed.splitlines()]


def one_node(program: Path, hosts: Path) -> dict[str, float]:
    """Medians of every way, in rounds."""
    undo = json.dumps({"bench_before": before()})
    absent = json.dumps({"kernel_modules_state": "absent", "node_sysctl_state": "absent"})
    ways = {
        "empty play": ("empty",), "ping": ("ping",),
        "loops, first run": ("loops",), "loops, second run": ("loops",),
        "(loops undone)": ("loops_undo", "--extra-vars", undo),
        "roles, first run": ("roles",), "roles, second run": ("roles",),
        "role kernel_modules, nothing to do": ("role_kernel_modules",),
        "role node_sysctl, nothing to do": ("role_node_sysctl",),
        "(roles undone)": ("roles", "--extra-vars", absent),
    }
    figures: dict[str, list[float]] = {name: [] for name in ways}
    play(program, hosts, "ping")
    for _ in range(ROUNDS):
        for name, words in ways.items():
            figures[name].append(play(program, hosts, *words))
            print(f"{name}: {figures[name][-1]:.2f} s", flush=True)
    return {name: statistics.median(values) for name, values in figures.items()}


def many_nodes(program: Path, hosts: Path, count: int) -> tuple[float, float]:
    """(ping, roles with nothing to do) over that many names, medians of paired runs."""
    play(program, hosts, "roles", "--limit", "bench0")
    play(program, hosts, "ping")
    pairs = [(play(program, hosts, "ping"), play(program, hosts, "role_node_sysctl")) for _ in range(ROUNDS)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def show(median: dict[str, float]) -> None:
    empty = median["empty play"]
    print(f"\n{'seconds, median of ' + str(ROUNDS):<44}{'whole':>8}{'net':>8}")
    for name, seconds in median.items():
        print(f"{name:<44}{seconds:>8.2f}{seconds - empty:>8.2f}")
    print()
    for run in ("first", "second"):
        loops, roles = median[f"loops, {run} run"], median[f"roles, {run} run"]
        print(f"{run} run: {(loops - empty) / (roles - empty):.1f} times faster net of an empty play (promised 8), "
              f"{loops / roles:.1f} as a whole (promised 5)")
    for role in ("kernel_modules", "node_sysctl"):
        ratio = (median[f"role {role}, nothing to do"] - empty) / (median["ping"] - empty)
        print(f"role {role} with nothing to do: {ratio:.2f} x ping (promised 1.15)")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as place:
        program = install(Path(place) / "venv")
        show(one_node(program, inventory(Path(place), 1)))
        for count in HOSTS:
            ping, roles = many_nodes(program, inventory(Path(place), count), count)
            print(f"{count} nodes: ping {ping:.2f} s, role node_sysctl {roles:.2f} s, {roles / ping:.2f} x "
                  "(promised 1.3)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
