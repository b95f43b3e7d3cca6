"""A virtual machine with nothing but its image, its credentials and cloud-init's user data becomes a node that serves,
and its timer's runs keep to their limits. Brings a lab of its own up and takes it down: make sweep-bootstrap."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator

import pytest
import yaml
from lab_tools import ROOT, Lab, wait_until
from site_repository import Site

NAME = os.environ.get("FAIRLEAD_LAB") or "bootstrap"
INVENTORY = ROOT / "inventories/bootstrap"
NAMESPACE = f"fairlead-{NAME}-lan"
VERSION = yaml.safe_load((ROOT / "inventories/lab/group_vars/all/versions.yml").read_text(encoding="utf-8"))[
    "lab_versions"]["kubernetes"]
BOOT_SECONDS, PULL_SECONDS = 900, 900  # an emulated node on a busy machine: 100 s and 150 s when it is idle
PAUSE = 15  # a login keeps a booting emulated node busy for seconds
PORT = 30080


def playbook(name: str, *words: str) -> None:
    argv = ["ansible-playbook", "-i", str(INVENTORY), str(ROOT / "playbooks" / name), *words]
    environment = {**os.environ, "FAIRLEAD_LAB": NAME, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    assert subprocess.run(argv, cwd=ROOT, env=environment, check=False, timeout=1800).returncode == 0


@contextlib.contextmanager
def api_server_out_of_reach() -> Iterator[None]:
    """Nobody but this machine reaches port 6443 in the lab."""
    def nft(*words: str) -> None:
        subprocess.run(["ip", "netns", "exec", NAMESPACE, "nft", *words], check=True, timeout=30)

    nft("add", "table", "inet", "away")
    nft("add", "chain", "inet", "away", "input", "{ type filter hook input priority 0; }")
    nft("add", "rule", "inet", "away", "input", "iifname", "br0", "ether", "saddr", "52:54:00:00:00:11",
        "tcp", "dport", "6443", "drop")
    try:
        yield
    finally:
        nft("delete", "table", "inet", "away")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The repository with its first commit, and the lab's machine powered on with the API server out of its reach."""
    playbook("lab_down.yml")
    made = Site(ROOT / ".lab" / NAME / "repository", VERSION)
    made.commit("nftables")
    daemon = None
    try:
        playbook("lab_up.yml", "--extra-vars", json.dumps({"lab_await_nodes": False}))
        daemon = made.serve(NAMESPACE, Lab(INVENTORY, NAME).control_address)
        yield made
    finally:
        if daemon:
            daemon.terminate()
            daemon.wait(timeout=30)
        if not os.environ.get("KEEP"):
            playbook("lab_down.yml")


@pytest.fixture
def node(site):  # the lab is up then
    return Lab(INVENTORY, NAME).machine("node1")


def pull(node) -> tuple[str, str]:
    """Start the service as the timer does; systemd's verdict and what it printed."""
    node.run("systemctl start fairlead-pull.service")
    shown = node.check_output("systemctl show fairlead-pull.service -p Result,InvocationID")
    state = dict(line.split("=", 1) for line in shown.splitlines())
    said = node.check_output(f"journalctl _SYSTEMD_INVOCATION_ID={state['InvocationID']} -o cat --no-pager")
    print(said)
    return state["Result"], said


def answers(machine) -> bool:
    """Whether ssh reaches it; testinfra raises what ssh itself cannot do."""
    try:
        return machine.run("true").rc == 0
    except RuntimeError:
        return False


def ended(machine) -> bool:
    """Whether the service's first run is over, whatever came of it."""
    try:
        shown = machine.run("systemctl show fairlead-pull.service -p ActiveState,ExecMainExitTimestamp").stdout
    except RuntimeError:  # too busy to let us in
        return False
    state = dict(line.split("=", 1) for line in shown.splitlines())
    return state.get("ActiveState") in ("inactive", "failed") and bool(state.get("ExecMainExitTimestamp"))


def value(node, path: str) -> str:
    return node.file(path).content_string.strip()


def test_first_boot_settles_the_node_without_an_api_server_and_it_serves_when_there_is_one(site):
    lab = Lab(INVENTORY, NAME)
    machine = lab.machine("node1")
    with api_server_out_of_reach():
        wait_until("ssh to node1", BOOT_SECONDS, lambda: answers(machine), PAUSE)
        assert machine.run(f"curl -sk --max-time 5 https://{lab.control_address}:6443/").rc != 0
        wait_until("the first run's end", PULL_SECONDS, lambda: ended(machine), PAUSE)
        print(machine.run("journalctl -u fairlead-pull.service -o short-monotonic --no-pager").stdout)
        assert "Result=success" in machine.check_output("systemctl show fairlead-pull.service -p Result")
        assert machine.check_output("systemctl is-active fairlead-pull.timer") == "active"
        assert machine.check_output("systemctl is-enabled kube-proxy.service") == "enabled"
        loaded = {line.split()[0] for line in machine.file("/proc/modules").content_string.splitlines()}
        assert {"nf_tables", "nft_numgen", "br_netfilter", "nf_conntrack"} <= loaded
        assert value(machine, "/proc/sys/net/ipv4/ip_forward") == "1"
        assert value(machine, "/proc/sys/net/ipv4/ip_local_reserved_ports") == "30000-32767"
        assert '"mode": "nftables"' in value(machine, "/etc/kubernetes/kube-proxy.yaml")
    playbook("lab_up.yml")  # waits until the node is Ready
    playbook("services.yml")
    wait_until("node port 30080", 300, lambda: lab.pods_answering("client1", "node1", PORT, 3)["(failed)"] == 0, 5)


def test_drift_is_corrected_though_the_commit_is_the_same(node):
    node.check_output("sysctl -w net.bridge.bridge-nf-call-iptables=0")
    result, said = pull(node)
    assert result == "success", said
    assert value(node, "/proc/sys/net/bridge/bridge-nf-call-iptables") == "1"


def test_a_wish_for_another_mode_is_reported_and_nothing_is_changed(node, site):
    before = node.check_output("systemctl show kube-proxy.service -p MainPID")
    site.commit("iptables")
    result, said = pull(node)
    assert result == "success", said
    assert "node1 is in nftables mode and the repository wishes iptables" in said.replace("\n", " ")
    assert node.check_output("curl -s http://127.0.0.1:10249/proxyMode") == "nftables"
    assert node.check_output("systemctl show kube-proxy.service -p MainPID") == before
    assert "xt_recent" not in node.file("/proc/modules").content_string
    assert '"mode": "nftables"' in value(node, "/etc/kubernetes/kube-proxy.yaml")


def test_a_commit_that_the_key_has_not_signed_is_not_run(node, site):
    site.commit("nftables", signed=False)
    node.check_output("sysctl -w net.bridge.bridge-nf-call-iptables=0")
    result, said = pull(node)
    assert result == "exit-code"
    assert "Failed to verify" in said
    assert value(node, "/proc/sys/net/bridge/bridge-nf-call-iptables") == "0"
    site.commit("nftables")
    assert pull(node)[0] == "success"
    assert value(node, "/proc/sys/net/bridge/bridge-nf-call-iptables") == "1"


def test_killed_before_its_effects_kernel_modules_converges_on_the_next_run(node):
    """Here, because this node has Ansible's libraries; a machine without modules of its own cannot show it."""
    stride = os.environ.get("STRIDE", "1")
    script = "cd /var/lib/fairlead/checkout/tests/host && python3 kernel_modules_killed.py"
    done = node.run(f"{script} {stride}")
    print(done.stdout, done.stderr)
    assert done.rc == 0
    assert int(done.stdout.split()[0]) >= 40 // int(stride)
    assert pull(node)[0] == "success"
    assert "nft_numgen" in node.file("/etc/modules-load.d/fairlead.conf").content_string
