"""The probe on the lab: from client machines outside, from a pod and from a node, all against one node.

It brings Services of its own in front of the walk-through's web servers and removes them. Times are corrected by what
each machine's clock differs from this one's, since emulated nodes have clocks of their own.
"""
from __future__ import annotations

import ipaddress
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.fairlead.probe import load
from lab_tools import Lab, wait_until

NAMESPACE, LABEL = "walkthrough", "fairlead-test=change"
WEB, STAY, DATAGRAMS = 30090, 30091, 30092
PROGRAM, PLACE = Path(load.__file__), "/run/fairlead-probe.py"
PORTS = {"probe-web": (WEB, 8080, "TCP"), "probe-stay": (STAY, 8080, "TCP"),
         "probe-datagrams": (DATAGRAMS, 8081, "UDP")}
SSH_SECONDS = 120
# Seconds between two words of one flow: an emulated node can bear some hundred packets in a second.
KEPT_INTERVAL, UDP_INTERVAL = 1.0, 0.1
IDLE_OPENED = 100.0  # idle connections that are opened in a second, which an emulated node can bear
IDLE_INTERVAL = 50.0  # so that 10,000 of them ask 200 times a second, and each does within a minute
SHARES = {"client1": 0.5, "client2": 0.3, "pod": 0.13, "node": 0.07}


def balanced(lab: Lab) -> str:
    """The load balancer's address: of the test network, and nobody's but the Service's."""
    return f"198.19.{lab.state['index']}.80"


class Services:
    """The probe's Services, as a context manager."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __enter__(self) -> Services:
        items = [_service(name, *how) for name, how in PORTS.items()]
        _apply(self._lab, {"apiVersion": "v1", "kind": "List", "items": items})
        self._lab.kubectl("patch", "service", "probe-web", "--namespace", NAMESPACE, "--subresource", "status",
                          "--type", "merge", "--patch",
                          json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": balanced(self._lab)}]}}}))
        return self

    def __exit__(self, *_error: object) -> None:
        self._lab.kubectl("delete", "service", "--namespace", NAMESPACE, "--selector", LABEL, "--wait=false")
        for client in ("client1", "client2"):
            on(self._lab, client, f"ip route del {balanced(self._lab)}/32", check=False)

    def ready(self, node: str) -> None:
        """Until this node answers for them; and the way to the load balancer's address leads through it."""
        for client in ("client1", "client2"):
            on(self._lab, client, f"ip route replace {balanced(self._lab)}/32 via {self._lab.address(node)}")
        wait_until(f"{node} to answer for the probe's Services", 240, pause=2.0, is_so=lambda: all(
            set(self._lab.pods_answering("client1", node, WEB, 12, family)) == self._lab.pods()
            and set(self._lab.pods_answering("client1", node, STAY, 3, family)) <= self._lab.pods()
            for family in (4, 6)))


def flows(lab: Lab, node: str, rate: float, kept: int, idle: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Where -> flows; `rate` new connections a second and `kept` established ones over all of them; `idle` more that
    ask only now and then."""
    address, address6 = lab.address(node), lab.address(node, 6).strip("[]")
    cluster = {name: lab.get("service", "--namespace", NAMESPACE, name)["spec"]["clusterIPs"] for name in PORTS}
    four, six = _by_family(cluster["probe-web"])
    found: dict[str, list[dict[str, Any]]] = {}
    for client in ("client1", "client2"):
        own, own6 = _own(lab, client)
        share = rate * SHARES[client]
        found[client] = [
            _new("node port", (address, WEB), own, share * 0.4),
            _new("node port, IPv6", (address6, WEB), own6, share * 0.3),
            _new("load balancer", (balanced(lab), 80), own, share * 0.1),
            _new("affinity", (address, STAY), own, share * 0.1, kind="affinity"),
            _new("affinity, IPv6", (address6, STAY), own6, share * 0.1, kind="affinity"),
            _kept("kept", (address, WEB), own, kept // 4), _kept("kept, IPv6", (address6, WEB), own6, kept // 8),
            {"name": "udp", "kind": "udp", "address": address, "port": DATAGRAMS, "sources": [own],
             "interval": UDP_INTERVAL}]
        if idle:
            found[client].append({**_kept("idle", (address, WEB), own, idle // 2), "interval": IDLE_INTERVAL,
                                  "opened": IDLE_OPENED / 2})
    pod, pod6 = _pod_addresses(lab, node)
    share = rate * SHARES["pod"]
    found["pod"] = [_new("cluster address", (four, 80), pod, share / 2),
                    _new("cluster address, IPv6", (six, 80), pod6, share / 2),
                    _kept("kept", (four, 80), pod, max(1, kept // 10)),
                    _kept("kept, IPv6", (six, 80), pod6, max(1, kept // 20))]
    # Any source: in ipvs mode the kernel takes the cluster address itself.
    found["node"] = [_new("cluster address", (four, 80), "0.0.0.0", rate * SHARES["node"]),
                     _kept("kept", (four, 80), "0.0.0.0", max(1, kept // 20)),
                     _kept("kept, IPv6", (six, 80), "::", max(1, kept // 20))]
    return found


class Traffic:
    """The load, as a context manager; results() afterwards, or up to now."""

    def __init__(self, lab: Lab, node: str, wanted: dict[str, list[dict[str, Any]]], seconds: float = 900) -> None:
        self._lab, self._node, self._wanted, self._seconds = lab, node, wanted, seconds
        self._directory = tempfile.TemporaryDirectory(prefix="fairlead-probe-")
        self._running: dict[str, tuple[subprocess.Popen[str], str, str]] = {}
        self._behind: dict[str, float] = {}

    def __enter__(self) -> Traffic:
        for where, of in self._wanted.items():
            machine = self._node if where in ("pod", "node") else where
            enter = f"nsenter --net=/proc/{_pod_process(self._lab, self._node)}/ns/net " if where == "pod" else ""
            self._behind[where] = _clock(self._lab, machine)
            on(self._lab, machine, f"cat > {PLACE}", stdin=PROGRAM.read_text(encoding="utf-8"))
            with open(self._file(where), "w", encoding="utf-8") as out:
                running = subprocess.Popen(
                    [*_ssh(self._lab, machine), f"echo $$ && exec {enter}python3 {PLACE}"], stdin=subprocess.PIPE,
                    stdout=out, text=True)
            running.stdin.write(json.dumps({"seconds": self._seconds, "flows": of}))
            running.stdin.close()
            wait_until(f"the probe on {where}", SSH_SECONDS, pause=0.2,
                       is_so=lambda where=where: self._text(where).partition("\n")[1])
            self._running[where] = running, machine, self._text(where).partition("\n")[0]
        time.sleep(3.0)  # the programs start
        return self

    def __exit__(self, *_error: object) -> None:
        for _running, machine, process in self._running.values():
            on(self._lab, machine, f"kill {process}", check=False)
        for where, (running, _machine, _process) in self._running.items():
            if running.wait(60):
                raise RuntimeError(f"the probe on {where} ended with status {running.returncode}")

    def results(self) -> list[dict[str, Any]]:
        """In this machine's time; each names where it was asked from."""
        found = []
        for where in self._wanted:
            for line in self._text(where).split("\n")[1:-1]:  # the last line may not be whole yet
                result = json.loads(line)
                found.append({**result, "at": result["at"] + self._behind[where], "where": where,
                              "flow": f"{result['flow']} ({where})"})
        return found

    def clock(self) -> float:
        """What is added to the node's time to get this machine's."""
        return self._behind["node"]

    def _file(self, where: str) -> Path:
        return Path(self._directory.name) / where

    def _text(self, where: str) -> str:
        return self._file(where).read_text(encoding="utf-8")


def on(lab: Lab, machine: str, command: str, *, stdin: str = "", check: bool = True) -> str:
    """What a command printed on a machine; an emulated node may be slow to let anybody in."""
    return subprocess.run([*_ssh(lab, machine), command], input=stdin, capture_output=True, text=True, check=check,
                          timeout=SSH_SECONDS).stdout


def _ssh(lab: Lab, machine: str) -> list[str]:
    return ["ssh", "-F", str(lab.dir / "ssh_config"), "-o", f"ConnectTimeout={SSH_SECONDS}", machine]


def _clock(lab: Lab, machine: str) -> float:
    """Seconds by which that machine's clock is behind this one's."""
    best = (float("inf"), 0.0)
    for _attempt in range(3):
        before = time.time()
        said = on(lab, machine, "date +%s.%N")
        after = time.time()
        best = min(best, (after - before, (before + after) / 2 - float(said)))
    return best[1]


def _service(name: str, node_port: int, target: int, protocol: str) -> dict[str, Any]:
    key, _equals, value = LABEL.partition("=")
    spec = {"type": "LoadBalancer" if name == "probe-web" else "NodePort", "selector": {"app": "myapp"},
            "ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"],
            "ports": [{"name": "main", "port": 80, "targetPort": target, "nodePort": node_port, "protocol": protocol}],
            "sessionAffinity": "ClientIP" if name == "probe-stay" else "None"}
    if spec["type"] == "LoadBalancer":
        spec["loadBalancerClass"] = "fairlead.dev/test"  # nobody's, so that MetalLB leaves the address to this test
    return {"apiVersion": "v1", "kind": "Service", "spec": spec,
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {key: value}}}


def _apply(lab: Lab, item: dict[str, Any]) -> None:
    argv = [str(lab.dir / "bin" / "kubectl"), "--kubeconfig", str(lab.dir / "kubeconfig"), "apply", "--filename", "-"]
    subprocess.run(argv, input=json.dumps(item), text=True, check=True, timeout=120, stdout=subprocess.DEVNULL)


def _new(name: str, to: tuple[str, int], source: str, rate: float, kind: str = "new") -> dict[str, Any]:
    return {"name": name, "kind": kind, "address": to[0], "port": to[1], "sources": [source], "rate": rate}


def _kept(name: str, to: tuple[str, int], source: str, count: int) -> dict[str, Any]:
    return {"name": name, "kind": "established", "address": to[0], "port": to[1], "sources": [source],
            "count": count, "interval": KEPT_INTERVAL}


def _by_family(addresses: list[str]) -> tuple[str, str]:
    four = next(each for each in addresses if ":" not in each)
    return four, next(each for each in addresses if ":" in each)


def _own(lab: Lab, client: str) -> tuple[str, str]:
    host = {"client1": 101, "client2": 102}[client]
    return f"198.18.{lab.state['index']}.{host}", f"fd98:{lab.state['index']}::{host}"


def _pod_addresses(lab: Lab, node: str) -> tuple[str, str]:
    pods = lab.get("pods", "--namespace", NAMESPACE, "--selector", "app=myapp",
                   "--field-selector", f"spec.nodeName={node}")["items"]
    four, six = _by_family([each["ip"] for each in pods[0]["status"]["podIPs"]])
    return str(ipaddress.ip_address(four)), str(ipaddress.ip_address(six))


def _pod_process(lab: Lab, node: str) -> str:
    """The web server's process on that node."""
    return on(lab, node, "pgrep --full '[n]etexec --http-port=8080'").split()[0]
