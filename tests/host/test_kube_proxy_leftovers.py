"""Leftovers in a real kernel, in a network namespace of their own: exactly kube-proxy's go, all else stays as it was.

The iptables programs are those of the lab's node image, since this machine need not have any; without it the test says
so and is skipped. Virtual servers need a kernel with IPVS and are tried on the lab's nodes.
"""
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import ansible.module_utils
import pytest
import yaml

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "module_utils"))

from ansible.module_utils.fairlead.command import Commands  # noqa: E402
from ansible.module_utils.fairlead.kube_proxy import leftovers, rules, surroundings  # noqa: E402

CACHE = Path(os.environ.get("FAIRLEAD_CACHE", "/var/cache/fairlead"))
TREES = sorted(CACHE.glob("rootfs-*/tree"))
RULES = (Path(__file__).parents[1] / "unit/cases/kube_proxy/iptables.save").read_text()
CASES = yaml.safe_load((Path(__file__).parents[1] / "unit/cases/kube_proxy/leftovers.yml").read_text())["cases"]
NAME = f"fairlead-left-{os.getpid()}"
# What is not kube-proxy's, and must be there afterwards.
FOREIGN = ["-A INPUT -p tcp -m tcp --dport 22 -j FOREIGN", "-A FOREIGN -j ACCEPT", "-A INPUT -j KUBE-FIREWALL",
           "-A POSTROUTING -s 10.9.0.0/16 -j MASQUERADE"]

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network namespace"),
    pytest.mark.skipif(not TREES, reason=f"no node image in {CACHE}: run make lab once"),
]


class Inside(Commands):
    """Every program in the namespace; those of the node image by chroot, ip and nft from this machine."""

    def run(self, argv, timeout=30.0, stdin=None):
        image = [] if argv[0] in ("ip", "nft") else ["chroot", str(TREES[-1])]
        return super().run(["ip", "netns", "exec", NAME, *image, *argv], timeout, stdin)


@pytest.fixture
def commands():
    subprocess.run(["ip", "netns", "add", NAME], check=True)
    inside = Inside()
    try:
        inside.check(["iptables-nft-restore"], stdin=RULES)
        inside.check(["nft", "add", "table", "ip", "kube-proxy"])
        inside.check(["nft", "add", "table", "inet", "firewall"])
        inside.check(["ip", "link", "add", "kube-ipvs0", "type", "bridge"])
        inside.check(["ip", "link", "add", "other0", "type", "bridge"])
        inside.check(["ipset", "create", "KUBE-CLUSTER-IP", "hash:ip,port"])
        inside.check(["ipset", "create", "KUBERNETES-OTHER", "hash:ip"])
        yield inside
    finally:
        subprocess.run(["ip", "netns", "delete", NAME], check=True)


def observe(commands):
    return rules.observe(commands, lambda name: name)


@pytest.mark.parametrize("case", CASES, ids=[case["running"] for case in CASES])
def test_exactly_what_the_running_mode_does_not_use_is_removed(commands, case):
    before = observe(commands)
    found = leftovers.find(before, case["running"])
    assert sorted(f"{one.kind} {one.name}" for one in found if one.kind == "chain") == sorted(
        f"chain IPv4 nft {chain}" for chain in case["chains"])
    for step in leftovers.plan(before, case["running"], ()).steps:
        leftovers.apply(step, commands)
    after = observe(commands)
    assert leftovers.find(after, case["running"]) == []
    assert leftovers.plan(after, case["running"], ()).steps == ()
    text = after.saved["IPv4", "nft"]
    assert [line for line in FOREIGN if line not in text.splitlines()] == []
    kept = set(before.saved["IPv4", "nft"].splitlines()) - set(text.splitlines())
    assert all("KUBE-" in line or line.startswith(("#", ":")) for line in kept), kept
    assert "KUBERNETES-OTHER" in after.sets
    assert "table inet firewall" in commands.check(["nft", "list", "tables"]).stdout
    assert commands.run(["ip", "link", "show", "other0"]).ok
    assert (after.addresses is not None) == (case["running"] == "ipvs")
    assert bool(after.nft) == (case["running"] == "nftables")


def test_a_rule_of_somebody_else_into_kube_proxys_chains_stops_it(commands):
    commands.check(["iptables-nft", "-t", "nat", "-A", "PREROUTING", "-j", "KUBE-SVC-AAAA"])
    with pytest.raises(leftovers.FairleadError, match="PREROUTING"):
        leftovers.plan(observe(commands), "nftables", ())


# Defects that preflight has to name: how each is made in the namespace, and the line it gets in nftables mode.
DEFECTS = {
    "FORWARD policy": ["iptables-nft", "-P", "FORWARD", "DROP"],
    "nftables chains": ["nft", "add", "chain", "inet", "firewall", "forward",
                        "{ type filter hook forward priority 0; policy drop; }"],
}


@pytest.mark.parametrize("subject", DEFECTS)
def test_a_defect_gets_its_line_and_no_other(commands, subject):
    def lines():
        return [found for found, _reason in surroundings.judge(
            "nftables", surroundings.observe(commands, which=lambda name: name if name != "systemctl" else None))]

    assert lines() == []
    commands.check(DEFECTS[subject])
    assert lines() == [subject]
