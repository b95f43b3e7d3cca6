"""The native bench: one real node at native speed, without virtual machines.

A real API server, and in network namespaces a node with the real kube-proxy, pods, a second node's pods and a machine
outside the cluster. iptables and nftables modes; IPVS needs a kernel that has it. Use as a context manager, as root:

    with Bench() as bench:
        bench.apply(service("web", ["pod1", "pod3"]))
        bench.start_kube_proxy("iptables")
        bench.on_node("nft", "list", "tables")
"""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]
import api_server  # noqa: E402
import namespaces  # noqa: E402
from ansible.module_utils.fairlead.kube_proxy import config, unit  # noqa: E402
from namespaces import ip, name  # noqa: E402

CACHE = Path(os.environ.get("FAIRLEAD_CACHE", "/var/cache/fairlead"))
CONTROL, NODE1, NODE2 = "198.18.100.1", "198.18.100.11", "198.18.100.12"
CLIENTS = [f"198.18.100.{number}" for number in range(101, 109)]
CLIENTS6 = [f"fd98:100::{number}" for number in range(101, 109)]
NODE1_6 = "fd98:100::11"
BALANCED, EXTERNAL = "198.19.100.", "198.19.101."  # load-balancer and external addresses, routed to the node
POD_RANGES = ("10.244.0.0/16", "fd00:244::/56")
SERVICE_RANGES = ("10.96.0.0/16", "fd00:96::/108")
# pod -> (node, addresses); the client's programs run in pod1 too
PODS = {"pod1": ("node1", "10.244.1.11", "fd00:244:0:1::11"), "pod2": ("node1", "10.244.1.12", "fd00:244:0:1::12"),
        "pod3": ("node2", "10.244.2.13", "fd00:244:0:2::13"), "pod4": ("node2", "10.244.2.14", "fd00:244:0:2::14")}
SHORTS = ("lan", "control", "node1", "node2", "client", *PODS)
READY_SECONDS = 60.0
ROUTER = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1", "net.ipv4.conf.all.rp_filter": "0",
          # A restart lets packets to Service addresses out untranslated: a redirect for one would outlive the outage.
          "net.ipv4.conf.all.send_redirects": "0", "net.ipv4.conf.default.send_redirects": "0",
          "net.ipv4.conf.eth0.send_redirects": "0",
          "net.ipv4.icmp_ratelimit": "0", "net.ipv6.icmp.ratelimit": "0",  # each refusal is to be heard
          "-net.ipv4.icmp_msgs_per_sec": "100000", "-net.ipv4.icmp_msgs_burst": "10000",
          "-net.bridge.bridge-nf-call-iptables": "1", "-net.bridge.bridge-nf-call-ip6tables": "1"}


class Bench:
    """api: the API server; requests with `request`. Everything it makes is gone afterwards."""

    def __init__(self, service_ranges: tuple[str, ...] = SERVICE_RANGES, flags: tuple[str, ...] = ()) -> None:
        """flags: more of them for the API server."""
        self._stack = contextlib.ExitStack()
        self._ranges, self._flags = service_ranges, flags
        self._first = 0  # the node's first process

    def __enter__(self) -> Bench:
        namespaces.remove_left()
        with contextlib.ExitStack() as stack:
            stack.callback(namespaces.remove_own)
            namespaces.make(*SHORTS)
            _cables()
            stack.enter_context(namespaces.inside("control"))
            builds = newest("kubernetes-*")
            self.api = stack.enter_context(api_server.ApiServer(
                builds / "etcd", builds / "kube-apiserver", ",".join(self._ranges), self._flags,
                address=CONTROL))
            self._first = self._boot(stack, builds)
            self._start(stack, [sys.executable, str(HERE / "backends.py"), str(os.getpid()), *PODS])
            self._nodes()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create these objects; Services first, so that their addresses are there when slices arrive."""
        def create(item: dict[str, Any]) -> None:
            status, answer = self.api.request("POST", _collection(item), item)
            if status != 201:
                raise RuntimeError(f"{item['kind']} {item['metadata']['name']}: {answer.get('message')}")
            if "status" in item:
                answer["status"] = item["status"]
                status, answer = self.api.request(
                    "PUT", f"{_collection(item)}/{item['metadata']['name']}/status", answer)
                if status != 200:
                    raise RuntimeError(f"{item['metadata']['name']}: {answer.get('message')}")
        for item in objects:
            create(item)

    def kube_proxy_config(self, mode: str, node_port_addresses: tuple[str, ...] = (), **extra: Any) -> str:
        """The text of its configuration file, as role kube_proxy writes it."""
        return config.render(config.Settings(
            mode=mode, kubeconfig="/etc/kubernetes/kube-proxy.kubeconfig", cluster_cidrs=POD_RANGES,
            hostname_override="node1", node_port_addresses=tuple(node_port_addresses),
            extra={"conntrack": {"maxPerCore": 0, "min": 0}, **extra}), "systemd")

    def start_kube_proxy(self, mode: str, **extra: Any) -> None:
        """Write its files, start it, and wait until it has written its rules once."""
        self.write("/etc/kubernetes/kube-proxy.yaml", self.kube_proxy_config(mode, **extra))
        self.write(unit.PATH, unit.render("/usr/local/bin/kube-proxy", "/etc/kubernetes/kube-proxy.yaml"))
        self.on_node("systemctl", "enable", unit.NAME)
        self.on_node("systemctl", "restart", unit.NAME)
        self.wait_for_sync(mode)

    def install(self) -> None:
        """Put Ansible's and our modules on the node, so that module() can run them there."""
        import ansible.module_utils.basic  # noqa: PLC0415 - its place is known only once it is imported

        home = Path(f"/proc/{self._first}/root/opt/fairlead")
        parts = home / "ansible/module_utils"
        shutil.copytree(Path(ansible.module_utils.basic.__file__).parent, parts,
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "module_utils/fairlead", parts / "fairlead",
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "library", home / "library", ignore=shutil.ignore_patterns("__pycache__"))
        (home / "ansible/__init__.py").touch()
        shutil.copy(HERE / "live.py", home)

    def module(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run one of our modules on the node with the node's own Python; its result."""
        runner = ("import runpy, sys\nsys.path.insert(0, '/opt/fairlead')\nfrom ansible.module_utils import basic\n"
                  "basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), 'legacy'\n"
                  "runpy.run_path(sys.argv[1], run_name='__main__')\n")
        words = json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_remote_tmp": "/tmp"}})
        argv = self.node_argv("python3", "-c", runner, f"/opt/fairlead/library/{name}.py")
        done = subprocess.run(argv, input=words, capture_output=True, text=True, timeout=600, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError as error:
            raise RuntimeError(f"{name} ended without a result: {done.stdout}{done.stderr}") from error

    def kube_proxy(self, mode: str, mode_change: str = "refuse", **more: Any) -> dict[str, Any]:
        """Module kube_proxy with the bench's settings."""
        return self.module("kube_proxy", {
            "mode": mode, "mode_change": mode_change, "node": "node1", "kubernetes_version": "1.37.2",
            "kubeconfig": "/etc/kubernetes/kube-proxy.kubeconfig", "cluster_cidrs": list(POD_RANGES),
            "hostname_override": "node1", "config": {"conntrack": {"maxPerCore": 0, "min": 0}}, "timeout": 300, **more})

    def live(self, mode: str, **more: Any) -> dict[str, Any]:
        """A live change as module kube_proxy makes it, with more words to the guard, which only tests have: `pauses`
        (phase -> seconds), `without_bridge`. The journal's state, or {"failed": True, "msg"}."""
        words = {"mode": mode, "new": self.kube_proxy_config(mode), "path": "/etc/kubernetes/kube-proxy.yaml",
                 "node": "node1", "kubeconfig": "/etc/kubernetes/kube-proxy.kubeconfig", "timeout": 60}
        return json.loads(self.on_node("python3", "/opt/fairlead/live.py", stdin=json.dumps([words, more]),
                                       seconds=600))

    def wait_for_sync(self, mode: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._synced(mode):
            if time.monotonic() > deadline:
                raise RuntimeError(f"kube-proxy did not serve in {mode} mode:\n{self.log()[-2000:]}")
            time.sleep(0.1)

    def configz(self) -> dict[str, Any]:
        """The configuration that kube-proxy runs with."""
        return json.loads(self._ask_kube_proxy("configz"))["kubeproxy.config.k8s.io"]

    def log(self) -> str:
        return self.on_node("sh", "-c", f"cat /var/log/{unit.NAME}.log")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file on the node."""
        place = Path(f"/proc/{self._first}/root{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(mode=mode)
        place.write_text(text, encoding="utf-8")

    def kubeconfig(self, path: str, user: str) -> None:
        """A kubeconfig on the node."""
        self.api.kubeconfig(Path(f"/proc/{self._first}/root{path}"), user)

    def copy(self, source: Path, path: str) -> None:
        """A file of this machine onto the node."""
        shutil.copy(source, f"/proc/{self._first}/root{path}")

    def read(self, path: str) -> str:
        return Path(f"/proc/{self._first}/root{path}").read_text(encoding="utf-8")

    def node_argv(self, *argv: str) -> list[str]:
        return ["nsenter", "--target", str(self._first), "--mount", "--uts", "--pid", "--net", "--root", "--wd", *argv]

    def on_node(self, *argv: str, stdin: str | None = None, seconds: float = 120) -> str:
        """A program on the node, with the node's own root; what it printed."""
        return namespaces.run(*self.node_argv(*argv), stdin=stdin, seconds=seconds)

    def _synced(self, mode: str) -> bool:
        try:
            said = self._ask_kube_proxy("proxyMode", "metrics")
        except RuntimeError:
            return False
        stamps = [line for line in said.splitlines()
                  if line.startswith("kubeproxy_sync_proxy_rules_last_timestamp_seconds{") and float(line.split()[1])]
        return said.startswith(mode) and len(stamps) == 2

    def _ask_kube_proxy(self, *paths: str) -> str:
        script = ("import sys, urllib.request as u\n"
                  "for path in sys.argv[1:]:\n"
                  "    print(u.urlopen('http://127.0.0.1:10249/' + path, timeout=3).read().decode())\n")
        return self.on_node("python3", "-c", script, *paths)

    def _boot(self, stack: contextlib.ExitStack, builds: Path) -> int:
        """Start the node's root; its first process, as this machine numbers it."""
        argv = ["ip", "netns", "exec", name("node1"), "unshare", "--mount", "--uts", "--pid", "--fork",
                "--kill-child", sys.executable, str(HERE / "node_root.py"), str(newest("rootfs-*") / "tree"),
                str(builds / "kube-proxy"), str(HERE / "systemctl.py")]
        started = self._start(stack, argv)
        children = Path(f"/proc/{started}/task/{started}/children").read_text(encoding="utf-8").split()
        self._first = int(children[0])
        kubeconfig = Path(f"/proc/{self._first}/root/etc/kubernetes/kube-proxy.kubeconfig")
        self.api.kubeconfig(kubeconfig, api_server.KUBE_PROXY)
        return self._first

    def _start(self, stack: contextlib.ExitStack, argv: list[str]) -> int:
        """A program that says "ready" and lives as long as the bench."""
        started = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv], stdout=subprocess.PIPE, text=True)
        stack.callback(_end, started)
        if started.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{argv[0]} ... {argv[-1]} ended before it was ready")
        return started.pid

    def _nodes(self) -> None:
        for node, addresses in (("node1", (NODE1, NODE1_6)), ("node2", (NODE2, "fd98:100::12"))):
            self.apply({"apiVersion": "v1", "kind": "Node",
                        "metadata": {"name": node, "labels": {"topology.kubernetes.io/zone": f"zone-{node}"}},
                        "status": {"addresses": [{"type": "InternalIP", "address": each} for each in addresses]}})


def service(called: str, pods: list[str], *, port: int = 80, protocol: str = "TCP",
            families: tuple[str, ...] = ("IPv4", "IPv6"), endpoint: dict[str, Any] | None = None,
            status: dict[str, Any] | None = None, node_port: int | None = None, **spec: Any) -> list[dict[str, Any]]:
    """A Service and its EndpointSlices; `endpoint` goes into every endpoint (conditions, hints)."""
    ports: dict[str, Any] = {"name": "main", "port": port, "protocol": protocol, "targetPort": 8080}
    if node_port:
        ports["nodePort"] = node_port
    item = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": called, "namespace": "default"},
            "spec": {"ipFamilyPolicy": "RequireDualStack" if len(families) == 2 else "SingleStack",
                     "ipFamilies": list(families), "ports": [ports], **spec}}
    if status:
        item["status"] = status
    slices = [slice_of(called, pods, family, protocol, endpoint or {}) for family in families]
    return [item, *slices]


def slice_of(called: str, pods: list[str], family: str, protocol: str = "TCP",
             endpoint: dict[str, Any] | None = None) -> dict[str, Any]:
    index = 1 if family == "IPv4" else 2
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
            "metadata": {"name": f"{called}-{family.lower()}", "namespace": "default",
                         "labels": {"kubernetes.io/service-name": called}},
            "ports": [{"name": "main", "port": 8080, "protocol": protocol}],
            "endpoints": [{"addresses": [PODS[pod][index]], "nodeName": PODS[pod][0],
                           "conditions": {"ready": True, "serving": True, "terminating": False}, **(endpoint or {})}
                          for pod in pods]}


def newest(pattern: str) -> Path:
    """The youngest finished build of the lab's cache."""
    finished = [each for each in CACHE.glob(pattern) if each.is_dir() and not each.suffix]  # .work is being made
    found = sorted(finished, key=lambda each: each.stat().st_mtime)
    if not found:
        raise RuntimeError(f"no {pattern} in {CACHE}: run make lab once")
    return found[-1]


def _collection(item: dict[str, Any]) -> str:
    return {"Service": "/api/v1/namespaces/default/services", "Node": "/api/v1/nodes",
            "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"}[item["kind"]]


def _end(started: subprocess.Popen[str]) -> None:
    started.kill()
    started.wait(10)
    started.stdout.close()


def _cables() -> None:
    """The LAN with its four machines, and each node's pods behind it."""
    ip("lan", "link add br0 type bridge\nlink set br0 up\n")
    for short, hosts in (("control", [(CONTROL, "fd98:100::1")]), ("node1", [(NODE1, NODE1_6)]),
                         ("node2", [(NODE2, "fd98:100::12")]), ("client", list(zip(CLIENTS, CLIENTS6)))):
        ip("lan", f"link add to-{short} type veth peer name eth0 netns {name(short)}\n"
                  f"link set to-{short} master br0 up\n")
        ip(short, "link set eth0 up\n" + "".join(
            f"address add {four}/24 dev eth0\naddress add {six}/64 dev eth0 nodad\n" for four, six in hosts))
    namespaces.settings("node1", ROUTER)
    namespaces.settings("node2", ROUTER)
    for number, node in ((1, "node1"), (2, "node2")):
        ip(node, f"link add cni0 type bridge\nlink set cni0 up\naddress add 10.244.{number}.1/24 dev cni0\n"
                 f"address add fd00:244:0:{number}::1/64 dev cni0 nodad\n")
        for pod in (pod for pod, (where, *_rest) in PODS.items() if where == node):
            ip(node, f"link add {pod} type veth peer name eth0 netns {name(pod)}\n"
                     f"link set {pod} master cni0 up\nlink set {pod} type bridge_slave hairpin on\n")
            ip(pod, f"link set eth0 up\naddress add {PODS[pod][1]}/24 dev eth0\n"
                    f"address add {PODS[pod][2]}/64 dev eth0 nodad\nroute add default via 10.244.{number}.1\n"
                    f"route add default via fd00:244:0:{number}::1\n")
    ip("node1", f"route add 10.244.2.0/24 via {NODE2}\nroute add fd00:244:0:2::/64 via fd98:100::12\n")
    ip("node2", f"route add 10.244.1.0/24 via {NODE1}\nroute add fd00:244:0:1::/64 via {NODE1_6}\n")
    # The node asks a cluster address by whatever route it has; a default one is enough, as on a real node.
    ip("node1", f"route add default via {CONTROL}\nroute add default via fd98:100::1\n")
    ip("client", "".join(f"route add {each} via {NODE1}\n" for each in (
        "10.244.1.0/24", SERVICE_RANGES[0], f"{BALANCED}0/24", f"{EXTERNAL}0/24")))
    ip("client", f"route add 10.244.2.0/24 via {NODE2}\nroute add fd00:244:0:2::/64 via fd98:100::12\n"
                 f"route add fd00:244:0:1::/64 via {NODE1_6}\nroute add {SERVICE_RANGES[1]} via {NODE1_6}\n"
                 f"route add fd99:100::/64 via {NODE1_6}\n")
    ip("control", f"route add 10.244.1.0/24 via {NODE1}\nroute add fd00:244:0:1::/64 via {NODE1_6}\n")
