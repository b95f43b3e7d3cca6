"""From settings and a node's files to steps; and the steps' effects on those files."""
from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.sysctl_observe import observe, parse_dropin
from ansible.module_utils.fairlead.sysctl_plan import Desired, apply, check_path, plan, report
from ansible.module_utils.fairlead.sysctl_settings import parse

RELEASE = "6.12.1"
FORWARD = "net.ipv4.ip_forward"
BRIDGE = "net.bridge.bridge-nf-call-iptables"


class Node:
    """A directory that looks like a node's root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dropin = root / "etc/sysctl.d/90-fairlead.conf"
        self.write("etc/os-release", "ID=debian\n")
        self.key("net/ipv4/ip_forward", "0")

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def key(self, path: str, value: str) -> None:
        self.write(f"proc/sys/{path}", value + "\n")

    def value(self, path: str) -> str:
        return (self.root / "proc/sys" / path).read_text().strip()

    def loadable(self, *names: str) -> None:
        self.write(f"lib/modules/{RELEASE}/modules.dep", "".join(f"kernel/net/{name}.ko.xz:\n" for name in names))

    def loaded(self, name: str) -> None:
        self.write("proc/modules", f"{name} 1 0 - Live 0x0\n")

    def desired(self, settings: dict) -> Desired:
        return Desired(parse(settings), str(self.dropin))

    def plan(self, settings: dict):
        desired = self.desired(settings)
        return plan(desired, self.observe(desired))

    def observe(self, desired: Desired):
        return observe(desired.parsed.settings, desired.path, str(self.root), RELEASE)

    def run(self, settings: dict) -> list[str]:
        """What a real run does: the steps; then nothing is left."""
        planned = self.plan(settings)
        for step in planned.steps:
            apply(self.desired(settings), step, str(self.root))
        assert not self.plan(settings).changed
        return planned.describe()


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def test_sets_the_live_value_and_writes_the_dropin(node):
    assert node.run({FORWARD: 1}) == [f"set {FORWARD}", f"write {node.dropin}"]
    assert node.value("net/ipv4/ip_forward") == "1"
    assert [line for line in node.dropin.read_text().splitlines() if line[0] != "#"] == [f"{FORWARD} = 1"]
    desired = node.desired({FORWARD: 1})
    assert report(desired, node.observe(desired)) == {"file": str(node.dropin), "settings": {FORWARD: "1"}}


def test_live_value_and_dropin_are_judged_apart(node):
    node.run({FORWARD: 1})
    node.key("net/ipv4/ip_forward", "0")
    assert node.plan({FORWARD: 1}).describe() == [f"set {FORWARD}"]
    node.key("net/ipv4/ip_forward", "1")
    node.dropin.write_text(node.dropin.read_text() + "# by hand\n")
    assert node.plan({FORWARD: 1}).describe() == [f"write {node.dropin}"]


def test_no_keys_remove_the_dropin(node):
    node.run({FORWARD: 1})
    assert node.run({}) == [f"remove {node.dropin}"]
    assert not node.dropin.exists()
    assert node.value("net/ipv4/ip_forward") == "1"
    assert node.run({}) == [f"all 0 keys are as asked, in the kernel and in {node.dropin}"]


def test_the_kernels_tabs_are_no_difference(node):
    node.key("net/ipv4/tcp_rmem", "4096\t131072\t6291456")
    node.run({"net.ipv4.tcp_rmem": "4096 131072  6291456"})
    assert node.value("net/ipv4/tcp_rmem") == "4096\t131072\t6291456"


def test_a_floor_keeps_what_is_larger_live_and_at_boot(node):
    floor = {"net.core.somaxconn": {"value": 100, "compare": "at_least"}}
    node.key("net/core/somaxconn", "500")
    assert node.run(floor) == [f"write {node.dropin}"]
    assert "net.core.somaxconn = 500\n" in node.dropin.read_text()
    node.key("net/core/somaxconn", "900")
    assert not node.plan(floor).changed
    node.key("net/core/somaxconn", "50")
    assert node.run(floor) == ["set net.core.somaxconn"]
    assert node.value("net/core/somaxconn") == "100"


def test_all_that_is_wrong_stands_in_one_error(node):
    with pytest.raises(FairleadError) as caught:
        node.plan({FORWARD: True, "net.ipv4.ip_forwrad": 1, "net.ipv6.conf.all.forwarding": 1,
                   "net.ipv4.vs.conntrack": 1})
    message = str(caught.value)
    for part in ("ip_forward: true is a boolean", "ip_forwrad: the kernel has no such key", "IPv6 switched off",
                 f"comes with module ip_vs, which kernel {RELEASE} does not have", "nothing was changed"):
        assert part in message
    assert not node.dropin.exists()


def test_module_is_there_and_the_key_is_not(node):
    node.loaded("br_netfilter")
    with pytest.raises(FairleadError, match="module br_netfilter is loaded but has no such key"):
        node.plan({"net.bridge.bridge-nf-call-iptable": 1})


def test_fresh_node_is_predicted_as_the_real_run_then_goes(node):
    """The kernel makes this key with value 1, so that the run after the module is loaded has nothing to set."""
    settings = {FORWARD: 1, BRIDGE: 1}
    node.loadable("br_netfilter")
    predicted = node.plan(settings)
    node.loaded("br_netfilter")
    node.key("net/bridge/bridge-nf-call-iptables", "1")
    real = node.plan(settings)
    assert predicted.describe() == real.describe() == [f"set {FORWARD}", f"write {node.dropin}"]
    assert predicted.diff() == real.diff()


def test_fresh_node_with_another_value_than_the_kernels(node):
    node.loadable("br_netfilter")
    predicted = node.plan({BRIDGE: 0})
    node.loaded("br_netfilter")
    node.key("net/bridge/bridge-nf-call-iptables", "1")
    assert predicted.diff() == node.plan({BRIDGE: 0}).diff()
    assert predicted.describe() == [f"set {BRIDGE}", f"write {node.dropin}"]


def test_key_with_an_unknown_first_value_is_planned(node):
    node.loadable("nf_conntrack")
    step = node.plan({"net.netfilter.nf_conntrack_max": 1000}).steps[0]
    assert (step.action, step.before, step.after) == ("set", "", "1000")


def test_a_real_run_without_the_module_changes_nothing(node):
    node.loadable("br_netfilter")
    settings = {FORWARD: 1, BRIDGE: 1}
    for step in node.plan(settings).steps:
        with pytest.raises(FairleadError, match=rf"{BRIDGE}: not there .* br_netfilter is not loaded"):
            apply(node.desired(settings), step, str(node.root))
    assert node.value("net/ipv4/ip_forward") == "0"
    assert not node.dropin.exists()


def test_a_real_run_that_has_only_the_module_to_miss_fails_too(node):
    node.loaded("br_netfilter")
    node.key("net/bridge/bridge-nf-call-iptables", "1")
    node.run({BRIDGE: 1})
    (node.root / "proc/sys/net/bridge/bridge-nf-call-iptables").unlink()
    node.loaded("bridge")
    node.loadable("br_netfilter")
    steps = node.plan({BRIDGE: 1}).steps
    assert [step.describe() for step in steps] == [f"expect {BRIDGE}"]
    with pytest.raises(FairleadError, match="br_netfilter"):
        apply(node.desired({BRIDGE: 1}), steps[0], str(node.root))


def test_a_group_is_no_key(node):
    with pytest.raises(FairleadError, match="group of keys"):
        node.plan({"net.ipv4": 1})


def test_a_refused_value_leaves_no_dropin(node):
    settings = {FORWARD: 1}
    steps = node.plan(settings).steps
    (node.root / "proc/sys/net/ipv4/ip_forward").unlink()
    with pytest.raises(FairleadError, match=r"net\.ipv4\.ip_forward='1': the kernel does not take"):
        apply(node.desired(settings), steps[0], str(node.root))


def test_dropin_lines():
    assert parse_dropin("# c\n; c\nnet.ipv4.ip_forward=1\n-net/ipv4/x = a\tb\nrubbish\n*=1\n") == {
        "net/ipv4/ip_forward": "1", "net/ipv4/x": "a b"}
    assert parse_dropin(None) == {}


@pytest.mark.parametrize("path", ["90-fairlead.conf", "/etc/sysctl.d/90-fairlead"])
def test_a_path_that_systemd_would_not_read(path):
    with pytest.raises(FairleadError, match="end in"):
        check_path(path)
