"""Which steps lead from what runs to what is asked."""
from __future__ import annotations

import socket

import pytest
from ansible.module_utils.fairlead.command import Commands, Result
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, compared, service, unit
from ansible.module_utils.fairlead.kube_proxy.ask import Answer
from ansible.module_utils.fairlead.kube_proxy.service import Desired, Observed, plan
from ansible.module_utils.fairlead.plan import Plan, Step


def desired(**changes):
    return Desired(**{"mode": "nftables", "node": "node1", "config_path": "/etc/kubernetes/kube-proxy.yaml",
                      "config": "new", "unit": "unit", "mode_change": "refuse", "timeout": 1.0,
                      "families": ("IPv4",), **changes})


def observed(mode=None, **changes):
    return Observed(**{"config": "new", "unit": "unit", "active": bool(mode), "enabled": True, "reload_needed": False,
                       "answer": Answer(mode, bool(mode)), **changes})


@pytest.mark.parametrize(("have", "actions"), [
    (observed(None, config=None, unit=None, enabled=False), ["write", "write", "reload", "enable", "start"]),
    (observed(None), ["start"]),
    (observed("nftables"), []),
    (observed("nftables", config="old"), ["write", "restart"]),
    (observed("nftables", unit="old"), ["write", "reload", "restart"]),
    (observed("nftables", enabled=False), ["enable", "restart"]),
    (observed("nftables", reload_needed=True), ["reload", "restart"]),
    (observed(None, active=True), []),  # still starting: leave it alone
])
def test_steps(have, actions):
    assert [step.action for step in plan(desired(), have).steps] == actions


def test_a_node_in_another_mode_is_left_as_it_is_even_when_its_files_differ():
    planned = plan(desired(), observed("iptables", config="old"))
    assert not planned.changed
    assert "node1" in planned.warnings[0]
    assert "iptables" in planned.warnings[0]
    assert "nftables" in planned.warnings[0]


WISHED = '# Written by Fairlead\n{"mode": "nftables", "clientConnection": {"qps": 5}, "nodePortAddresses": ["primary"]}'
FOUND = '# Written by Fairlead\n{"mode": "nftables", "clientConnection": {"qps": 50}, "bindAddress": "::"}'


@pytest.mark.parametrize(("have", "differing"), [
    (observed("nftables", config=WISHED), []),
    (observed("iptables", config=WISHED), ["kube-proxy mode: nftables, iptables"]),
    (observed(None, config=WISHED), ["kube-proxy mode: nftables, none answers"]),
    (observed("nftables", config=WISHED, enabled=False),
     ["kube-proxy.service: as written by the role, started at boot, not started at boot"]),
    (observed("nftables", config=WISHED, unit=None),
     ["kube-proxy.service: as written by the role, started at boot, not there"]),
    (observed("nftables", config=FOUND), [
        "/etc/kubernetes/kube-proxy.yaml: bindAddress: kube-proxy's default, ::",
        "/etc/kubernetes/kube-proxy.yaml: clientConnection.qps: 5, 50",
        '/etc/kubernetes/kube-proxy.yaml: nodePortAddresses: ["primary"], kube-proxy\'s default']),
    (observed("nftables", config=None), ["/etc/kubernetes/kube-proxy.yaml: as written by the role, not there"]),
    (observed("nftables", config="mode: ipvs\n"),
     ["/etc/kubernetes/kube-proxy.yaml: as written by the role, a text of somebody else's"]),
])
def test_mode_unit_and_configuration_beside_their_wishes(have, differing):
    rows = compared.rows(desired(config=WISHED), have)
    told = [f"{row['setting']}: {row['wished']}, {row['found']}" for row in rows if row["same"] is not True]
    assert told == differing
    assert len(rows) >= 3


def test_restart_accepts_the_outage():
    planned = plan(desired(mode_change="restart"), observed("iptables", config="old"))
    assert [step.action for step in planned.steps] == ["write", "restart"]


@pytest.mark.parametrize(("have", "words", "actions"), [
    (observed("iptables", config="old"), {"mode_change": "live"}, ["change"]),
    (observed("iptables", config="old", unit="old"), {"mode_change": "live"}, ["write", "reload", "change"]),
    (observed("nftables", config="old"), {"mode_change": "live"}, ["write", "restart"]),  # rules outlive a restart
    (observed(None, config="old"), {"mode_change": "live"}, ["write", "start"]),  # nobody serves: nothing to lose
    # a change that was left, whatever is wished: a plain start would leave the bridge behind
    (observed(None, config="old", unfinished="configure"), {}, ["change"]),
    (observed("iptables", config="old", unfinished="bridge"), {}, ["change"]),
    (observed("nftables", unfinished="unbridge"), {"mode_change": "restart"}, ["change"]),
])
def test_a_live_change(have, words, actions):
    planned = plan(desired(**words), have)
    assert [step.action for step in planned.steps] == actions
    # the configuration is the guard's to write while kube-proxy is stopped
    assert not [step for step in planned.steps if step.target.endswith(".yaml")] or "change" not in actions


@pytest.mark.parametrize(("have", "actions", "due"), [
    (observed(None, config=None, unit=None, enabled=False), ["write", "write", "reload", "enable", "start"], False),
    (observed("nftables", config="old"), [], True),
    (observed("nftables"), [], False),
    (observed("iptables", config="old"), [], False),  # refused: another mode
    (observed("nftables", config="old", unfinished="bridge"), [], True),
])
def test_a_restart_that_is_held_touches_nothing_and_is_named(have, actions, due):
    wish = desired(restarts="hold")
    assert [step.action for step in plan(wish, have).steps] == actions
    assert service.turn_is_due(wish, have) is due


def test_a_mode_is_pending_only_where_a_restart_is_refused():
    assert service.mode_is_pending(desired(), observed("iptables"))
    assert not service.mode_is_pending(desired(mode_change="restart"), observed("iptables"))
    assert not service.mode_is_pending(desired(), observed("nftables"))


def test_a_proxy_that_is_not_ours_is_named():
    with pytest.raises(FairleadError, match=f"not {unit.NAME}"):
        plan(desired(), observed("iptables", active=False))


class Systemd(Commands):
    def __init__(self):
        self.ran = []

    def run(self, argv, timeout=30.0, stdin=None):
        self.ran.append(" ".join(argv[:2]))
        return Result(0, "", "")


@pytest.mark.parametrize(("old_serves", "words"), [
    (True, "serves in iptables mode"), (False, "does not serve with them")])
def test_a_configuration_that_does_not_serve_goes_back(tmp_path, monkeypatch, old_serves, words):
    path = tmp_path / "kube-proxy.yaml"
    path.write_text("old")
    wish = desired(config_path=str(path), mode_change="restart")
    steps = plan(wish, observed("iptables", config="old")).steps

    def serve(mode, _families, _timeout):
        if mode == "nftables" or not old_serves:
            raise FairleadError("kube-proxy", f"did not serve in {mode} mode", "read its log")

    monkeypatch.setattr(ask, "wait_until_serving", serve)
    systemd = Systemd()
    service.apply(wish, steps[0], systemd)
    assert path.read_text() == "new"
    with pytest.raises(FairleadError, match=f"went back.*{words}"):
        service.apply(wish, steps[-1], systemd)
    assert path.read_text() == "old"
    assert systemd.ran[-1] == "systemctl restart"


def test_a_first_start_has_nothing_to_go_back_to(monkeypatch):
    steps = plan(desired(), observed(None, config=None, unit=None, enabled=False)).steps
    assert (steps[-1].action, steps[-1].data) == ("start", None)


@pytest.mark.parametrize(("have", "waits"), [
    (observed(None), 0), (observed(None, active=True, config="old"), 0), (observed("nftables", config="old"), 1)])
def test_without_waiting_only_a_proxy_that_serves_is_waited_for(monkeypatch, have, waits):
    waited = []
    monkeypatch.setattr(ask, "wait_until_serving", lambda mode, _families, _timeout: waited.append(mode))
    wish, systemd = desired(wait=False), Systemd()
    service.apply(wish, plan(wish, have).steps[-1], systemd)
    assert len(waited) == waits
    assert systemd.ran


@pytest.mark.parametrize(("steps", "words", "refused"), [
    (["restart"], {}, True), (["start"], {}, True), (["change"], {}, True), (["write", "enable"], {}, False),
    (["start"], {"wait": False}, False), (["restart"], {"kubeconfig": "/nowhere"}, False),
])
def test_nothing_is_started_without_an_api_server(tmp_path, steps, words, refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound, and nobody listens
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(f"clusters:\n- cluster:\n    server: https://127.0.0.1:{port}\n")
        wish = desired(**{"kubeconfig": str(kubeconfig), **words})
        planned = Plan(tuple(Step(action, "x") for action in steps))
        if not refused:
            service.check_api_server(wish, planned)
            return
        with pytest.raises(FairleadError, match=rf"127.0.0.1:{port}, which does not answer.*nothing was changed"):
            service.check_api_server(wish, planned)
        taken.listen()
        service.check_api_server(wish, planned)
