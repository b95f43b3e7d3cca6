"""userspace mode: taken up to 1.25 with what that release reads, refused with a remedy from 1.26 on."""
from __future__ import annotations

import json

import pytest
from ansible.module_utils.fairlead import preflight
from ansible.module_utils.fairlead.command import Commands, Result
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, leftovers, modes, rules
from ansible.module_utils.fairlead.kube_proxy.ask import Answer
from ansible.module_utils.fairlead.kube_proxy.config import Settings, check, document, left_out, render
from ansible.module_utils.fairlead.kube_proxy.judge import judge_configuration, refused

BASE = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "userspace"}
# What iptables-save printed beside kube-proxy 1.20.2, shortened.
SAVED = """*nat
:PREROUTING ACCEPT [0:0]
:KUBE-PORTALS-CONTAINER - [0:0]
:KUBE-NODEPORT-CONTAINER - [0:0]
-A PREROUTING -m comment --comment "handle ClusterIPs; NOTE: this must be before the NodePort rules" \
-j KUBE-PORTALS-CONTAINER
-A PREROUTING -m addrtype --dst-type LOCAL -m comment \
--comment "handle service NodePorts; NOTE: this must be the last rule in the chain" -j KUBE-NODEPORT-CONTAINER
-A KUBE-PORTALS-CONTAINER -d 10.96.0.1/32 -p tcp -m comment --comment "default/kubernetes:https" -m tcp --dport 443 \
-j REDIRECT --to-ports 42391
COMMIT
*filter
:INPUT ACCEPT [0:0]
:KUBE-NODEPORT-NON-LOCAL - [0:0]
-A INPUT -m comment --comment "Ensure that non-local NodePort traffic can flow" -j KUBE-NODEPORT-NON-LOCAL
COMMIT
"""


def settings(version="1.20.2", **extra):
    return Settings("userspace", "/k", ("10.244.0.0/16", "fd00::/56"), "n1", extra=extra, kubernetes_version=version)


@pytest.mark.parametrize("version", ["1.26.0", "1.37.2", "v1.40"])
def test_it_is_refused_with_reason_and_remedy_from_1_26_on(version):
    with pytest.raises(FairleadError, match=r"was removed in Kubernetes 1.26. Write (nftables or )?iptables"):
        modes.check("userspace", version)
    wish = preflight.Wish("userspace", "rr", version, "k3s", "", "")
    line, = preflight._mode(wish, None)
    assert (line.verdict, "removed in Kubernetes 1.26" in line.reason) == (preflight.UNFIT, True)


def test_it_is_taken_up_to_1_25_with_a_warning():
    assert "ends with Kubernetes 1.25" in modes.check("userspace", "1.25.16")[0]
    assert preflight._mode(preflight.Wish("userspace", "rr", "1.25", "k3s", "", ""), None)[0].verdict == preflight.WARN
    with pytest.raises(FairleadError, match="under systemd only"):
        modes.check_systemd_only("userspace")


def test_preflight_says_so_of_nftables_mode_too():
    line, = preflight._mode(preflight.Wish("nftables", "rr", "1.28.3", "k3s", "", ""), None)
    assert (line.verdict, "only from 1.29 on" in line.reason) == (preflight.UNFIT, True)


def test_what_the_release_reads_is_written_and_the_rest_is_named():
    wish = settings(conntrack={"maxPerCore": 0, "udpTimeout": "5s"}, udpIdleTimeout="1s", portRange="40000-40010",
                    logging={"verbosity": 4}, iptables={"masqueradeBit": 13, "syncPeriod": "10s"})
    assert document(wish) == {
        **BASE, "clientConnection": {"kubeconfig": "/k"}, "hostnameOverride": "n1", "portRange": "40000-40010",
        "conntrack": {"maxPerCore": 0}, "udpIdleTimeout": "1s", "iptables": {"syncPeriod": "10s"},
        "featureGates": {"EndpointSliceProxying": False}}
    assert [warning.partition(":")[0] for warning in left_out(wish)] == [
        "kube_proxy_cluster_cidrs", "kube_proxy_config.conntrack.udpTimeout",
        "kube_proxy_config.iptables.masqueradeBit", "kube_proxy_config.logging.verbosity"]
    assert check(render(wish, "systemd"), "1.20.2") == []


def test_the_gate_is_the_users_when_he_writes_it_and_is_gone_later():
    assert document(settings(featureGates={"EndpointSliceProxying": True}))["featureGates"] == {
        "EndpointSliceProxying": True}
    assert "featureGates" not in document(settings("1.22.0"))


def test_other_modes_are_written_as_before():
    wish = Settings("iptables", "/k", extra={"logging": {"verbosity": 4}}, kubernetes_version="1.20.2")
    assert document(wish)["logging"] == {"verbosity": 4}
    assert left_out(wish) == []


@pytest.mark.parametrize(("field", "value", "words"), [
    ("udpIdleTimeout", "0s", "must be a duration greater than 0"),
    ("udpIdleTimeout", 250, "must be a duration"),
    ("nodePortAddresses", ["primary"], "must be a CIDR"),
    ("oomScoreAdj", 1001, "within the range"),
    ("udpIdelTimeout", "1s", ""),
])
def test_what_it_refuses(field, value, words):
    wrong = refused(judge_configuration({**BASE, field: value}, "1.20"))
    assert [one for one in wrong if one.field.startswith(field) and words in one.message], wrong


def test_the_idle_timeout_went_with_the_mode():
    wrong = refused(judge_configuration({**BASE, "mode": "iptables", "udpIdleTimeout": "1s"}, "1.37"))
    assert "went with userspace mode" in wrong[0].fix


@pytest.mark.parametrize(("saved", "serves"), [(SAVED, True), (SAVED.replace("-A KUBE-PORTALS", "-A KUBE-X"), False)])
def test_a_start_is_done_when_the_kernel_has_its_rules(monkeypatch, saved, serves):
    monkeypatch.setattr(ask, "ask", lambda: Answer("userspace", True))
    monkeypatch.setattr(ask, "get", lambda _port, _path: (200, "no metrics of a sync"))
    monkeypatch.setattr(Commands, "run", lambda _self, argv, timeout: Result(0, saved, ""))
    if serves:
        ask.wait_until_serving("userspace", ["IPv4"], 0.0)
    else:
        with pytest.raises(FairleadError, match="did not serve in userspace mode"):
            ask.wait_until_serving("userspace", ["IPv4"], 0.0)


def test_its_chains_are_found_and_removed_beside_another_mode_and_only_then():
    kernel = rules.Kernel({("IPv4", "nft"): SAVED})
    assert rules.present(kernel)["userspace"]
    assert leftovers.find(kernel, "userspace") == []
    assert {one.mode for one in leftovers.find(kernel, "iptables")} == {"userspace"}
    lines = list(leftovers.removal(SAVED, "iptables"))
    assert [line for line in lines if line.startswith("-D")] == [
        line.replace("-A ", "-D ", 1) for line in SAVED.splitlines() if line.startswith(("-A PRE", "-A INPUT"))]
    assert [line for line in lines if line.startswith("-X")] == [
        "-X KUBE-NODEPORT-CONTAINER", "-X KUBE-PORTALS-CONTAINER", "-X KUBE-NODEPORT-NON-LOCAL"]


def test_rules_of_iptables_mode_are_left_over_beside_userspace():
    saved = "*nat\n:KUBE-SVC-ABC - [0:0]\n:KUBE-SERVICES - [0:0]\nCOMMIT\n"
    found = leftovers.find(rules.Kernel({("IPv4", "nft"): saved}), "userspace")
    assert [one.name.rpartition(" ")[2] for one in found] == ["KUBE-SVC-ABC", "KUBE-SERVICES"]
    assert json.dumps([vars(one) for one in found])
