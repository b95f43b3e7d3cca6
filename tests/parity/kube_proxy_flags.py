"""Hold the flags that k3s and rke2 are given against the configuration file that says the same.

kube_proxy_flags.py [--binary FILE] [--cases 300] [--seed N]: of each generated configuration that kube-proxy accepts,
`kube-proxy FLAGS --write-config-to OUT` must write what `kube-proxy --config FILE --write-config-to OUT` writes. Blocks
of modes that do not run are taken out of the file first: kube-proxy passes them over.
"""
from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ansible.module_utils
import yaml

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "module_utils"))

from ansible.module_utils.fairlead.errors import FairleadError  # noqa: E402
from ansible.module_utils.fairlead.kube_proxy import flags  # noqa: E402
from ansible.module_utils.fairlead.kube_proxy.fields import ALL_MODES  # noqa: E402
from kube_proxy import lab_binary, real  # noqa: E402
from kube_proxy_cases import case  # noqa: E402

SECONDS = 30
RELEASE = (1, 37)
# What k3s and rke2 give themselves; and splitStream, which kube-proxy takes from its command line only.
LEFT_OUT = ("clusterCIDR", "hostnameOverride")


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what becomes no flag: blocks of other modes, and what the distribution sets."""
    mode = document["mode"]
    kept = {name: value for name, value in document.items() if name not in LEFT_OUT
            and not (name in ALL_MODES and name != mode and not (mode == "ipvs" and name == "iptables"))}
    if mode == "ipvs" and isinstance(kept.get("iptables"), dict):
        kept["iptables"] = {name: kept["iptables"][name] for name in ("masqueradeBit", "masqueradeAll")
                            if name in kept["iptables"]}
    kept["clientConnection"] = {name: value for name, value in (kept.get("clientConnection") or {}).items()
                                if name != "kubeconfig"}
    logging = kept.get("logging") or {}
    if isinstance(logging.get("flushFrequency"), int):  # written back as it came, a flag's as a text
        logging["flushFrequency"] = f"{logging['flushFrequency']}ns"
    for options in (logging.get("options") or {}).values():
        (options or {}).pop("splitStream", None)
    return kept


def written(argv: list[str], out: Path) -> dict[str, Any]:
    """The configuration that kube-proxy ends up with."""
    done = subprocess.run([*argv, "--write-config-to", str(out)], capture_output=True, text=True, check=False,
                          timeout=SECONDS)
    if done.returncode:
        return {"said": done.stderr.strip()[-400:]}
    # an empty list and none are the same to kube-proxy
    found = yaml.safe_load(out.read_text(encoding="utf-8"))
    return {name: value.replace(":+", ":") if isinstance(value, str) else value or None
            for name, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="", help="kube-proxy 1.37; without it that of the lab FAIRLEAD_LAB")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    binary = lab_binary(asked.binary)
    seed = asked.seed if asked.seed is not None else int(time.time())
    print(f"seed {seed}", flush=True)
    random_, counts = random.Random(seed), {"equal": 0, "without a flag": 0, "different": 0}
    with tempfile.TemporaryDirectory(prefix="fairlead-flags-") as place:
        while sum(counts.values()) < asked.cases:
            document = case(random_)
            if document.get("mode") not in ALL_MODES or real(binary, document, place)[0]:
                continue
            document = comparable(document)
            try:
                words = [f"--{one}" for one in flags.arguments(document, RELEASE)]
            except FairleadError as error:
                assert "has no flag" in str(error), error
                counts["without a flag"] += 1
                continue
            (Path(place) / "file.yaml").write_text(json.dumps(document), encoding="utf-8")
            by_file = written([binary, "--config", f"{place}/file.yaml"], Path(place) / "by-file.yaml")
            by_flags = written([binary, *words], Path(place) / "by-flags.yaml")
            same = by_file == by_flags and "said" not in by_file
            counts["equal" if same else "different"] += 1
            if not same:
                print(f"DIFFERENT: {json.dumps(document)}\n  flags: {words}")
                names = ["said"] if "said" in {**by_file, **by_flags} else sorted({*by_file, *by_flags})
                print("  " + "\n  ".join(f"{name}: {by_file.get(name)!r} by file, {by_flags.get(name)!r} by flags"
                                         for name in names if by_file.get(name) != by_flags.get(name)))
    print(f"{asked.cases} configurations that kube-proxy accepts: "
          f"{', '.join(f'{count} {what}' for what, count in counts.items())}")
    return 1 if counts["different"] or not counts["equal"] else 0


if __name__ == "__main__":
    sys.exit(main())
