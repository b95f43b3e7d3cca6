"""The configuration's text, and what is refused in it."""
from __future__ import annotations

import json

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import modes
from ansible.module_utils.fairlead.kube_proxy.config import Settings, check, document, render


def test_the_mode_is_always_written_and_nothing_that_was_not_asked_for():
    assert document(Settings("iptables", "/k")) == {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "iptables",
        "clientConnection": {"kubeconfig": "/k"}}


def test_the_text_is_yaml_and_json_and_always_the_same():
    extra = {"ipvs": {"strictARP": True}}
    settings = Settings("ipvs", "/k", ("10.0.0.0/8", "fd00::/56"), "n1", ("primary",), "lc", extra)
    text = render(settings, "systemd")
    body = "".join(line for line in text.splitlines() if not line.startswith("#"))
    assert yaml.safe_load(text) == json.loads(body) == document(settings)
    assert render(settings, "systemd") == text
    assert document(settings)["ipvs"] == {"strictARP": True, "scheduler": "lc"}
    assert document(settings)["clusterCIDR"] == "10.0.0.0/8,fd00::/56"


def test_the_scheduler_is_ipvs_only():
    assert "ipvs" not in document(Settings("nftables", "/k", scheduler="lc"))


def test_with_the_node_as_owner_conntrack_is_zero_wherever_kube_proxy_would_set_something():
    given = {"conntrack": {"min": 0, "udpTimeout": "0s"}}
    assert document(Settings("iptables", "/k", extra=given, conntrack_owner="node"))["conntrack"] == {
        "maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s", "udpTimeout": "0s"}
    assert "conntrack" not in document(Settings("iptables", "/k"))


def test_a_conntrack_field_is_refused_when_the_node_owns_its_key():
    given = {"conntrack": {"tcpEstablishedTimeout": "1h"}}
    with pytest.raises(FairleadError, match=r"tcpEstablishedTimeout='1h' .*nf_conntrack_tcp_timeout_established"):
        document(Settings("iptables", "/k", extra=given, conntrack_owner="node"))
    assert document(Settings("iptables", "/k", extra=given))["conntrack"] == given["conntrack"]


@pytest.mark.parametrize(("extra", "words"), [
    ({"oomScoreAdjust": 1}, "Write oomScoreAdj"),
    ({"mode": "ipvs"}, "kube_proxy_mode"),
    ({"clusterCidr": "x"}, "Write clusterCIDR"),
    ({"configSyncPeriod": 30}, r'kube_proxy_config.configSyncPeriod: .*unit. Write "30s"'),
    ({"nodePortAddress": [], "oomScoreAdj": 2000}, r"; also .*oomScoreAdj.*Write nodePortAddresses"),
])
def test_what_kube_proxy_refuses_or_passes_over_is_refused_with_what_was_meant(extra, words):
    with pytest.raises(FairleadError, match=words):
        check(render(Settings("iptables", "/k", extra=extra), "systemd"), "1.37.2")


@pytest.mark.parametrize("cidr", ["010.0.0.0/8", "10.1.2.3/8"])
def test_addresses_that_programs_read_differently_are_not_written(cidr):
    with pytest.raises(FairleadError, match=r"kube_proxy_cluster_cidrs.*Write 10\.0\.0\.0/8"):
        check(render(Settings("iptables", "/k", (cidr,)), "systemd"), "1.37.2")


def test_what_a_mode_does_not_look_at_is_a_warning():
    settings = (Settings(mode, "/k", ("10.0.0.0/8",), extra={"ipvs": {"strictARP": True}}) for mode in modes.MODES)
    told = {one.mode: check(render(one, "systemd"), "1.37") for one in settings}
    assert "ipvs.strictARP" in told["nftables"][0]
    assert told["ipvs"] == []


def test_only_what_differs_from_the_defaults_is_written():
    extra = {"oomScoreAdj": -999, "iptables": {"syncPeriod": "0.5m", "masqueradeAll": False},
             "logging": {"verbosity": 2}, "ipvs": {"strictARP": False}, "healthzBindAddress": "",
             "conntrack": {"udpTimeout": "0s"}}
    assert set(document(Settings("iptables", "/k", extra=extra))) == {
        "apiVersion", "kind", "mode", "clientConnection", "logging", "conntrack", "healthzBindAddress"}


@pytest.mark.parametrize(("mode", "version", "refused"), [
    ("userspace", "1.37.2", "1.26"), ("nftables", "1.28.1", "1.29"), ("ipvs", "1.40.0", "1.40"),
    ("iptables", "latest", "1.37.2"),
])
def test_a_mode_that_the_release_does_not_run_is_refused(mode, version, refused):
    with pytest.raises(FairleadError, match=refused):
        modes.release(version)
        modes.check(mode, version)


def test_ipvs_warns_with_its_dates():
    assert "1.40" in modes.check("ipvs", "1.37.2")[0]
    assert modes.check("ipvs", "1.34.0") == modes.check("nftables", "1.37.2") == []
