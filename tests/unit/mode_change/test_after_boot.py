"""What a node does at boot that lost power in the middle of a change, and the unit that makes it do so."""
from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from ansible.module_utils.fairlead.command import Commands, Result
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.daemonset_node import LABEL, WAY_BACK
from ansible.module_utils.fairlead.mode_change import after_boot, boot_unit, objects, start, way_daemonset
from ansible.module_utils.fairlead.mode_change.after_boot import Decision, decide
from ansible.module_utils.fairlead.mode_change.boot_unit import NAME, BootUnit
from ansible.module_utils.fairlead.mode_change.journal import Journal

LEFT = {"way": "daemonset", "outcome": "open", "phase": "configure", "node": "n1", "old": "iptables-1",
        "new": "nftables-2", "kubeconfig": "/kubelet.conf"}
ROLE = "the next run of role kube_proxy takes the change up again"


@pytest.mark.parametrize(("state", "bridged", "label", "decision"), [
    (None, False, "", Decision(False, True, "no change of the mode is open")),
    (LEFT, True, "none", Decision(False, False, f"the bridge serves; {ROLE}")),
    (LEFT, True, "nftables-2", Decision(False, False, f"the bridge serves; {ROLE}")),
    (LEFT, False, "nftables-2", Decision(
        False, True, f"label {LABEL} names kube-proxy-nftables-2, so its kube-proxy starts; {ROLE}")),
    (LEFT, False, "iptables-1", Decision(
        False, True, f"label {LABEL} names kube-proxy-iptables-1, so its kube-proxy starts; {ROLE}")),
    (LEFT, False, "", Decision(False, True, f"label {LABEL} names kube-proxy, so its kube-proxy starts; {ROLE}")),
    (LEFT, False, "none", Decision(
        True, True, "a boot found the change left in phase configure and no kube-proxy meant to start; the label names "
                    "kube-proxy-iptables-1 again, as before the change")),
    ({**LEFT, "outcome": "stuck", "old": ""}, False, "none", Decision(
        True, True, "a boot found the change left in phase configure and no kube-proxy meant to start; the label names "
                    "kube-proxy again, as before the change")),
])
def test_what_is_done(state, bridged, label, decision):
    assert decide(state, bridged, label) == decision


class Node:
    """A node after its boot: its label at the API server, its kernel and its systemd."""

    def __init__(self, place):
        self.journal, self.unit, self.bridged, self.away, self.refused = Journal(str(place)), place / NAME, False, 0, 0
        self.said, self.patches, self.meanwhile = [], [], lambda: None
        self.object = {"metadata": {"name": "n1", "resourceVersion": "7", "labels": {LABEL: "none"},
                                    "annotations": {WAY_BACK: "iptables-1"}}}
        self.unit.write_text("unit")

    def left(self, **more):
        self.journal.write({**LEFT, **more})
        return self

    def label(self, label):
        self.object["metadata"]["labels"][LABEL] = label
        return self

    def boot(self):
        return after_boot.run(self.journal, BootUnit(self, str(self.unit.parent)), self)

    def get(self, access, path):
        if self.away:
            raise FairleadError("https://192.0.2.1", "the API server gives no answer", "look")
        assert (access, path) == ("/kubelet.conf", "/api/v1/nodes/n1")
        self.meanwhile()
        return self.object

    def patch(self, access, path, change):
        assert (access, path) == ("/kubelet.conf", "/api/v1/nodes/n1")
        assert self.journal.busy()
        self.patches.append(change["metadata"])

    def run(self, argv, timeout=30.0, stdin=None):
        assert argv[:2] == ["nft", "list"]
        return Result(0 if self.bridged else 1, "", "")

    def check(self, argv, timeout=30.0, stdin=None):
        assert self.journal.busy()
        self.said.append(argv)


@pytest.fixture
def node(tmp_path, monkeypatch):
    made = Node(tmp_path)
    monkeypatch.setattr(objects, "get", made.get)
    monkeypatch.setattr(objects, "patch", made.patch)
    monkeypatch.setattr(way_daemonset, "_kubelet", lambda path: path)
    return made


@pytest.mark.parametrize(("old", "label"), [("iptables-1", "iptables-1"), ("", None)])
def test_the_label_goes_back_and_the_change_is_ended(node, old, label):
    assert "as before the change" in node.left(old=old).boot()
    assert node.patches == [{"resourceVersion": "7", "labels": {LABEL: label}, "annotations": {WAY_BACK: None}}]
    state = node.journal.read()
    assert (state["outcome"], state["phase"]) == ("rolled back", "configure")
    assert "a boot found the change left in phase configure" in state["text"]
    assert state["text"] in node.journal.log()[-1]
    assert node.journal.left() is None  # the next run of the role begins a change of its own
    assert node.said == [["systemctl", "disable", NAME], ["systemctl", "daemon-reload"]]
    assert not node.unit.exists()


@pytest.mark.parametrize(("outcome", "label", "bridged", "unit"), [
    ("open", "nftables-2", False, False), ("open", "iptables-1", False, False), ("stuck", "nftables-2", False, False),
    ("open", "none", True, True), ("done", "none", False, False), ("rolled back", "none", False, False)])
def test_else_the_journal_stays_as_it_is(node, outcome, label, bridged, unit):
    node.left(outcome=outcome).label(label).bridged = bridged
    node.boot()
    assert node.patches == []
    assert node.journal.read()["outcome"] == outcome
    assert node.journal.log() == []
    assert node.unit.exists() == unit


def test_a_change_under_systemd_is_none_of_its_business(node):
    assert node.left(way="systemd").boot() == "no change of the mode is open"
    assert not node.unit.exists()


def test_an_api_server_that_is_away_changes_nothing(node):
    node.left().away = 1
    with pytest.raises(FairleadError, match="gives no answer"):
        node.boot()
    assert node.journal.read()["outcome"] == "open"
    assert node.unit.exists()


def test_a_guard_at_work_is_left_alone(node, monkeypatch):
    monkeypatch.setattr(after_boot, "PATIENCE_SECONDS", 0.0)
    guard = node.left().journal.take()
    with pytest.raises(FairleadError, match="another change of this node's mode is under way"):
        node.boot()
    os.close(guard)
    assert node.patches == []
    assert node.unit.exists()


@pytest.mark.parametrize("more", [{"outcome": "done"}, {"bridged": True}])
def test_what_counts_is_what_stands_there_under_the_lock(node, more):
    """A guard that came and went while the API server was being asked."""
    def meanwhile():
        node.bridged = bool(more.get("bridged"))
        node.left(outcome=more.get("outcome", "open"))

    node.left().meanwhile = meanwhile
    node.boot()
    assert node.patches == []


def test_the_words_say_for_what_it_waits(node, monkeypatch, capsys):
    node.left().away = 1
    monkeypatch.setattr(sys, "argv", ["guard.zip", str(node.unit.parent), "after-boot"])
    with pytest.raises(SystemExit) as ended:
        after_boot.main()
    assert ended.value.code == 75
    assert "tries again in 10 s: https://192.0.2.1: the API server gives no answer" in capsys.readouterr().out


class Systemd(Commands):
    def __init__(self, wants=None, status=0):
        self.said, self._wants, self._status = [], wants, status

    def run(self, argv, timeout=30.0, stdin=None):
        self.said.append(argv)
        if self._wants:
            self._wants.mkdir(exist_ok=True)
        return Result(self._status, "", "no")


def first(tmp_path, name="systemd"):
    (tmp_path / "comm").write_text(f"{name}\n")
    return str(tmp_path / "comm")


def test_the_unit_is_enabled_and_not_started(tmp_path):
    systemd = Systemd(tmp_path / "multi-user.target.wants")
    assert NAME in BootUnit(systemd, str(tmp_path), first(tmp_path)).install()
    assert systemd.said == [["systemctl", "enable", NAME]]
    assert (tmp_path / NAME).read_text() == boot_unit.render(sys.executable)


def test_without_systemd_there_is_no_unit(tmp_path):
    systemd = Systemd()
    assert "nothing brings kube-proxy back" in BootUnit(systemd, str(tmp_path), first(tmp_path, "python3")).install()
    BootUnit(systemd, str(tmp_path)).remove(stop=True)
    assert systemd.said == []
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("wants", [True, False])
def test_a_unit_that_cannot_be_enabled_ends_the_change_and_is_not_left(tmp_path, wants):
    systemd = Systemd(tmp_path / "multi-user.target.wants" if wants else None, status=int(wants))
    with pytest.raises(FairleadError, match="cannot be enabled, and without it no kube-proxy would start"):
        BootUnit(systemd, str(tmp_path), first(tmp_path)).install()
    assert not (tmp_path / NAME).exists()


def test_a_guard_also_ends_what_still_waits(tmp_path):
    systemd = Systemd()
    (tmp_path / NAME).write_text("unit")
    BootUnit(systemd, str(tmp_path)).remove(stop=True)
    assert systemd.said == [["systemctl", "disable", "--now", NAME], ["systemctl", "daemon-reload"]]
    assert not (tmp_path / NAME).exists()


def test_the_units_text():
    lines = boot_unit.render("/opt/100%/python3").splitlines()
    assert lines[0] == "# Written by Fairlead; changes made here are overwritten."
    assert any(line.startswith("# To undo: systemctl disable fairlead-mode-change-boot.service") for line in lines)
    place = "/var/lib/fairlead/mode-change"
    assert f"ExecStart=/opt/100%%/python3 {place}/guard.zip {place} after-boot" in lines
    assert {"Type=oneshot", "After=network-online.target kubelet.service", "Restart=on-failure", "RestartSec=10",
            "TimeoutStartSec=5min", "StartLimitBurst=4000", "WantedBy=multi-user.target",
            f"ConditionPathExists={place}/guard.zip"} <= set(lines)


def test_the_guards_archive_holds_it(tmp_path):
    """By itself, with no Ansible beside it: a closed journal, so that it asks nobody."""
    Journal(str(tmp_path)).write({**LEFT, "outcome": "done"})
    start.bundle(str(tmp_path / "guard.zip"))
    start.bundle(str(tmp_path / "guard.zip"))
    done = subprocess.run([sys.executable, str(tmp_path / "guard.zip"), str(tmp_path), boot_unit.WORD], check=False,
                          capture_output=True, text=True, timeout=60, cwd="/")
    assert (done.returncode, done.stdout) == (0, "no change of the mode is open\n"), done.stderr
    assert json.loads((tmp_path / "state.json").read_text())["outcome"] == "done"
    assert sorted(os.listdir(tmp_path)) == ["guard.zip", "lock", "state.json"]


def test_a_guard_whose_change_a_boot_has_ended_does_nothing(tmp_path):
    Journal(str(tmp_path)).write({**LEFT, "outcome": "rolled back"})
    start.bundle(str(tmp_path / "guard.zip"))
    done = subprocess.run([sys.executable, str(tmp_path / "guard.zip"), str(tmp_path)], check=False,
                          capture_output=True, text=True, timeout=60, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "journal.log").exists()
