"""Which flags say what a configuration says. What kube-proxy makes of them is held against it by tests/parity."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import fields, flags
from ansible.module_utils.fairlead.kube_proxy.config import Settings, document
from ansible.module_utils.fairlead.kube_proxy.decode import leaves

RELEASE = (1, 37)


def arguments(mode, extra=None, release=RELEASE, **settings):
    return flags.arguments(document(Settings(mode, "", extra=extra or {}, **settings)), release)


def test_the_mode_alone():
    assert arguments("nftables") == ["proxy-mode=nftables"]


@pytest.mark.parametrize(("mode", "extra", "flag"), [
    ("iptables", {"iptables": {"localhostNodePorts": False}}, "iptables-localhost-nodeports=false"),
    ("iptables", {"iptables": {"masqueradeAll": True}}, "masquerade-all=true"),
    ("ipvs", {"ipvs": {"excludeCIDRs": ["10.0.0.0/8", "fd00::/56"]}}, "ipvs-exclude-cidrs=10.0.0.0/8,fd00::/56"),
    ("ipvs", {"iptables": {"masqueradeBit": 13}}, "iptables-masquerade-bit=13"),
    ("nftables", {"nftables": {"minSyncPeriod": "2s"}}, "iptables-min-sync-period=2s"),
    ("iptables", {"featureGates": {"B": False, "A": True}}, "feature-gates=A=true,B=false"),
    ("iptables", {"logging": {"vmodule": [{"filePattern": "p*", "verbosity": 4}]}}, "vmodule=p*=4"),
    ("iptables", {"logging": {"flushFrequency": 10**9}}, "log-flush-frequency=1000000000ns"),
    ("iptables", {"clientConnection": {"qps": 0.5}}, "kube-api-qps=0.5"),
    ("iptables", {"conntrack": {"maxPerCore": 0}}, "conntrack-max-per-core=0"),
    # k3s and rke2 set these themselves, so kube-proxy's own default has to be said
    ("iptables", {"conntrack": {"maxPerCore": 32768}}, "conntrack-max-per-core=32768"),
    ("iptables", {"healthzBindAddress": "::"}, "healthz-bind-address=[::]:10256"),
    ("iptables", {"metricsBindAddress": "192.0.2.1:+80"}, "metrics-bind-address=192.0.2.1:80"),
    ("ipvs", {"ipvs": {"minSyncPeriod": "5s"}}, "ipvs-min-sync-period=5s"),
])
def test_a_field_and_its_flag(mode, extra, flag):
    least = ["ipvs-min-sync-period=0s"] if mode == "ipvs" and "min-sync" not in flag else []
    assert arguments(mode, extra) == sorted([flag, f"proxy-mode={mode}", *least])


@pytest.mark.parametrize("extra", [
    {"conntrack": {"udpTimeout": "0s"}}, {"logging": {"format": "", "flushFrequency": 0}},
    {"ipvs": {"excludeCIDRs": []}},
    {"featureGates": {}}, {"clientConnection": {"burst": 0}}, {"bindAddress": None}, {"healthzBindAddress": ""},
    {"logging": {"options": {"json": {"infoBufferSize": "0"}}}},
])
def test_what_means_the_default_in_a_file_becomes_no_flag(extra):
    """As a flag it would be taken literally."""
    assert arguments("iptables", extra) == ["proxy-mode=iptables"]


def test_addresses_that_follow_the_bind_address_in_the_file_are_said():
    assert arguments("iptables", {"bindAddress": "::"}) == [
        "bind-address=::", "healthz-bind-address=[::]:10256", "metrics-bind-address=[::1]:10249", "proxy-mode=iptables"]
    assert len(arguments("iptables", {"bindAddress": "192.0.2.1"})) == 2


def test_ipvs_says_its_least_period_because_the_flags_default_is_that_of_iptables():
    assert arguments("ipvs") == ["ipvs-min-sync-period=0s", "proxy-mode=ipvs"]


def test_variables_of_their_own_become_flags():
    assert arguments("ipvs", scheduler="lc", node_port_addresses=("192.0.2.0/24", "localhost")) == [
        "ipvs-min-sync-period=0s", "ipvs-scheduler=lc", "nodeport-addresses=192.0.2.0/24,localhost", "proxy-mode=ipvs"]
    assert "conntrack-max-per-core=0" in arguments("iptables", conntrack_owner="node")


@pytest.mark.parametrize(("mode", "block"), [("nftables", "iptables"), ("iptables", "nftables"), ("iptables", "ipvs")])
def test_periods_of_a_mode_that_does_not_run_become_no_flag(mode, block):
    """Their flag would be read for the mode that runs."""
    assert arguments(mode, {block: {"syncPeriod": "1m"}}) == [f"proxy-mode={mode}"]


@pytest.mark.parametrize(("extra", "release", "words"), [
    ({"nftables": {"masqueradeBit": 13}}, RELEASE, r"nftables.masqueradeBit: has no flag of kube-proxy"),
    ({"clientConnection": {"acceptContentTypes": "x"}}, RELEASE, "acceptContentTypes: has no flag"),
    ({"winkernel": {"networkName": "x"}}, RELEASE, "winkernel.networkName: has no flag"),
    ({"clientConnection": {"kubeconfig": "/k"}}, RELEASE, None),  # config.document() overwrites it
    ({"nftables": {"syncPeriod": "1m"}}, (1, 36), "nftables.syncPeriod: has no flag in Kubernetes 1.36"),
])
def test_a_field_without_a_flag_is_refused(extra, release, words):
    if words is None:
        assert arguments("nftables", extra, release) == ["proxy-mode=nftables"]
        return
    with pytest.raises(FairleadError, match=words):
        arguments("nftables", extra, release)


def test_every_field_has_a_flag_or_is_known_to_have_none():
    """A field that a release adds must not be passed over in silence."""
    known = {*flags._COMMON, *flags.OWNED, *(path for block in flags._OF_MODE.values() for path in block)}
    lists = {f"{block}.{name}" for block, below in fields.ROOT.items() if isinstance(below, dict)
             for name, shape in below.items() if isinstance(shape, fields.ListOf)}
    every = {path for path, _field in leaves()} | lists | {"featureGates", "nodePortAddresses"}
    without = every - known
    assert without == {"clientConnection.acceptContentTypes", "nftables.masqueradeBit", "portRange",
                       "windowsRunAsService", *(f"winkernel.{name}" for name in fields.ROOT["winkernel"])}
