"""What the tests of kube-proxy's modes share: a run with a mode for each node, and what must then be seen on the nodes.

Everything is asked of the kernel, of kube-proxy and of the network, never of our own modules.
"""
from __future__ import annotations

import json
from pathlib import Path

from lab_tools import Lab, PlaybookRun, wait_until

MODES = ("iptables", "ipvs", "nftables")
# A step in which every node changes; forth and back are all six changes between three modes.
TURNED = {"ipvs": "iptables", "nftables": "ipvs", "iptables": "nftables"}
CONNECTIONS = Path(__file__).parent / "lab" / "connections.py"
PORT = 30080
# kubelet and sshd have these ports: a kube-proxy that must have one of them for its health does not start.
DOES_NOT_START = {"bindAddressHardFail": True, "healthzBindAddress": "0.0.0.0:22"}


def settle(lab: Lab, modes: dict[str, str], *words: str, **variables) -> PlaybookRun:
    """playbooks/nodes.yml with these modes; what other modes leave behind is removed."""
    wish = {"test_modes": modes, "kube_proxy_mode": "{{ test_modes[inventory_hostname] }}",
            "kube_proxy_mode_change": "restart", "kube_proxy_leftovers": "remove", **variables}
    return lab.playbook("playbooks/nodes.yml", "--extra-vars", json.dumps(wish), *words)


def proxies(lab: Lab) -> dict[str, list[str]]:
    """Node -> process id and start time (ticks since boot) of every kube-proxy there."""
    return {node: lab.machine(node).check_output(
        "for p in $(pgrep -x kube-proxy); do cut -d' ' -f1,22 /proc/$p/stat; done").splitlines() for node in lab.nodes}


def rules(lab: Lab, node: str, service: str = "myapp-nodeport") -> dict[str, bool]:
    """Which modes' rules for a Service stand in the node's kernel."""
    machine = lab.machine(node)
    address = lab.get("service", "--namespace", "walkthrough", service)["spec"]["clusterIP"]
    octets = "".join(f"{int(part):02X}" for part in address.split("."))  # /proc/net/ip_vs prints addresses in hex
    return {
        "iptables": f"walkthrough/{service}" in machine.check_output("iptables-save -t nat"),
        "nftables": machine.run(f"nft list map ip kube-proxy service-ips | grep -qw {address}").succeeded,
        "ipvs": machine.run(f"grep -q {octets} /proc/net/ip_vs").succeeded,
    }


def traces(lab: Lab, node: str) -> dict[str, bool]:
    """What a mode that does not run would leave there, whatever Service it belonged to."""
    machine = lab.machine(node)
    return {
        "iptables": machine.run("iptables-save; ip6tables-save").stdout.count(":KUBE-SVC-") > 0,
        "ipvs": machine.run("ip link show kube-ipvs0").succeeded
        or "KUBE-" in machine.run("ipset list -name").stdout
        or f":{PORT:04X} " in machine.run("cat /proc/net/ip_vs").stdout,
        "nftables": "kube-proxy" in machine.run("nft list tables").stdout,
    }


def assert_agree(lab: Lab, modes: dict[str, str]) -> None:
    """/proxyMode, rules, leftovers and traffic, on every node."""
    for node, mode in modes.items():
        assert lab.machine(node).check_output("curl -s 127.0.0.1:10249/proxyMode") == mode, node
        assert rules(lab, node) == {name: name == mode for name in MODES}, node
        assert traces(lab, node) == {name: name == mode for name in MODES}, node
    assert lab.playbook("playbooks/verify.yml").ok


def assert_settled(lab: Lab, modes: dict[str, str], **variables) -> None:
    """A second run changes nothing and restarts nothing."""
    before = proxies(lab)
    assert [len(found) for found in before.values()] == [1] * len(lab.nodes)
    again = settle(lab, modes, **variables)
    assert again.ok
    assert again.changed == set()
    assert proxies(lab) == before


def assert_stops_at_the_first_node(lab: Lab, modes: dict[str, str]) -> None:
    """A configuration with which kube-proxy does not start: that node goes back, the others are not touched."""
    first, *others = lab.nodes
    before = proxies(lab)
    bad = settle(lab, modes, kube_proxy_config=DOES_NOT_START, kube_proxy_timeout=60)
    assert not bad.ok
    assert f"{first}" in bad.output
    assert "went back" in bad.output
    after = proxies(lab)
    assert {node: after[node] for node in others} == {node: before[node] for node in others}
    assert after[first] != before[first]
    wait_until(f"{first} to answer", 120, pause=3.0,
               is_so=lambda: set(lab.pods_answering("client1", first, PORT, 20)) <= lab.pods())
    assert_agree(lab, modes)


def answered(lab: Lab, client: str, *words: str) -> dict:
    """What connections.py saw from a client machine."""
    out, err = lab.python(client, CONNECTIONS, *words).communicate(timeout=600)
    assert out, err
    return json.loads(out)


def url(lab: Lab, node: str, port: int = PORT) -> str:
    return f"http://{lab.address(node)}:{port}/hostname"
