"""A live change out of ipvs and its rollback by hand leave the node as it was, and connections their translation.

Asked of the kernel before, between and after. Part of make sweep-change.
"""
from __future__ import annotations

import json
import os
import re
import time

import pytest
from ansible.module_utils.fairlead.probe.summary import summarize
from lab_traffic import WEB, Services, Traffic, flows

NODE = "node1"
RATE = float(os.environ.get("RATE", "10"))  # less on a slow machine
PLAY = {"change_mode_soak": 4, "probe_flows": []}  # the load here is the probe
# Everything that kube-proxy writes in any mode. Counters, handles, seeds of hashes and the order of ipset's members say
# nothing.
DUMPS = {
    "iptables": "iptables-save; ip6tables-save", "nftables": "nft --stateless list ruleset", "ipsets": "ipset save",
    "virtual servers": "ipvsadm --save --numeric",
    "addresses": "ip -brief address show dev kube-ipvs0 | tr -s ' ' '\\n'",
    "routes": "ip route show table local; ip -6 route show table local",
    "settings": "sysctl --all 2>/dev/null | grep -E 'net.ipv4.vs|ip_forward|route_localnet|arp_(ignore|announce)|"
                "bridge-nf|nf_conntrack_(max|tcp_be_liberal|tcp_timeout_(established|close_wait)) '",
    "modules": "cut -d' ' -f1 /proc/modules", "modules at boot": "cat /etc/modules-load.d/fairlead.conf",
    "configuration": "cat /etc/kubernetes/kube-proxy.yaml", "links": "ip -brief link | cut -d' ' -f1"}
SYNC_SECONDS = 90.0
ADDED = {"modules"}  # a module that the other mode loaded stays, as kernel_modules_unload: false says


@pytest.fixture(scope="module")
def services(lab):
    if lab.daemonset:
        pytest.skip("systemd only; a lab with pods has tests/lab/test_change_daemonset.py")
    with Services(lab) as made:
        assert lab.playbook("playbooks/change_mode.yml", "--limit", NODE).ok
        made.ready(NODE)
        yield made


def dump(machine):
    found = {}
    for name, command in DUMPS.items():
        said = machine.run(command).stdout.splitlines()
        lines = (re.sub(r"\[\d+:\d+\]| initval 0x\w+", "", line).strip() for line in said)
        # per-Service probabilities and comments with times are not in it; load-balancer status of other tests neither
        found[name] = sorted(line for line in lines if line and not line.startswith("#"))
    return found


def tuples(machine):
    """Original direction -> where the answer comes from and goes to, of the probe's kept connections."""
    text = machine.check_output(f"conntrack -L -p tcp --orig-port-dst {WEB} 2>/dev/null; "
                                f"conntrack -L -f ipv6 -p tcp --orig-port-dst {WEB} 2>/dev/null")
    found = {}
    for line in text.splitlines():
        pairs = re.findall(r"(src|dst|sport|dport)=(\S+)", line)
        if "ESTABLISHED" in line and "ASSURED" in line:
            values = [value for _name, value in pairs]
            found[tuple(values[:4])] = tuple(values[4:8])
    return found


def test_forth_and_back(lab, services):
    machine = lab.machine(NODE)
    before = dump(machine)
    with Traffic(lab, NODE, flows(lab, NODE, RATE, 16)) as traffic:
        time.sleep(2.0)
        first = tuples(machine)
        changed = lab.playbook("playbooks/change_mode.yml", "--limit", NODE, "--extra-vars", json.dumps(
            {"change_mode_to": "nftables", **PLAY}))
        assert changed.ok
        second = tuples(machine)
        assert machine.check_output("curl -s 127.0.0.1:10249/proxyMode") == "nftables"
        assert lab.playbook("playbooks/rollback.yml", "--limit", NODE, "--extra-vars", json.dumps(PLAY)).ok
        third = tuples(machine)
        time.sleep(2.0)
    established = [each for each in traffic.results() if each["kind"] == "established"]
    summary = summarize(traffic.results())
    assert (summary.failed, summary.broken) == (0, 0), summary
    assert established
    lasting = set(first) & set(second) & set(third)  # those that live on; the others were the probe's short ones
    assert len(lasting) >= 8
    assert {each: (first[each], second[each], third[each]) for each in lasting
            if not first[each] == second[each] == third[each]} == {}
    # What kube-proxy served on an address that was kept for a while goes with its next sync, every 30 s.
    deadline = time.monotonic() + SYNC_SECONDS
    while differences(before, dump(machine)) and time.monotonic() < deadline:
        time.sleep(5.0)
    assert differences(before, dump(machine)) == {}


def differences(before, after):
    """Name -> what is gone, and what is new and not meant to stay."""
    found = {name: (set(before[name]) - set(after[name]),
                    set() if name in ADDED else set(after[name]) - set(before[name])) for name in DUMPS}
    return {name: sides for name, sides in found.items() if any(sides)}


def test_a_second_rollback_goes_forth_again_only_when_told(lab, services):
    """The journal then says ipvs to ipvs: there is nothing to go back to but where the node is."""
    machine = lab.machine(NODE)
    again = lab.playbook("playbooks/change_mode.yml", "--limit", NODE)
    assert again.ok
    assert again.changed == set()
    assert machine.check_output("curl -s 127.0.0.1:10249/proxyMode") == lab.nodes[NODE]
