"""The project's playbooks on the native bench, run by the real ansible-playbook as a person runs it.

Modules come to the Python of the node, or of the machine outside, through a pipe, so no ssh is needed.
"""
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from bench import NODE1, NODE1_6, POD_RANGES, ROOT, Bench
from namespaces import name

SECONDS = 300


class Playbooks:
    """flows: what the machine outside asks while a mode changes, as `probe_flows`; none: nobody watches."""

    def __init__(self, bench: Bench, place: Path, flows: list[dict[str, Any]] | None = None) -> None:
        self.reports = place / "reports"
        node = {"kube_proxy_kubernetes_version": "1.37.2", "kube_proxy_hostname_override": "node1",
                "kube_proxy_cluster_cidrs": list(POD_RANGES), "kube_proxy_timeout": 60,
                "kube_proxy_config": {"conntrack": {"maxPerCore": 0, "min": 0}}, "probe_addresses": [NODE1, NODE1_6],
                "change_mode_soak": 2, "change_mode_modules": False, "change_mode_reports": str(self.reports),
                **_through(place, "node1", bench.node_argv("/usr/bin/python3"))}
        outside = {"probe_flows": flows or [],
                   **_through(place, "client", ["ip", "netns", "exec", name("client"), "/usr/bin/python3"])}
        self._inventory = place / "hosts.json"
        self._inventory.write_text(json.dumps({"all": {"children": {
            "nodes": {"hosts": {"node1": node}}, "clients": {"hosts": {"client": outside}}}}}))

    def run(self, playbook: str, mode: str, *words: str) -> tuple[int, str]:
        """mode: as kube_proxy_mode in an extra variable, "" for none. Status and output."""
        wish = ["--extra-vars", f"kube_proxy_mode={mode}"] if mode else []
        done = subprocess.run(
            ["ansible-playbook", "-i", str(self._inventory), str(ROOT / "playbooks" / playbook), *wish, *words],
            cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")})
        return done.returncode, done.stdout + done.stderr

    def report(self) -> dict[str, Any]:
        """The last change's report."""
        return json.loads((self.reports / "change-node1.json").read_text(encoding="utf-8"))


def _through(place: Path, host: str, argv: list[str]) -> dict[str, Any]:
    python = place / f"python3-{host}"
    python.write_text(f"#!/bin/sh\nexec {' '.join(argv)} \"$@\"\n")
    python.chmod(0o755)
    return {"ansible_connection": "local", "ansible_python_interpreter": str(python), "ansible_pipelining": True}
