"""How kube-proxy as a pod is stopped and started. The API server is played here; a real one, with NodeRestriction and
the DaemonSet controller, is in tests/native/test_change_daemonset.py."""
from __future__ import annotations

import os

import pytest
from ansible.module_utils.fairlead.command import Commands, Result
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.daemonset_node import LABEL, WAY_BACK
from ansible.module_utils.fairlead.mode_change import objects, token_file, way_daemonset, ways
from ansible.module_utils.fairlead.mode_change.way_daemonset import DaemonSetWay
from ansible.module_utils.fairlead.mode_change.way_systemd import SystemdWay

RUNNING = {"containerStatuses": [{"state": {"running": {}}}]}


def pod(name):
    return {"metadata": {"ownerReferences": [{"kind": "DaemonSet", "name": name}]}, "status": RUNNING}


class Api:
    """One node, its pods, and a DaemonSet controller that takes `slow` looks to follow the label."""

    def __init__(self, slow=2):
        self.node = {"metadata": {"labels": {LABEL: "iptables-1"}, "annotations": {}}}
        self.pods, self.slow, self.patches, self.away = [pod("kube-proxy-iptables-1"), pod("cni")], slow, [], 0
        self._looks = 0

    def get(self, _access, path, **query):
        self._answer()
        if path == "/api/v1/nodes/n1":
            return self.node
        assert (path, query) == ("/api/v1/namespaces/kube-system/pods", {"fieldSelector": "spec.nodeName=n1"})
        self._looks += 1
        if self._looks > self.slow:
            label = self.node["metadata"]["labels"].get(LABEL)
            name = f"kube-proxy-{label}" if label else "kube-proxy"
            self.pods = [pod("cni"), *([] if label == "none" else [pod(name)])]
        return {"items": self.pods}

    def patch(self, _access, path, change, **query):
        self._answer()
        assert path == "/api/v1/nodes/n1"
        self.patches.append((change, query))
        if not query:
            for part, values in change["metadata"].items():
                for key, value in values.items():
                    self.node["metadata"][part].pop(key, None)
                    self.node["metadata"][part].update({} if value is None else {key: value})
        self._looks = 0

    def _answer(self):
        if self.away:
            self.away -= 1
            raise FairleadError("https://192.0.2.1", "the API server gives no answer", "look")


@pytest.fixture
def api(monkeypatch):
    made = Api()
    monkeypatch.setattr(objects, "get", made.get)
    monkeypatch.setattr(objects, "patch", made.patch)
    monkeypatch.setattr(way_daemonset, "_kubelet", lambda path: path)
    monkeypatch.setattr(way_daemonset, "processes", list)
    monkeypatch.setattr(way_daemonset, "POLL_SECONDS", 0.0)
    return made


def way(back="iptables-1", seconds=5.0, boot=None):
    return DaemonSetWay("n1", back, "/kubelet.conf", "token", seconds, boot=Boot([] if boot is None else boot))


class Boot:
    """Stands in for the unit; `said` gets what it was asked for."""

    def __init__(self, said):
        self._said = said

    def install(self):
        self._said.append("install")
        return "installed"

    def remove(self, *, stop):
        self._said.append(("remove", stop))
        if "refuse" in self._said:
            raise FairleadError("systemctl", "says no", "look")


def go_on():
    """Nobody told the change to stop."""


def test_the_label_moves_by_way_of_none_and_the_way_back_is_noted(api):
    way().stop(go_on)
    assert api.node["metadata"] == {"labels": {LABEL: "none"}, "annotations": {WAY_BACK: "iptables-1"}}
    assert api.pods == [pod("cni")]
    way().start("nftables-2", go_on)
    assert api.node["metadata"] == {"labels": {LABEL: "nftables-2"}, "annotations": {WAY_BACK: "iptables-1"}}
    assert way().is_at("nftables-2")
    assert way().finish() == ""
    assert api.node["metadata"] == {"labels": {LABEL: "nftables-2"}, "annotations": {}}


def test_kubeadms_own_place_is_no_label(api):
    way().start("", go_on)
    assert api.node["metadata"]["labels"] == {}
    assert way(back="").is_at("")


def test_trying_it_out_changes_nothing(api):
    before = dict(api.node["metadata"]["labels"])
    way().try_out()
    assert [query for _change, query in api.patches] == [{"dryRun": "All"}]
    assert api.node["metadata"]["labels"] == before


def test_an_api_server_that_is_away_is_asked_again(api):
    api.away = 3
    way().stop(go_on)
    assert api.pods == [pod("cni")]


def test_each_wait_ends_and_says_for_what_it_was(api):
    api.away = 10**9
    with pytest.raises(FairleadError, match=r"waited 0 s for the API server to take the label of n1; the last try: .*"
                                            "gives no answer"):
        way(seconds=0.0).stop(go_on)
    api.away, api.slow = 0, 10**9
    with pytest.raises(FairleadError, match=r"waited 0 s for the pod of kube-proxy on n1 to end"):
        way(seconds=0.0).stop(go_on)
    with pytest.raises(FairleadError, match=r"waited 0 s for the pod of kube-proxy-nftables-2 on n1 to run"):
        way(seconds=0.0).start("nftables-2", go_on)


def test_a_pod_has_not_ended_while_its_process_lives(api, monkeypatch):
    living = [[4711], [4711], []]
    monkeypatch.setattr(way_daemonset, "processes", lambda: living.pop(0))
    way().stop(go_on)
    assert living == []


def test_a_wait_ends_when_the_change_is_told_to_stop(api):
    def told():
        raise FairleadError("mode change", "it was told to stop", "run it again")

    with pytest.raises(FairleadError, match="told to stop"):
        way().stop(told)
    assert api.patches == []


def test_an_end_that_cannot_be_said_is_no_failure(api):
    api.away = 1
    assert "stays on the node" in way().finish()


def test_without_a_token_nothing_begins():
    with pytest.raises(FairleadError, match="was given none"):
        DaemonSetWay("n1", "", "/kubelet.conf", "", 1.0, boot=Boot([])).access()


def test_the_unit_for_a_boot_is_there_as_long_as_the_change(api):
    asked, said = [], []
    changing = way(boot=asked)
    changing.prepare(said.append)
    assert (asked, said) == (["install"], ["installed"])
    assert changing.finish() == ""
    assert asked == ["install", ("remove", True)]


def test_a_unit_that_stays_is_said_and_is_no_failure(api):
    assert "stays until the node boots, and does nothing then: systemctl: says no" in way(boot=["refuse"]).finish()


def test_processes_of_this_network_namespace_that_have_not_ended(tmp_path):
    def process(number, stat, network):
        (tmp_path / number / "ns").mkdir(parents=True)
        (tmp_path / number / "stat").write_text(stat)
        os.symlink(network, tmp_path / number / "ns/net")

    process("self", "", "net:[1]")
    process("10", "10 (kube-proxy) S 1 10", "net:[1]")
    process("11", "11 (kube-proxy) Z 1 11", "net:[1]")
    process("12", "12 (kube-proxy) S 1 12", "net:[2]")
    process("13", "13 (kube-proxy-x) S 1 13", "net:[1]")
    process("14", "14 (a (b) c) S 1 14", "net:[1]")
    (tmp_path / "15").mkdir()  # it ended meanwhile
    assert way_daemonset.processes(tmp_path) == [10]


def test_a_unit_is_stopped_configured_and_started(tmp_path):
    class Said(Commands):
        def run(self, argv, timeout=30.0, stdin=None):
            said.append((*argv, path.read_text()))
            return Result(0, "", "")

    said, path = [], tmp_path / "kube-proxy.yaml"
    path.write_text("old")
    unit = SystemdWay(str(path), "/kubeconfig", Said())
    assert unit.is_at("old")
    unit.prepare(said.append)  # it is enabled already
    unit.stop(go_on)
    unit.configure("new")
    unit.start("new", go_on)
    assert said == [("systemctl", "stop", "kube-proxy.service", "old"),
                    ("systemctl", "start", "kube-proxy.service", "new")]
    assert unit.is_at("new")
    assert unit.finish() == ""


def test_a_token_is_read_once(tmp_path):
    path = str(tmp_path / "token")
    token_file.leave("secret", path)
    assert oct(os.stat(path).st_mode & 0o777) == "0o600"
    assert token_file.take(path) == "secret"
    assert token_file.take(path) == ""
    assert not os.path.exists(path)


def test_a_request_chooses_the_way():
    request = {"node": "n1", "old": "", "kubeconfig": "/k", "timeout": 1.0, "path": "/p"}
    assert isinstance(ways.of(request, "", None), SystemdWay)  # journals from before there were two
    assert isinstance(ways.of({**request, "way": "systemd"}, "", None), SystemdWay)
    assert isinstance(ways.of({**request, "way": "daemonset"}, "t", None), DaemonSetWay)
