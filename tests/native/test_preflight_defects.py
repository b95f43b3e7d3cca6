"""Preflight on the native bench: each defect that a namespace node can have is really there, and gets its line and no
other. Kernel modules, IPVS, limits and firewall services need a machine of their own: tests/lab/test_preflight.py.
"""
from __future__ import annotations

import pytest
from bench import Bench

PROGRAM = "/opt/kube-proxy"
# subject -> (wished mode, how it is done, how it is undone). The node itself runs in iptables mode.
DEFECTS = {
    "FORWARD policy": ("nftables", "iptables -P FORWARD DROP", "iptables -P FORWARD ACCEPT"),
    "nftables chains": (
        "iptables", "nft add table inet fw"
        " && nft add chain inet fw f '{ type filter hook forward priority 10; policy drop; }'",
        "nft delete table inet fw"),
    "iptables": ("iptables", "iptables-legacy -t nat -N KUBE-SERVICES", "iptables-legacy -t nat -X KUBE-SERVICES"),
    "pod network": (
        "nftables", "mkdir -p /etc/cni/net.d"
        """ && echo '{"plugins": [{"type": "calico"}]}' > /etc/cni/net.d/05-test.conflist""",
        "rm /etc/cni/net.d/05-test.conflist"),
    PROGRAM: ("iptables", f"chmod a-x {PROGRAM}", f"chmod a+x {PROGRAM}"),
    "/etc/kubernetes/kube-proxy.kubeconfig": (
        "iptables", "cd /etc/kubernetes && mv kube-proxy.kubeconfig kept && touch kube-proxy.kubeconfig",
        "cd /etc/kubernetes && mv kept kube-proxy.kubeconfig"),
    "nft": ("nftables", "mv /usr/sbin/nft /usr/sbin/nft.kept", "mv /usr/sbin/nft.kept /usr/sbin/nft"),
    "nft version": (
        "nftables", "mkdir -p /usr/local/sbin && cd /usr/local/sbin"
        " && printf '#!/bin/sh\\n[ \"$1\" = --version ] && exec echo nftables v0.9.8\\n"
        "exec /usr/sbin/nft \"$@\"\\n' > nft && chmod 755 nft", "rm /usr/local/sbin/nft"),
    "mode": ("nftables", "true", "true"),  # with a release that has no nftables mode
}


@pytest.fixture(scope="module")
def bench():
    with Bench() as made:
        made.install()
        made.start_kube_proxy("iptables")
        made.on_node("mkdir", "-p", "/run/systemd/system")  # what preflight knows systemd by
        made.write(PROGRAM, "#!/bin/sh\n", 0o755)
        made.on_node("chmod", "755", PROGRAM)
        yield made


def judged(bench, mode: str, **more) -> dict[str, str]:
    """Subject -> verdict and reason of every line that is not fit, but that this node has no modules of its own."""
    words = {"mode": mode, "kubernetes_version": "1.37.2", "binary": PROGRAM, **more}
    told = bench.module("node_preflight_info", words)
    assert not told.get("failed"), told
    return {line["subject"]: f"{line['verdict']}: {line['reason']}" for line in told["lines"]
            if line["verdict"] != "fit" and line["subject"] != "kernel modules"}


@pytest.mark.parametrize("mode", ["iptables", "nftables"])
def test_a_sound_node_is_fit(bench, mode):
    assert judged(bench, mode, services=20, endpoints=40) == {}


def test_a_large_cluster_has_a_long_first_sync(bench):
    assert list(judged(bench, "nftables", services=900_000, endpoints=1_800_000)) == ["first sync"]


@pytest.mark.parametrize("subject", DEFECTS)
def test_each_defect_has_its_line_and_no_other(bench, subject):
    mode, do, undo = DEFECTS[subject]
    more = {"kubernetes_version": "1.28.3"} if subject == "mode" else {}
    bench.on_node("sh", "-c", do)
    try:
        found = judged(bench, mode, **more)
    finally:
        bench.on_node("sh", "-c", undo)
    print(found)
    assert list(found) == [subject]
    assert judged(bench, mode) == {}


def test_userspace_is_unfit_with_reason_and_remedy(bench):
    found = judged(bench, "userspace")
    assert found == {"mode": "unfit: userspace was removed in Kubernetes 1.26; write nftables or iptables"}
