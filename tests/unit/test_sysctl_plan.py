"""From settings and a node's files to steps; and the steps' effects on those files."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.sysctl_apply import report
from ansible.module_utils.fairlead.sysctl_files import check_path
from ansible.module_utils.fairlead.sysctl_observe import parse_dropin
from sysctl_node import BRIDGE, FORWARD, RELEASE, Node


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def test_sets_the_live_value_and_writes_the_dropin(node):
    assert node.run({FORWARD: 1}) == [f"set {FORWARD}", f"write {node.dropin}"]
    assert node.value("net/ipv4/ip_forward") == "1"
    assert [line for line in node.dropin.read_text().splitlines() if line[0] != "#"] == [f"{FORWARD} = 1"]
    desired = node.desired({FORWARD: 1})
    shown = report(desired, node.observe(desired), {})
    assert (shown["settings"], shown["findings"], shown["conntrack"]) == ({FORWARD: "1"}, [], {})
    assert shown["boot"] == {FORWARD: {"value": "1", "place": "/etc/sysctl.d/90-fairlead.conf:3"}}


def test_each_key_beside_its_wish(node):
    node.key("net/core/somaxconn", "900")
    node.key("net/ipv4/tcp_rmem", "4096\t131072\t6291456")
    node.loadable("br_netfilter")
    desired = node.desired({FORWARD: 1, "net.core.somaxconn": {"value": 100, "compare": "at_least"},
                            "net.ipv4.tcp_rmem": "4096 131072 6291456", BRIDGE: {"value": 1, "late": True}})
    rows = {row["setting"]: (row["wished"], row["found"], row["same"])
            for row in report(desired, node.observe(desired), {})["compared"]}
    assert rows == {FORWARD: ("1", "0", False), "net.core.somaxconn": ("at least 100", "900", True),
                    "net.ipv4.tcp_rmem": ("4096 131072 6291456", "4096 131072 6291456", True),
                    BRIDGE: ("1", "not there", None)}


def test_live_value_and_dropin_are_judged_apart(node):
    node.run({FORWARD: 1})
    node.key("net/ipv4/ip_forward", "0")
    assert node.steps({FORWARD: 1}) == [f"set {FORWARD}"]
    node.key("net/ipv4/ip_forward", "1")
    node.dropin.write_text(node.dropin.read_text() + "# by hand\n")
    assert node.steps({FORWARD: 1}) == [f"write {node.dropin}"]


def test_no_keys_remove_the_dropin_and_give_the_value_back(node):
    node.run({FORWARD: 1})
    assert node.run({}) == [f"restore {FORWARD}", f"remove {node.dropin}"]
    assert not node.dropin.exists()
    assert not node.journal.exists()
    assert node.value("net/ipv4/ip_forward") == "0"
    assert node.plan({}).describe() == ["no key is asked for, and none is kept"]


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
    assert predicted.diff() == real.diff()
    assert predicted.describe() == [
        f"write {node.journal}", f"set {FORWARD}", f"write {node.dropin}", f"write {node.udev}"]


def test_fresh_node_with_another_value_than_the_kernels(node):
    node.loadable("br_netfilter")
    predicted = node.plan({BRIDGE: 0})
    node.loaded("br_netfilter")
    node.key("net/bridge/bridge-nf-call-iptables", "1")
    assert predicted.diff() == node.plan({BRIDGE: 0}).diff()
    assert node.steps({BRIDGE: 0}) == [f"set {BRIDGE}", f"write {node.dropin}"]


def test_key_with_an_unknown_first_value_is_planned(node):
    node.loadable("nf_conntrack")
    step = node.plan({"net.netfilter.nf_conntrack_expect_max": 1000}).steps[1]
    assert (step.action, step.before, step.after) == ("set", "", "1000")


def test_a_real_run_without_the_module_changes_nothing(node):
    node.loadable("br_netfilter")
    settings = {FORWARD: 1, BRIDGE: 1}
    for step in node.plan(settings).steps:
        with pytest.raises(FairleadError, match=rf"{BRIDGE}: not there .* br_netfilter is not loaded"):
            node.applier(settings)(step)
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
        node.applier({BRIDGE: 1})(steps[0])


def test_a_group_is_no_key(node):
    with pytest.raises(FairleadError, match="group of keys"):
        node.plan({"net.ipv4": 1})


def test_a_refused_value_leaves_no_dropin(node):
    settings = {FORWARD: 1}
    steps = node.plan(settings).steps
    (node.root / "proc/sys/net/ipv4/ip_forward").unlink()
    with pytest.raises(FairleadError, match=r"net\.ipv4\.ip_forward='1': the kernel does not take"):
        node.applier(settings)(steps[1])


def test_dropin_lines():
    assert parse_dropin("# c\n; c\nnet.ipv4.ip_forward=1\n-net/ipv4/x = a\tb\nrubbish\n*=1\n") == {
        "net/ipv4/ip_forward": "1", "net/ipv4/x": "a b"}
    assert parse_dropin(None) == {}


@pytest.mark.parametrize("path", ["90-fairlead.conf", "/etc/sysctl.d/90-fairlead"])
def test_a_path_that_systemd_would_not_read(path):
    with pytest.raises(FairleadError, match="end in"):
        check_path(path)


LATE = {"net.ipv4.vs.conntrack": {"value": 1, "late": True}}


def test_a_late_key_waits_for_its_module_with_a_rule_and_no_error(node):
    node.loadable("ip_vs")
    assert node.run(LATE) == [f"write {node.dropin}"]
    assert "\n-net.ipv4.vs.conntrack = 1\n" in node.dropin.read_text()
    assert 'KERNEL=="ip_vs", RUN+="/lib/systemd/systemd-sysctl --prefix=/net/ipv4/vs"' in node.udev.read_text()
    node.loaded("ip_vs")
    node.key("net/ipv4/vs/conntrack", "0")
    assert node.run(LATE) == ["set net.ipv4.vs.conntrack"]
    assert node.value("net/ipv4/vs/conntrack") == "1"


def test_a_late_key_whose_module_nobody_has_is_an_error(node):
    with pytest.raises(FairleadError, match="comes with module ip_vs, which kernel"):
        node.plan(LATE)


def test_a_floor_does_not_lower_at_boot_what_another_file_raises(node):
    node.key("net/core/somaxconn", "4096")
    node.write("usr/lib/sysctl.d/50-x.conf", "net.core.somaxconn = 9000\n")
    node.run({"net.core.somaxconn": {"value": 300, "compare": "at_least"}})
    assert "net.core.somaxconn = 9000\n" in node.dropin.read_text()


def test_a_later_file_that_agrees_is_no_finding(node):
    node.write("etc/sysctl.d/99-zz.conf", f"{FORWARD} = 1\n")
    assert node.plan({FORWARD: 1}).warnings == ()
    node.write("etc/sysctl.d/99-zz.conf", f"\n{FORWARD} = 0\n")
    said = f"/etc/sysctl.d/99-zz.conf:2 sets {FORWARD} = 0 at boot and wins"
    assert node.plan({FORWARD: 1}).warnings[0].startswith(said)


def test_sysctl_conf_is_a_finding_of_its_own(node):
    node.write("etc/sysctl.conf", f"{FORWARD} = 0\n")
    assert "whenever somebody runs `sysctl --system`" in node.plan({FORWARD: 1}).warnings[0]


def test_a_value_set_by_hand_is_not_the_nodes_earlier_value(node):
    node.run({FORWARD: 1})
    node.key("net/ipv4/ip_forward", "2")
    node.run({FORWARD: 1})
    node.run({})
    assert node.value("net/ipv4/ip_forward") == "0"


def test_a_refused_key_stays_out_of_the_dropin_and_the_others_go_on(node):
    node.key("net/core/somaxconn", "128")
    settings = {FORWARD: 1, "net.core.somaxconn": 300}
    planned, apply = node.plan(settings), node.applier(settings)
    (node.root / "proc/sys/net/core/somaxconn").unlink()
    refused = []
    for step in planned.steps:
        try:
            apply(step)
        except FairleadError as error:
            assert step.independent
            refused.append(error.field)
    assert refused == ["net.core.somaxconn"]
    assert "somaxconn" not in node.dropin.read_text()
    assert f"{FORWARD} = 1" in node.dropin.read_text()


def test_elements_of_a_list_that_are_wanted_no_longer_go(node):
    key = "net.ipv4.ip_local_reserved_ports"
    node.key("net/ipv4/ip_local_reserved_ports", "8080")
    node.run({key: {"value": "30000-30010", "compare": "includes"}})
    node.run({key: {"value": "30005-30020", "compare": "includes"}})
    assert node.value("net/ipv4/ip_local_reserved_ports") == "8080,30005-30020"
    assert f"{key} = 8080,30005-30020\n" in node.dropin.read_text()
    node.run({})
    assert node.value("net/ipv4/ip_local_reserved_ports") == "8080"
