"""Hold our verdict on configurations of kube-proxy against the real program's.

kube_proxy.py [--binary FILE] [--cases 1000] [--seed N]: each generated configuration is judged by our code and by
`kube-proxy --config FILE --write-config-to OUT`, which starts nothing. Verdict and field paths must be equal:
kube-proxy stops at the first of its stages that fails, and of that stage all fields are compared. Unknown fields, which
it lets pass, are not generated. Beside the random configurations every feature gate is tried both ways.
"""
from __future__ import annotations

import argparse
import collections
import concurrent.futures
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

import kube_proxy_cases  # noqa: E402
from ansible.module_utils.fairlead.kube_proxy import fields, gates  # noqa: E402
from ansible.module_utils.fairlead.kube_proxy.decode import decode  # noqa: E402
from ansible.module_utils.fairlead.kube_proxy.judge import judge_configuration  # noqa: E402
from ansible.module_utils.fairlead.services.findings import ERROR  # noqa: E402
from api_server import programs  # noqa: E402

SECONDS = 30
DECODE, GATES, LOGGING, VALIDATE = "decode", "gates", "logging", "validate"
# One finding in Go's aggregated error: its path, then the kind of error.
PATH = re.compile(r"(?:^|, |\[)((?:KubeProxyConfiguration|logging)[\w.\[\]]*): "
                  r"(?:Invalid value|Unsupported value|Duplicate value|Required value|Forbidden)")
STRUCT_FIELD = re.compile(r"Go struct field KubeProxyConfiguration\.([\w.]+) of type")
# Go's names where they are not the API's with a capital.
RENAMED = (
    ("KubeProxyLinuxConfiguration.KubeProxyConntrackConfiguration.", "conntrack."),
    ("KubeProxyLinuxConfiguration.", ""),
    ("KubeProxyIPTablesConfiguration.", "iptables."), ("KubeProxyIPVSConfiguration.", "ipvs."),
    ("KubeProxyNFTablesConfiguration.", "nftables."), ("ClientConnection.", "clientConnection."),
    ("DetectLocalConfiguration.InterfaceName", "detectLocal.bridgeInterface"),
    ("DetectLocalConfiguration.InterfacePrefix", "detectLocal.interfaceNamePrefix"),
    ("DetectLocalConfiguration.ClusterCIDRs", "clusterCIDR"), ("Mode.ProxyMode", "mode"),
    ("ExcludeCidrs", "excludeCIDRs"), ("OOMScoreAdj", "oomScoreAdj"), ("TCP", "tcp"), ("UDP", "udp"),
)


def real(binary: str, document: dict[str, Any], place: str) -> tuple[str, list[str]]:
    """(stage at which kube-proxy stopped, or "" when it accepts; fields it named)."""
    config = Path(place) / "config.yaml"
    # A comment first, as in the files that we write: it is read as YAML, not as JSON.
    config.write_text(f"# generated\n{json.dumps(document)}\n", encoding="utf-8")
    argv = [binary, "--config", str(config), "--write-config-to", str(Path(place) / "out.yaml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode == 0:
        return "", []
    said = done.stderr.replace('\\"', '"')
    if "failed validate: " in said:
        block = document.get("mode") if document.get("mode") in ("ipvs", "nftables") else "iptables"
        return VALIDATE, sorted(api_path(path, block) for path in PATH.findall(said.partition("failed validate: ")[2]))
    if "initialize logging: " in said:
        return LOGGING, sorted(PATH.findall(said.partition("initialize logging: ")[2]))
    if "feature gate" in said or "depends on features that are disabled" in said:
        return GATES, []
    if "failed complete: " in said:
        return DECODE, STRUCT_FIELD.findall(said)
    raise SystemExit(f"{binary} said what is not understood: {said}")


def api_path(path: str, block: str) -> str:
    """ "KubeProxyConfiguration.KubeProxyIPTablesConfiguration.MasqueradeBit" -> "iptables.masqueradeBit" """
    path = path.removeprefix("KubeProxyConfiguration.")
    if path in ("SyncPeriod", "MinSyncPeriod"):
        path = f"{block}.{path}"
    for go, api in RENAMED:
        path = path.replace(go, api)
    parts = [part[:1].lower() + part[1:] for part in path.split(".")]
    return re.sub(r"^clusterCIDR\[\d\]$", "clusterCIDR", ".".join(parts))


def ours(document: dict[str, Any]) -> tuple[str, list[str]]:
    """The same of our code, cut to the stage at which kube-proxy would have stopped."""
    errors = [finding for finding in judge_configuration(document, "1.37.2") if finding.level == ERROR]
    broken = {finding.field for finding in decode(document)[1]}
    of_stage = {DECODE: [], GATES: [], LOGGING: [], VALIDATE: []}
    for finding in errors:
        first = finding.field.partition(".")[0]
        stage = (DECODE if finding.field in broken else GATES if first == "featureGates" else
                 LOGGING if first == "logging" else VALIDATE)
        of_stage[stage].append(finding.field)
    return next(((stage, sorted(paths)) for stage, paths in of_stage.items() if paths), ("", []))


def differ(we: tuple[str, list[str]], they: tuple[str, list[str]]) -> bool:
    """Of a document that does not decode, Go names one field at the most; of feature gates it names no field."""
    if we[0] != they[0]:
        return True
    if we[0] == DECODE:
        plain = {re.sub(r"\[\d+\]", "", path) for path in we[1]}
        return not set(they[1]) <= plain
    return we[0] != GATES and we[1] != they[1]


def every_gate() -> list[dict[str, Any]]:
    names = sorted(name for group in gates.GATES.values() for name in group.split())
    return [{"apiVersion": fields.API_VERSION, "kind": fields.KIND, "featureGates": {name: value}}
            for name in names for value in (True, False)]


def lab_binary(named: str) -> str:
    """The kube-proxy that was named, or the one that the lab was built with."""
    binary = named or str(programs() / "kube-proxy")
    if not Path(binary).is_file():
        raise SystemExit(f"{binary}: there is no kube-proxy. Run make lab, or name one with --binary")
    return binary


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="", help="kube-proxy 1.37; without it that of the lab FAIRLEAD_LAB")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--no-gates", action="store_true", help="leave the run over all feature gates out")
    asked = parser.parse_args()
    binary = lab_binary(asked.binary)
    seed = asked.seed if asked.seed is not None else int(time.time())
    print(f"seed {seed}", flush=True)
    random_ = random.Random(seed)
    documents = [kube_proxy_cases.case(random_) for _ in range(asked.cases)]
    documents += [] if asked.no_gates else every_gate()
    stages, wrong, seconds = collections.Counter(), 0, {"ours": [], "kube-proxy": []}
    with tempfile.TemporaryDirectory(prefix="fairlead-parity-") as place, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:

        def both(number: int) -> tuple[tuple[str, list[str]], tuple[str, list[str]]]:
            own = Path(place) / str(number)
            own.mkdir()
            begun = time.perf_counter()
            we = ours(documents[number])
            between = time.perf_counter()
            they = real(binary, documents[number], str(own))
            seconds["ours"].append(between - begun)
            seconds["kube-proxy"].append(time.perf_counter() - between)
            return we, they

        for document, (we, they) in zip(documents, pool.map(both, range(len(documents)))):
            stages[they[0] or "accepted"] += 1
            if differ(we, they):
                wrong += 1
                print(f"DIFFERENT: {json.dumps(document)}\n  kube-proxy: {they}\n  ours:       {we}")
    told = ", ".join(f"{number} {stage}" for stage, number in sorted(stages.items()))
    print(f"{len(documents)} configurations ({told}), {wrong} judged differently")
    medians = (f"{who} {statistics.median(each) * 1000:.1f} ms" for who, each in seconds.items())
    print(f"median of one: {', '.join(medians)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
