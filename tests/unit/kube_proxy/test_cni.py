"""Pod networks that depend on the mode."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.kube_proxy import cni


@pytest.mark.parametrize(("mode", "types", "running", "words"), [
    ("nftables", ("bridge", "portmap"), "", []),
    ("nftables", ("calico", "bandwidth"), "iptables", ["nftablesMode"]),
    ("iptables", ("calico",), "iptables", []),
    ("iptables", ("calico",), "", []),
    ("iptables", ("calico",), "nftables", ["Disabled"]),
    ("iptables", ("calico",), "ipvs", ["restart calico-node"]),
    ("nftables", ("calico",), "ipvs", ["nftablesMode", "restart calico-node"]),
    ("iptables", ("cilium-cni",), "", ["kubeProxyReplacement"]),
    ("iptables", ("bridge", "kube-router"), "", ["kube-router"]),
    ("ipvs", ("flannel",), "", []),
])
def test_each_finding_and_no_other(mode, types, running, words):
    lines = list(cni.judge(mode, types, running))
    assert len(lines) == len(words)
    for line, word in zip(lines, words):
        assert word in line


@pytest.mark.parametrize(("files", "types"), [
    ({}, ()),
    ({"10-calico.conflist": '{"plugins": [{"type": "calico"}, {"type": "portmap"}]}'}, ("calico", "portmap")),
    ({"20-x.conf": '{"type": "bridge"}', "10-kuberouter.conf.bak": "", "87-a.conf": '{"type": "calico"}'}, ("bridge",)),
    ({"10-kube-router.conflist": '{"plugins": [{"type": "bridge"}]}'}, ("bridge", "kube-router")),
    ({"10-broken.conf": "{"}, ()),
    ({"10-odd.conflist": '{"plugins": ["x"]}'}, ()),
])
def test_the_first_configuration_counts(tmp_path, files, types):
    (tmp_path / "etc/cni/net.d").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "etc/cni/net.d" / name).write_text(text)
    assert cni.observe(str(tmp_path)) == types


def test_a_node_without_the_directory(tmp_path):
    assert cni.observe(str(tmp_path)) == ()
