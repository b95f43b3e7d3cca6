"""With the node as owner, the real kube-proxy fills in nothing of its conntrack block; without, it does."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.kube_proxy.config import Settings, render
from namespaces import ROOT

CACHE = Path(os.environ.get("FAIRLEAD_CACHE") or "/var/cache/fairlead")
PROGRAMS = sorted(CACHE.glob("kubernetes-*/kube-proxy"))


def filled_in(directory: Path, owner: str) -> dict:
    """kube-proxy's conntrack block after its own defaults."""
    (directory / "in.yaml").write_text(render(Settings("iptables", "/k", conntrack_owner=owner), "systemd"))
    argv = [str(PROGRAMS[0]), "--config", str(directory / "in.yaml"), "--write-config-to", str(directory / "out.yaml")]
    subprocess.run(argv, check=True, capture_output=True, timeout=60, cwd=ROOT)
    return yaml.safe_load((directory / "out.yaml").read_text())["conntrack"]


@pytest.mark.skipif(not PROGRAMS, reason=f"no kube-proxy has been built into {CACHE}")
def test_the_owner_decides(tmp_path):
    by_node, by_kube_proxy = filled_in(tmp_path, "node"), filled_in(tmp_path, "kube_proxy")
    assert set(by_node.values()) == {0, "0s"}
    assert {name for name, value in by_kube_proxy.items() if value not in (0, "0s", False)} == {
        "maxPerCore", "min", "tcpEstablishedTimeout", "tcpCloseWaitTimeout"}
