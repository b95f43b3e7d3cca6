"""kube-proxy's flags under k3s and rke2: real files, a stand-in for systemctl and for kube-proxy's answers."""
from __future__ import annotations

import os
import time

import pytest
import yaml
from ansible.module_utils.fairlead.command import Commands, Result
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, distribution
from ansible.module_utils.fairlead.kube_proxy.ask import Answer
from ansible.module_utils.fairlead.kube_proxy.distribution import Desired, Observed, plan

FLAGS = ["ipvs-exclude-cidrs=10.0.0.0/8", "proxy-mode=ipvs"]


def desired(**changes):
    return Desired(**{"distribution": "k3s", "mode": "nftables", "text": "new", "node": "node1",
                      "mode_change": "refuse", "restarts": "now", "timeout": 1.0, "families": ("IPv4",), **changes})


def observed(mode=None, **changes):
    return Observed(**{"text": "new", "others": (), "unit": "k3s.service", "active": bool(mode), "stale": False,
                       "answer": Answer(mode, bool(mode)), **changes})


def test_the_drop_in_is_what_k3s_reads():
    text = distribution.render("k3s", FLAGS)
    assert yaml.safe_load(text) == {"kube-proxy-arg": FLAGS}
    assert "k3s.service" in text


@pytest.mark.parametrize(("have", "words", "actions"), [
    (observed("nftables"), {}, []),
    (observed("nftables", text="old"), {}, ["write", "restart"]),
    (observed("nftables", stale=True), {}, ["restart"]),  # a run that ended between the two
    (observed("iptables", text=None), {}, []),  # another mode: refused
    (observed("iptables", text=None), {"mode_change": "restart"}, ["write", "restart"]),
    (observed(None, text=None), {}, ["write"]),  # not running: it reads the file when it starts
    (observed(None, text=None, active=True), {}, ["write", "restart"]),
    (observed("nftables", text="old"), {"restarts": "hold"}, []),
    (observed("iptables"), {"text": None, "mode": "iptables"}, ["remove", "restart"]),
    (observed("iptables", text=None), {"text": None, "mode": "iptables"}, []),
    (observed(None, text=None, unit=""), {"text": None, "mode": "iptables"}, []),
])
def test_steps(have, words, actions):
    assert [step.action for step in plan(desired(**words), have).steps] == actions


def test_what_is_refused_or_left_is_named():
    assert "node1" in plan(desired(), observed("iptables")).warnings[0]
    assert "does not run" in plan(desired(), observed(None)).warnings[0]
    with pytest.raises(FairleadError, match=r"none of k3s.service, k3s-agent.service.*Install it first"):
        plan(desired(), observed(None, unit=""))
    with pytest.raises(FairleadError, match=r"kube-proxy.service runs a kube-proxy of its own.*Set .*systemd, or stop"):
        plan(desired(), observed("nftables", second=True))
    with pytest.raises(FairleadError, match=r"kube-proxy-arg: is set elsewhere: /a:1: x"):
        plan(desired(), observed("nftables", others=("/a:1: x",)))


@pytest.mark.parametrize(("text", "found"), [
    ("kube-proxy-arg:\n  - proxy-mode=ipvs\n", [":1: kube-proxy-arg"]),
    ("token: x\n'kube-proxy-arg+':\n  - v=4\n", [":2: kube-proxy-arg+"]),
    ('{"kube-proxy-arg": ["v=4"]}\n', [":1: kube-proxy-arg"]),
    ("disable-kube-proxy: true\n", [":1: disable-kube-proxy"]),
    ("# kube-proxy-arg:\ndisable-kube-proxy: false\nkube-proxy-arg: []\nkubelet-arg:\n- v=2\n", []),
])
def test_who_else_sets_the_flags(tmp_path, text, found):
    place = tmp_path / "etc/rancher/rke2/config.yaml.d"
    place.mkdir(parents=True)
    (place.parent / "config.yaml").write_text("token: x\n")
    (place / "50-other.yaml").write_text(text)
    (place / "50-other.yaml.bak").write_text("kube-proxy-arg: [v=1]\n")  # not read by rke2
    (place / distribution.NAME).write_text(distribution.render("rke2", FLAGS))
    assert list(distribution.others("rke2", str(tmp_path))) == [f"{place}/50-other.yaml{one}" for one in found]


class Systemd(Commands):
    """Two units, one of which is there; a restart is written down."""

    def __init__(self, unit, began, words=""):
        self.unit, self.began, self.words, self.restarted = unit, began, words, []

    def run(self, argv, timeout=30.0, stdin=None):
        if argv[1] == "is-active":
            return Result(3, "", "")
        if argv[1] == "restart":
            self.restarted.append(argv[2])
            return Result(0, "", "")
        if argv[2] != self.unit:
            return Result(0, "LoadState=not-found\nActiveState=inactive\nActiveEnterTimestampMonotonic=0\n", "")
        began = int(self.began * 1e6)
        return Result(0, f"LoadState=loaded\nActiveState=active\nActiveEnterTimestampMonotonic={began}\n"
                         f"ExecStart={{ argv[]=/usr/local/bin/k3s agent {self.words} ; }}\n", "")


@pytest.mark.parametrize(("age", "words", "others"), [
    (-60.0, "", ()), (60.0, "", ()),
    (60.0, "--kube-proxy-arg=v=4 --config /x",
     ("the command line of k3s-agent.service: --kube-proxy-arg", "the command line of k3s-agent.service: --config")),
])
def test_observed_is_what_is_there(tmp_path, monkeypatch, age, words, others):
    place = tmp_path / "etc/rancher/k3s/config.yaml.d" / distribution.NAME
    place.parent.mkdir(parents=True)
    place.write_text("x")
    written = time.time() - 1000
    os.utime(place, (written, written))
    monkeypatch.setattr(ask, "ask", lambda: Answer("iptables", True))
    systemd = Systemd("k3s-agent.service", time.monotonic() - 1000 + age, words)
    seen = distribution.observe(desired(), systemd, str(tmp_path))
    assert (seen.unit, seen.active, seen.text, seen.stale, seen.others) == (
        "k3s-agent.service", True, "x", age < 0, others)


@pytest.mark.parametrize("before", ["old", None])
def test_flags_with_which_it_does_not_serve_go_back(tmp_path, monkeypatch, before):
    monkeypatch.setattr(distribution, "home", lambda _name: str(tmp_path))
    place = tmp_path / "config.yaml.d" / distribution.NAME
    if before:
        place.parent.mkdir()
        place.write_text(before)
    systemd, waited = Systemd("k3s.service", 0), []

    def serve(mode, _families, _timeout, since):
        waited.append(mode)
        assert time.time() - 10 < since < time.time()
        if mode == "nftables":
            raise FairleadError("kube-proxy", "did not serve in nftables mode", "read its log")

    monkeypatch.setattr(ask, "wait_until_serving", serve)
    wish = desired(mode_change="restart")
    write, restart = plan(wish, observed("iptables", text=before)).steps
    distribution.apply(wish, write, systemd)
    assert place.read_text() == "new"
    with pytest.raises(FairleadError, match=r"previous flags and serves in iptables.*journalctl -u k3s"):
        distribution.apply(wish, restart, systemd)
    assert (place.read_text() if place.exists() else None) == before
    assert systemd.restarted == ["k3s.service"] * 2
    assert waited == ["nftables", "iptables"]


def test_the_process_from_before_a_restart_does_not_count(monkeypatch):
    metrics = ('process_start_time_seconds {}\n'
               'kubeproxy_sync_proxy_rules_last_timestamp_seconds{{ip_family="IPv4"}} 1.7e9\n')
    answers = iter([("iptables", 100.0), ("nftables", 1e9)])
    state = {}

    def get(_port, path):
        return 200, {"/proxyMode": state["now"][0], "/healthz": "{}"}.get(path, metrics.format(state["now"][1]))

    def turn(_seconds):
        state["now"] = next(answers)

    turn(0)
    monkeypatch.setattr(ask, "get", get)
    monkeypatch.setattr(ask.time, "sleep", turn)
    ask.wait_until_serving("nftables", ["IPv4"], 5.0, since=200.0)
    assert state["now"][0] == "nftables"
    state["now"] = ("iptables", 100.0)
    with pytest.raises(FairleadError, match="came up in iptables mode"):
        ask.wait_until_serving("nftables", ["IPv4"], 5.0)
