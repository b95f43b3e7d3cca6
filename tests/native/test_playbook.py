"""playbooks/change_mode.yml as a person runs it: the real ansible-playbook, on the bench's node under load."""
from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from ansible.module_utils.fairlead.probe.summary import summarize
from bench import POD_RANGES, ROOT, Bench
from traffic import Traffic, flows, services

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
SECONDS = 300


@pytest.fixture(scope="module")
def bench():
    with Bench() as made:
        made.apply(*services())
        made.install()
        made.kube_proxy("iptables")
        yield made


@pytest.fixture
def play(bench, tmp_path):
    """Run the playbook. Modules come to the node's own Python through a pipe, so no ssh is needed."""
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\nexec {' '.join(bench.node_argv('/usr/bin/python3'))} \"$@\"\n")
    python.chmod(0o755)
    hosts = {"node1": {
        "ansible_connection": "local", "ansible_python_interpreter": str(python), "ansible_pipelining": True,
        "kube_proxy_kubernetes_version": "1.37.2", "kube_proxy_hostname_override": "node1",
        "kube_proxy_cluster_cidrs": list(POD_RANGES), "kube_proxy_timeout": 60, "change_mode_soak": 2,
        "change_mode_modules": False,
        "kube_proxy_config": {"conntrack": {"maxPerCore": 0, "min": 0}}}}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"children": {"nodes": {"hosts": hosts}}}}))

    def run(mode, *words):
        done = subprocess.run(
            ["ansible-playbook", "-i", str(inventory), str(ROOT / "playbooks/change_mode.yml"),
             "--extra-vars", f"kube_proxy_mode={mode}", *words], cwd=ROOT, capture_output=True, text=True,
            timeout=SECONDS, check=False, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")})
        return done.returncode, done.stdout + done.stderr

    return run


def test_there_and_back_and_nothing_to_do(bench, play):
    with Traffic(flows(bench, 40, 12)) as traffic:
        status, said = play("nftables", "--check", "--diff")
        assert status == 0, said
        assert "changed=1" in said
        assert "running in nftables" in said
        assert "table ip kube-proxy" not in bench.on_node("nft", "list", "tables")
        for mode in ("nftables", "iptables"):
            status, said = play(mode)
            assert status == 0, said
            assert "changed=1" in said
            status, said = play(mode)
            assert status == 0, said
            assert "changed=0" in said
            assert "fairlead" not in bench.on_node("nft", "list", "tables")
        time.sleep(2.0)
    summary = summarize(traffic.results())
    assert (summary.failed, summary.broken, summary.moved) == (0, 0, 0), summary


def test_a_node_whose_kernel_lacks_the_mode_is_refused(bench, play):
    if Path("/proc/net/ip_vs").exists():
        pytest.skip("this machine's kernel has IPVS")
    status, said = play("ipvs")
    assert status != 0
    assert "is not fit" in said
    assert bench.on_node("nft", "list", "tables").count("fairlead") == 0
