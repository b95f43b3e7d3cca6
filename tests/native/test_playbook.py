"""playbooks/change_mode.yml as a person runs it: the real ansible-playbook, on the bench's node under load."""
from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible.module_utils.fairlead.probe.summary import summarize
from bench import Bench
from traffic import Traffic, flows, services

from playbooks import Playbooks

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")


@pytest.fixture(scope="module")
def bench():
    with Bench() as made:
        made.apply(*services())
        made.install()
        made.kube_proxy("iptables")
        yield made


@pytest.fixture
def play(bench, tmp_path):
    runs = Playbooks(bench, tmp_path)
    return lambda mode, *words: runs.run("change_mode.yml", mode, *words)


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


def test_what_cannot_be_changed_live_is_refused_at_once(bench, play):
    status, said = play("nftables", "--extra-vars", "kube_proxy_deployment=kubeadm")
    assert status != 0
    assert "a live change is for kube_proxy_deployment systemd or daemonset, not kubeadm" in " ".join(said.split())
    assert bench.on_node("nft", "list", "tables").count("fairlead") == 0
