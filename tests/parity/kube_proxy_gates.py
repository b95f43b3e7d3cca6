"""Write module_utils/fairlead/kube_proxy/gates.py from the sources of Kubernetes in the Go module cache.

Run it by hand when the project moves to another release: kube_proxy_gates.py 1.37.2. The parity run then holds the
table against the real kube-proxy.
"""
from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

# Go package alias in pkg/features/kube_features.go -> its file below the module cache's k8s.io.
SOURCES = {
    "": "kubernetes@v{0}/pkg/features/kube_features.go",
    "genericfeatures": "apiserver@v{1}/pkg/features/kube_features.go",
    "apiextensionsfeatures": "apiextensions-apiserver@v{1}/pkg/features/kube_features.go",
    "clientfeatures": "client-go@v{1}/features/known_features.go",
    "kcmfeatures": "controller-manager@v{1}/pkg/features/kube_features.go",
    "zpagesfeatures": "component-base@v{1}/zpages/features/kube_features.go",
    "metricsfeatures": "component-base@v{1}/metrics/features/kube_features.go",
    "logsapi": "component-base@v{1}/logs/api/v1/kube_features.go",
}
REGISTERED = ("", "clientfeatures", "zpagesfeatures", "metricsfeatures", "logsapi")  # by kube-proxy
NAME = re.compile(r'^\s*(?:const )?(\w+)\s+(?:featuregate\.)?Feature\s*=\s*"([^"]+)"', re.MULTILINE)
ENTRY = re.compile(r"^\s+([\w.]+): \{\n((?:\s*\{Version.*\n|\s*//.*\n)+)\s*\},", re.MULTILINE)
DEPENDENCY = re.compile(r"^\t([\w.]+):\s*\{([^}]+)\}", re.MULTILINE)
HEAD = '''"""The feature gates that kube-proxy {version} knows: their stages, defaults and dependencies. A table.

Written by tests/parity/kube_proxy_gates.py from pkg/features/kube_features.go and what it registers; kube-proxy knows
every gate of Kubernetes, not only its own.
"""
from __future__ import annotations

RELEASE = {release!r}

# (stage, default, locked to the default): names
GATES = {{
'''


def main(version: str) -> int:
    release = tuple(int(part) for part in version.split(".")[:2])
    cache = Path(subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip())
    texts = {alias: (cache / "k8s.io" / path.format(version, f"0.{version.partition('.')[2]}")).read_text()
             for alias, path in SOURCES.items()}
    names = {alias: dict(NAME.findall(text)) for alias, text in texts.items()}

    def name(alias: str, identifier: str) -> str:
        package, _dot, word = identifier.rpartition(".")
        return names[package or alias].get(word, word)

    found = {}
    for alias in REGISTERED:
        for identifier, body in ENTRY.findall(texts[alias]):
            found.setdefault(name(alias, identifier), stage(body, release))
    groups = defaultdict(list)
    for gate, group in found.items():
        groups[group].append(gate)
    groups["ALPHA", False, False].append("AllAlpha")  # component-base/featuregate: off and never locked
    groups["BETA", False, False].append("AllBeta")
    print(HEAD.format(version=version, release=release), end="")
    for group, gates in sorted(groups.items()):
        print(f"    {group!r}:".replace("'", '"'))
        print(words(gates) + ",")
    print("}\n\n# A gate can be on only where all that it depends on are on.\nDEPENDS = {")
    table = texts[""].partition("var defaultKubernetesFeatureGateDependencies")[2].partition("\n}\n")[0]
    table = re.sub(r"//.*|featuregate\.Feature\(|\)", "", table)
    for identifier, body in sorted(DEPENDENCY.findall(table), key=lambda row: name("", row[0])):
        needs = " ".join(name("", word) for word in re.findall(r"[\w.]+", body))
        print(f'    "{name("", identifier)}": "{needs}",')
    print("}")
    return 0


def stage(body: str, release: tuple[int, int]) -> tuple[str, bool, bool]:
    """(stage, default, locked) that count in this release; entries for emulated older ones need more, and do not."""
    for row in reversed(re.findall(r"\{(Version:.*?)\}", body)):
        since = re.search(r'MustParse\("(\d+)\.(\d+)"\)', row)
        if "MinCompatibilityVersion" in row or (since and (int(since[1]), int(since[2])) > release):
            continue
        kind = re.search(r"PreRelease: (?:featuregate\.)?(\w+)", row)
        return kind[1].upper(), bool(re.search(r"\bDefault: true", row)), "LockToDefault: true" in row
    return "PREALPHA", False, False


def words(gates: list[str]) -> str:
    lines = textwrap.wrap(" ".join(sorted(gates)), 108)
    return "\n".join(f'        "{line}{" " if line is not lines[-1] else ""}"' for line in lines)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
