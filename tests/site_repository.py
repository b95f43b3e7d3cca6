"""A user's repository: the project with an inventory of its own, signed, and served inside the lab by git's daemon."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

from lab_tools import ROOT

SECONDS = 120
VARS = {
    "ansible_python_interpreter": "/usr/bin/python3",
    "kube_proxy_kubeconfig": "/etc/kubernetes/kube-proxy.kubeconfig",
    "kube_proxy_cluster_cidrs": ["10.244.0.0/16", "fd00:244::/56"],
    "node_sysctl_profile": "small",
}


class Site:
    """directory: where the repository and the keys lie; version: release of kube-proxy on the nodes."""

    def __init__(self, directory: Path, version: str) -> None:
        self.directory, self.version, self.tree = directory, version, directory / "site"
        self.key = directory / "signer"
        self.tree.mkdir(parents=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True,
                                 timeout=SECONDS).stdout
        subprocess.run(["tar", "--extract", "--directory", str(self.tree)], input=archive, check=True, timeout=SECONDS)
        self.git("init", "--quiet", "--initial-branch", "main")
        (self.tree / ".git/git-daemon-export-ok").touch()

    def git(self, *words: str) -> None:
        run("git", "-C", str(self.tree), "-c", "user.name=site", "-c", "user.email=site@example.org",
            "-c", "gpg.format=ssh", *words)

    def commit(self, mode: str, signed: bool = True) -> None:
        """The wish of the node, as a commit."""
        wish = {**VARS, "kube_proxy_mode": mode, "kube_proxy_kubernetes_version": self.version}
        inventory = self.tree / "inventories/site/hosts.yml"
        inventory.parent.mkdir(exist_ok=True)
        inventory.write_text(json.dumps({"nodes": {"vars": wish, "hosts": {"node1": {}}}}, indent=1), encoding="utf-8")
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", f"{mode} mode",
                 f"--gpg-sign={self.key}" if signed else "--no-gpg-sign")

    def serve(self, namespace: str, address: str) -> subprocess.Popen:
        """git's daemon in the lab's network, not as a child of git, so that the caller can end it."""
        daemon = f"{run('git', '--exec-path').strip()}/git-daemon"
        return subprocess.Popen(
            ["ip", "netns", "exec", namespace, daemon, "--reuseaddr", f"--listen={address}",
             f"--base-path={self.directory}", str(self.tree)], stdin=subprocess.DEVNULL)


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=SECONDS).stdout
