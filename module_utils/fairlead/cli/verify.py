"""fairlead verify: the proof, from this machine alone or with all clients of an inventory."""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.fairlead.cli import inputs
from ansible.module_utils.fairlead.cli.main import DIFFERENT, SAME, UNKNOWN
from ansible.module_utils.fairlead.cli.output import coloured
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import write_text
from ansible.module_utils.fairlead.verify import history, page, probe, sample, table
from ansible.module_utils.fairlead.verify.findings import DISPROVEN, PROVEN

ROOT = Path(__file__).resolve().parents[3]
STATUS = {PROVEN: SAME, DISPROVEN: DIFFERENT}  # everything else could not be told
_COLOURS = {"proven": "\x1b[32m", "disproven": "\x1b[31m", "unknown": "\x1b[33m"}
_HERE = "this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--inventory", metavar="FILE",
                        help="ask from all its clients and nodes (playbooks/verify.yml); without it from this machine")
    inputs.add_kubeconfig(parser, "of the cluster, when there is no inventory ($KUBECONFIG or ~/.kube/config)")
    parser.add_argument("--selector", default="app.kubernetes.io/managed-by=fairlead", metavar="LABELS",
                        help="labels of the Services to prove (app.kubernetes.io/managed-by=fairlead); '' means all")
    parser.add_argument("--path", default="/hostname", help="HTTP path that answers with the pod's name (/hostname)")
    parser.add_argument("--connections", type=int, default=0, metavar="N", help="of a cell at most")
    parser.add_argument("--depth", choices=sample.DEPTHS, default=sample.FULL,
                        help="quick: a sample of the cells, one connection each, and no more is proven (full)")
    parser.add_argument("--sample", type=int, default=sample.MOST, metavar="N",
                        help=f"cells of the quick depth at most, 0 means all ({sample.MOST})")
    parser.add_argument("--seed", default=sample.SEED, metavar="TEXT",
                        help=f"what the sample is drawn from; the same text draws the same cells ({sample.SEED})")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS",
                        help="time in which what is not as promised is asked again (60)")
    parser.add_argument("--drift", action="store_true",
                        help="with --inventory: show the nodes' settings beside its wishes, too")
    parser.add_argument("--report", metavar="FILE", help="write the report as JSON")
    parser.add_argument("--page", metavar="FILE", help="write the report as an HTML page")
    parser.add_argument("--earlier", metavar="FILE", help="compare with this earlier report")


def run(arguments: argparse.Namespace) -> int:
    report = _by_playbook(arguments) if arguments.inventory else _from_here(arguments)
    return STATUS.get(report["verdict"], UNKNOWN)


def _from_here(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.drift:
        raise FairleadError("--drift", "takes the wishes of an inventory", "name one with --inventory, or leave it out")
    # Only here, since the kubernetes client takes 0.3 s to import.
    from ansible.module_utils.fairlead.verify import cells, clients, expect, report  # noqa: PLC0415
    from ansible.module_utils.fairlead.verify.cluster import Cluster  # noqa: PLC0415

    wish = sample.of_depth(arguments.depth, arguments.sample, arguments.seed)
    cluster = Cluster(arguments.kubeconfig, arguments.context)
    seen, moving = expect.wait_until_still(lambda: expect.observe(cluster, arguments.selector), 60, 5)
    question = cells.Question({"TCP": arguments.path, "UDP": "hostname"}, most=arguments.connections, sample=wish)
    expected = {**expect.promise(seen, clients.outside([_HERE], {}), question), "moving": moving}
    sources = {} if expected["sample"] else {"TCP": "/clientip", "UDP": "clientip"}
    bounds = probe.Bounds(patience=arguments.patience, sources=sources)
    found = probe.probe_clients(expected["tasks"][_HERE], bounds)[_HERE]["results"]
    made = report.make(expected, report.Seen({result["id"]: result for result in found}, {}, {}), {}, bounds.timeout)
    made["time"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    before = history.load(arguments.earlier, named=bool(arguments.earlier))
    made["since"] = history.compare(before, made) if before else None
    made["lines"] = table.render(made)
    made["summary"] = table.summary(made)
    _show(made["lines"])
    if arguments.report:
        write_text(arguments.report, json.dumps(made, indent=1, sort_keys=True) + "\n")
    if arguments.page:
        write_text(arguments.page, page.render(made))
    return made


def _show(lines: list[table.Line]) -> None:
    for line in lines:
        colour = _COLOURS.get(line["verdict"], "") if coloured(sys.stdout) else ""
        print(f"{colour}{line['text']}{colour and chr(27) + '[0m'}")


def _by_playbook(arguments: argparse.Namespace) -> dict[str, Any]:
    """The playbook's own output is shown; its report says how it ended. Without a report nothing could be told."""
    with tempfile.TemporaryDirectory() as directory:
        file = os.path.abspath(arguments.report or os.path.join(directory, "verify.json"))
        started = datetime.now(timezone.utc).timestamp()
        wishes = {"service_verify_report_path": file, "service_verify_selector": arguments.selector,
                  "service_verify_path": arguments.path, "service_verify_connections": arguments.connections,
                  "service_verify_patience": arguments.patience, "service_verify_depth": arguments.depth,
                  "service_verify_sample": arguments.sample, "service_verify_seed": arguments.seed}
        wishes |= {"service_verify_drift": True} if arguments.drift else {}
        files = {"kubeconfig": arguments.kubeconfig, "page_path": arguments.page, "earlier": arguments.earlier}
        wishes |= {f"service_verify_{name}": os.path.abspath(path) for name, path in files.items() if path}
        _play(os.path.abspath(arguments.inventory), wishes)
        try:
            fresh = os.path.getmtime(file) >= started - 1
            return json.loads(Path(file).read_text(encoding="utf-8")) if fresh else {"verdict": ""}
        except (OSError, ValueError):
            return {"verdict": ""}


def _play(inventory: str, wishes: dict[str, Any]) -> None:
    program = Path(sys.executable).with_name("ansible-playbook")
    argv = [str(program), "-i", inventory, "playbooks/verify.yml", "-e", json.dumps(wishes)]
    try:
        subprocess.run(argv, cwd=ROOT, check=False, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")})
    except OSError as error:
        raise FairleadError(str(program), f"cannot be run: {error.strerror}",
                            "run make setup in the checkout") from error
