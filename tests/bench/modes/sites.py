"""Where kube-proxy's modes are measured: a namespace node made for it, or a node of an inventory."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.append(str(ROOT / "tests/native"))
import namespaces  # noqa: E402
from bench import NODE1, Bench, service, unit  # noqa: E402

NAMESPACE = "fairlead-bench"
TARGETS = 20  # Services with a node port, spread over all of them; a cluster has no more than 2,768
DEADLINE = 1800


def name(number: int) -> str:
    return f"bench-{number:05}"


def asked(size: int, every: int) -> bool:
    """Whether the Service of this number gets a node port. every: how many a whole run will make."""
    return size % max(1, every // TARGETS) == 0


class NativeSite:
    """One node at this machine's own speed, in a network namespace; its kernel is this machine's."""

    title, modes = "a namespace node at native speed", ("iptables", "nftables")

    def __init__(self, most: int) -> None:
        self._most, self._ports, self._count = most, [], 0

    @contextlib.contextmanager
    def open(self) -> Iterator[NativeSite]:
        with Bench() as self._bench:
            self._bench.install()
            yield self

    def grow(self, size: int) -> None:
        """So many Services of two endpoints each."""
        for number in range(self._count, size):
            words = {"type": "NodePort"} if asked(number, self._most) else {}
            self._bench.apply(*service(name(number), ["pod2", "pod4"], families=("IPv4",), **words))
            if words:
                made = self._bench.api.request("GET", f"/api/v1/namespaces/default/services/{name(number)}")[1]
                self._ports.append(made["spec"]["ports"][0]["nodePort"])
        self._count = max(size, self._count)

    def change(self, mode: str) -> None:
        self._bench.write("/etc/kubernetes/kube-proxy.yaml", self._bench.kube_proxy_config(mode))
        self._bench.write(unit.PATH, unit.render("/usr/local/bin/kube-proxy", "/etc/kubernetes/kube-proxy.yaml"))
        self.on_node("restart", unit.NAME)

    def on_node(self, *words: str) -> dict[str, Any]:
        said = self._bench.on_node("python3", "-", *words, stdin=(HERE / "node.py").read_text(encoding="utf-8"),
                                   seconds=DEADLINE)
        return json.loads(said)

    def info(self) -> float:
        """Seconds that module kube_proxy_info takes, from the start of Python."""
        began = time.monotonic()
        self._bench.module("kube_proxy_info", {})
        return time.monotonic() - began

    def preflight(self, mode: str, services: int) -> float:
        """Seconds of the first sync, as preflight estimates them."""
        told = self._bench.module("node_preflight_info", {
            "mode": mode, "kubernetes_version": "1.37.2", "deployment": "daemonset", "services": services,
            "endpoints": 2 * services})
        return told["first_sync"]

    def ask(self, count: int, seconds: float, together: int) -> dict[str, Any]:
        argv = [sys.executable, str(HERE / "client.py"), NODE1, ",".join(map(str, self._ports)), str(count),
                str(seconds), str(together)]
        return json.loads(namespaces.run("ip", "netns", "exec", namespaces.name("client"), *argv, seconds=DEADLINE))


@dataclass(frozen=True)
class Place:
    """A node of an inventory and a host of it outside the cluster.

    backends: NAMESPACE/SERVICE whose pods answer HTTP; the Services of the bench are made in a namespace of their own
    and point to two of these pods
    """

    inventory: str
    node: str
    client: str
    backends: str


class InventorySite:
    """A real node, reached by Ansible. kubectl: program and words that reach the cluster."""

    modes = ("iptables", "ipvs")

    def __init__(self, most: int, place: Place, kubectl: list[str]) -> None:
        self.title = f"{place.node} of {place.inventory}"
        self._most, self._inventory, self._node, self._client = most, place.inventory, place.node, place.client
        self._kubectl, self._backends = kubectl, place.backends
        self._ports, self._count = [], 0

    @contextlib.contextmanager
    def open(self) -> Iterator[InventorySite]:
        self._address = next(each["address"] for each in self._get("node", self._node)["status"]["addresses"]
                             if each["type"] == "InternalIP" and ":" not in each["address"])
        self._pods, self._port = self._answering()
        self._run([*self._kubectl, "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=600s"])
        self._run([*self._kubectl, "create", "namespace", NAMESPACE])
        try:
            yield self
        finally:
            self._run([*self._kubectl, "delete", "namespace", NAMESPACE, "--timeout=900s"])
            self._playbook(["--extra-vars", json.dumps({"kube_proxy_mode_change": "restart",
                                                        "kube_proxy_leftovers": "remove"})])

    def grow(self, size: int) -> None:
        made: list[dict[str, Any]] = []
        for number in range(self._count, size):
            made += self._objects(number)
        if made:
            self._run([*self._kubectl, "create", "--filename", "-"],
                      json.dumps({"apiVersion": "v1", "kind": "List", "items": made}))
            items = self._get("services", "--namespace", NAMESPACE)["items"]
            self._ports = [item["spec"]["ports"][0]["nodePort"] for item in items if item["spec"]["type"] == "NodePort"]
        self._count = max(size, self._count)

    def change(self, mode: str) -> None:
        self._playbook(["--extra-vars", json.dumps({
            "kube_proxy_mode": mode, "kube_proxy_mode_change": "restart", "kube_proxy_leftovers": "remove",
            "kube_proxy_timeout": 600})])

    def on_node(self, *words: str) -> dict[str, Any]:
        return json.loads(self._script(self._node, "node.py", *words)["stdout"])

    @staticmethod
    def info() -> float:
        """Over ssh it would be Ansible's time that is measured."""
        return 0.0

    def preflight(self, mode: str, services: int) -> float:
        words = {"mode": mode, "kubernetes_version": "1.37.2", "deployment": "daemonset", "services": services,
                 "endpoints": 2 * services}
        return self._adhoc(self._node, "node_preflight_info", json.dumps(words))["first_sync"]

    def ask(self, count: int, seconds: float, together: int) -> dict[str, Any]:
        return json.loads(self._script(self._client, "client.py", self._address, ",".join(map(str, self._ports)),
                                       str(count), str(seconds), str(together))["stdout"])

    def _answering(self) -> tuple[list[dict[str, Any]], int]:
        """Two endpoints that answer, as a slice has them, and their port."""
        space, called = self._backends.split("/")
        slices = self._get("endpointslices", "--namespace", space, "--selector", f"kubernetes.io/service-name={called}")
        found = [(point, one["ports"][0]["port"]) for one in slices["items"] if one["addressType"] == "IPv4"
                 for point in one["endpoints"] if point["conditions"].get("ready")]
        if len(found) < 2:
            raise SystemExit(f"{self._backends} has no two ready endpoints")
        return [{"addresses": point["addresses"], "nodeName": point.get("nodeName"), "conditions": {"ready": True}}
                for point, _port in found[:2]], found[0][1]

    def _objects(self, number: int) -> list[dict[str, Any]]:
        where, port = {"name": name(number), "namespace": NAMESPACE}, {"name": "main", "protocol": "TCP"}
        kind = "NodePort" if asked(number, self._most) else "ClusterIP"
        return [{"apiVersion": "v1", "kind": "Service", "metadata": where, "spec": {
                    "type": kind, "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"],
                    "ports": [{**port, "port": 80, "targetPort": self._port}]}},
                {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                 "metadata": {**where, "labels": {"kubernetes.io/service-name": name(number)}},
                 "ports": [{**port, "port": self._port}], "endpoints": self._pods}]

    def _playbook(self, words: list[str]) -> None:
        self._run(["ansible-playbook", "-i", self._inventory, str(ROOT / "playbooks/nodes.yml"), "--limit", self._node,
                   *words])

    def _script(self, host: str, program: str, *words: str) -> dict[str, Any]:
        argv = " ".join([str(HERE / program), *words])  # plain words of ours: addresses, numbers, a unit's name
        return self._adhoc(host, "ansible.builtin.script", json.dumps({"cmd": argv, "executable": "/usr/bin/python3"}))

    def _adhoc(self, host: str, module: str, words: str) -> dict[str, Any]:
        said = self._run(["ansible", "-i", self._inventory, host, "-m", module, "-a", words])
        return json.loads(said.split("=>", 1)[1])

    def _get(self, *words: str) -> dict[str, Any]:
        return json.loads(self._run([*self._kubectl, "get", "--output", "json", *words]))

    @staticmethod
    def _run(argv: list[str], stdin: str | None = None) -> str:
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=DEADLINE,
                              cwd=ROOT, env=environment)
        if done.returncode:
            raise SystemExit(f"{' '.join(argv)[:200]} failed:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
        return done.stdout


def settle(site: Any, seconds: float) -> None:
    """Let what the last change has left to do be done."""
    time.sleep(seconds)
    site.on_node("syncs")
