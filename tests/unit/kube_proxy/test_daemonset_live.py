"""When a node whose kube-proxy is a pod is to be changed live, and in which words."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.kube_proxy.daemonset_live import Desired, Observed, plan

WISH = Desired("n1", "nftables-2", "nftables", "/kubelet.conf", "", 1.0)


def test_nothing_to_do():
    planned = plan(WISH, Observed("nftables-2", "nftables"))
    assert not planned.changed
    assert planned.unchanged == "n1 serves in nftables mode by the pod of kube-proxy-nftables-2"


@pytest.mark.parametrize(("have", "before"), [
    (Observed("iptables-1", "iptables"), "the pod of kube-proxy-iptables-1 in iptables mode"),
    (Observed("", "iptables"), "the pod of kube-proxy in iptables mode"),
    (Observed("none", "", "start"), "no pod in no mode, a change left in phase start"),
    (Observed("nftables-2", "nftables", "carry"),
     "the pod of kube-proxy-nftables-2 in nftables mode, a change left in phase carry"),
    (Observed("nftables-2", "iptables"), "the pod of kube-proxy-nftables-2 in iptables mode"),
])
def test_a_change(have, before):
    [step] = plan(WISH, have).steps
    assert (step.action, step.target, step.before) == ("change", "node n1", before)
    assert step.after == "the pod of kube-proxy-nftables-2 in nftables mode"
