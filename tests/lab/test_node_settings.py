"""Kernel modules and settings on real nodes: predicted, as asked, named when they drift, and given back."""
from __future__ import annotations

import contextlib
import json
import os

import pytest

ROLES = "tests/lab/node_settings.yml"
OTHER = "/etc/sysctl.d/99-zz-other.conf"
# The largest profile with the node as owner of the connection table, and one key of each kind.
LARGE = {
    "node_sysctl_profile": "large", "node_sysctl_conntrack_owner": "node",
    "node_sysctl_conntrack": {"max": 100_000, "buckets": 30_000, "min": 0},
    "node_sysctl_extra": {"net.ipv4.tcp_fin_timeout": {"value": 45, "compare": "at_most"},
                          "net/ipv4/conf/lo/arp_ignore": 1, "net.ipv4.tcp_rmem": "4096 131072 7000000"},
}
# Read in one go; what changes by itself is left out.
EVERY_KEY = ("find /proc/sys/net -type f ! -name '*_count' ! -name '*secret' ! -path '*/veth*'"
             " ! -path '*nf_conntrack_expect*' -perm -u=r | sort | xargs grep -H . 2>/dev/null")


@pytest.fixture
def node(lab):
    """The node in nftables mode: nothing else of the suite works on it at this time."""
    return next(name for name, mode in lab.nodes.items() if mode == "nftables")


def run(lab, node, wish, *words):
    """The two roles on one node."""
    done = lab.playbook(ROLES, "--limit", node, "--extra-vars", json.dumps(wish), *words)
    assert done.ok
    return done


def keys(machine) -> dict[str, str]:
    lines = machine.run(EVERY_KEY).stdout.splitlines()
    return dict(line.partition(":")[::2] for line in lines)


def test_check_mode_shows_the_differences_of_the_real_run_and_the_way_back_is_complete(lab, node):
    machine = lab.machine(node)
    before = keys(machine)
    predicted = run(lab, node, LARGE, "--check", "--diff")
    assert keys(machine) == before
    real = run(lab, node, LARGE, "--diff")
    assert predicted.diffs == real.diffs
    assert len(real.diffs) == 1  # the modules are settled: the inventory asks for the same ones
    assert run(lab, node, LARGE).changed == set()
    assert_kernel_agrees(machine)
    run(lab, node, {})
    after = keys(machine)
    assert after == before, {key: (before.get(key), after.get(key)) for key in before if before[key] != after.get(key)}
    assert not machine.file("/etc/modprobe.d/fairlead-conntrack.conf").exists


def assert_kernel_agrees(machine) -> None:
    def value(path):
        return machine.file(path).content_string.split()

    assert value("/proc/sys/net/netfilter/nf_conntrack_max") == ["100000"]
    assert value("/sys/module/nf_conntrack/parameters/hashsize") == ["30208"]
    assert value("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established") == ["14400"]
    assert value("/proc/sys/net/ipv4/ip_local_reserved_ports") == ["30000-32767"]
    assert value("/proc/sys/net/ipv4/tcp_fin_timeout") == ["45"]
    assert value("/proc/sys/net/ipv4/tcp_rmem") == ["4096", "131072", "7000000"]
    assert int(value("/proc/sys/net/ipv4/neigh/default/gc_thresh3")[0]) >= 32768
    options = machine.file("/etc/modprobe.d/fairlead-conntrack.conf").content_string
    assert "options nf_conntrack hashsize=30208" in options


@contextlib.contextmanager
def damaged(machine):
    """A value set by hand, and a file that wins over ours at boot."""
    machine.check_output("sysctl -w net.bridge.bridge-nf-call-ip6tables=0")
    machine.check_output(f"printf '# other\\nnet.ipv4.ip_forward = 0\\n' > {OTHER}")
    try:
        yield
    finally:
        machine.check_output(f"rm -f {OTHER}")


def test_drift_names_the_value_and_the_file_with_its_line(lab, node):
    assert lab.playbook("playbooks/drift.yml", "--limit", "nodes").ok
    with damaged(lab.machine(node)):
        drift = lab.playbook("playbooks/drift.yml", "--limit", node)
        assert not drift.ok
        assert "net.bridge.bridge-nf-call-ip6tables is 0, asked is 1" in drift.output
        assert f"{OTHER}:2 sets net.ipv4.ip_forward = 0 at boot" in drift.output
    run(lab, node, {})
    assert lab.playbook("playbooks/drift.yml", "--limit", node).ok


def test_a_module_that_is_denied_is_named_with_its_line(lab, node):
    machine = lab.machine(node)
    machine.check_output("printf 'blacklist ip_vs_ovf\\n' > /etc/modprobe.d/zz-test.conf")
    try:
        wish = json.dumps({"kernel_modules_extra": ["ip_vs_ovf"]})
        refused = lab.playbook(ROLES, "--limit", node, "--extra-vars", wish)
    finally:
        machine.check_output("rm -f /etc/modprobe.d/zz-test.conf")
    assert not refused.ok
    assert "/etc/modprobe.d/zz-test.conf:1 has it on the deny list" in refused.output


def test_modules_that_a_mode_left_behind_are_unloaded_when_asked(lab, node):
    machine = lab.machine(node)
    run(lab, node, {"kernel_modules_extra": ["ip_vs_ovf"]})
    assert machine.run("grep -qw ^ip_vs_ovf /proc/modules").succeeded
    run(lab, node, {"kernel_modules_unload": True})
    assert machine.run("grep -qw ^ip_vs_ovf /proc/modules").failed
    assert run(lab, node, {}).changed == set()


@pytest.mark.skipif(not os.environ.get("SWEEP"), reason="long: make sweep-node-settings boots every node twice")
def test_every_mode_is_there_after_a_boot(lab):
    for node in lab.nodes:
        run(lab, node, LARGE)
        assert run(lab, node, LARGE).changed == set()
        machine = lab.machine(node)
        lab.power_off(node)
        lab.power_on()
        wish = json.dumps(LARGE)
        assert lab.playbook("playbooks/drift.yml", "--limit", node, "--extra-vars", wish).ok
        assert_kernel_agrees(machine)
        run(lab, node, {})
        assert lab.playbook("playbooks/drift.yml", "--limit", node).ok
