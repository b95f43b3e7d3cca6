"""Preflight on a real node: each defect is really there and gets its line, and no other does. make sweep-preflight."""
from __future__ import annotations

import json
import subprocess

import pytest
from lab_tools import INVENTORY, ROOT

CHECKED = "/lib/modules/$(uname -r)"
# subject -> (wished mode, how it is done, how it is undone). The node itself runs in iptables mode.
DEFECTS = {
    "FORWARD policy": ("nftables", "iptables -P FORWARD DROP", "iptables -P FORWARD ACCEPT"),
    "nftables chains": (
        "iptables", "nft add table inet fw"
        " && nft add chain inet fw f '{ type filter hook forward priority 10; policy drop; }'",
        "nft delete table inet fw"),
    "firewall": ("iptables", "systemd-run --unit=firewalld sleep 900", "systemctl stop firewalld"),
    "iptables": ("iptables", "iptables-legacy -t nat -N KUBE-SERVICES", "iptables-legacy -t nat -X KUBE-SERVICES"),
    "virtual servers": ("nftables", "ipvsadm -A -t 192.0.2.10:443 -s rr", "ipvsadm -D -t 192.0.2.10:443"),
    "connection table": (
        "iptables", "cd /proc/sys/net/netfilter && cat nf_conntrack_max > /run/max"
        " && echo $(($(cat nf_conntrack_count) * 6 / 5 + 1)) > nf_conntrack_max",
        "cat /run/max > /proc/sys/net/netfilter/nf_conntrack_max"),
    "pod network": (
        "nftables", """echo '{"plugins": [{"type": "calico"}]}' > /etc/cni/net.d/05-test.conflist""",
        "rm /etc/cni/net.d/05-test.conflist"),
    "/usr/local/bin/kube-proxy": (
        "iptables", "chmod a-x /usr/local/bin/kube-proxy", "chmod a+x /usr/local/bin/kube-proxy"),
    "/etc/kubernetes/kube-proxy.kubeconfig": (
        "iptables", "cd /etc/kubernetes && mv kube-proxy.kubeconfig kept && touch kube-proxy.kubeconfig",
        "cd /etc/kubernetes && mv kept kube-proxy.kubeconfig"),
    "nft": ("nftables", "mv /usr/sbin/nft /usr/sbin/nft.kept", "mv /usr/sbin/nft.kept /usr/sbin/nft"),
    "nft version": (
        "nftables", "cd /usr/local/sbin && printf '#!/bin/sh\\n[ \"$1\" = --version ] && exec echo nftables v0.9.8\\n"
        "exec /usr/sbin/nft \"$@\"\\n' > nft && chmod 755 nft", "rm /usr/local/sbin/nft"),
    "kernel modules": (
        "nftables", f"rmmod nft_numgen; mv {CHECKED}/kernel/net/netfilter/nft_numgen.ko.xz /run/ && depmod",
        f"mv /run/nft_numgen.ko.xz {CHECKED}/kernel/net/netfilter/ && depmod"),
    "rules of nftables mode": (
        "nftables", "rmmod nft_numgen; echo 'install nft_numgen /bin/false' > /etc/modprobe.d/test.conf",
        "rm /etc/modprobe.d/test.conf"),
}


@pytest.fixture(scope="module")
def node(lab):
    """The node in iptables mode, settled."""
    assert lab.playbook("site.yml").ok
    return next(name for name, mode in lab.nodes.items() if mode == "iptables")


def judged(node: str, mode: str, **more) -> dict[str, str]:
    """Subject -> verdict and reason of every line that is not fit."""
    words = json.dumps({"mode": mode, "kubernetes_version": "1.37.2", **more})
    done = subprocess.run(["ansible", "-i", str(INVENTORY), node, "-m", "node_preflight_info", "-a", words], cwd=ROOT,
                          capture_output=True, text=True, check=False, timeout=300)
    assert "SUCCESS =>" in done.stdout, done.stdout + done.stderr
    result = json.loads(done.stdout.split("SUCCESS =>", 1)[1])
    return {line["subject"]: f"{line['verdict']}: {line['reason']}" for line in result["lines"]
            if line["verdict"] != "fit"}


@pytest.mark.parametrize("mode", ["iptables", "nftables"])
def test_a_sound_node_is_fit(node, mode):
    assert judged(node, mode, services=20, endpoints=40) == {}


def test_a_large_cluster_has_a_long_first_sync(node):
    assert list(judged(node, "nftables", services=200_000, endpoints=400_000)) == ["first sync"]


@pytest.mark.parametrize("subject", DEFECTS)
def test_each_defect_has_its_line_and_no_other(lab, node, subject):
    mode, do, undo = DEFECTS[subject]
    machine = lab.machine(node)
    machine.check_output(do)
    try:
        found = judged(node, mode)
    finally:
        machine.check_output(undo)
    print(found)
    assert list(found) == [subject]
    assert judged(node, mode) == {}
