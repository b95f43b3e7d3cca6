"""Cluster DNS on the native bench: the real CoreDNS behind the Service kube-dns, and dig as a pod has it."""
from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import namespaces
from ansible.module_utils.fairlead.verify import dig
from bench import CONTROL, Bench, newest

ADDRESS = "10.96.0.10"
SEARCH = "default.svc.cluster.local svc.cluster.local cluster.local"
PLUGINS = "errors\n    kubernetes cluster.local {{\n        kubeconfig {kubeconfig}\n        ttl 5\n    }}\n"
KUBE_DNS = [
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns", "namespace": "default"}, "spec": {
        "clusterIP": ADDRESS, "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}},
    {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
     "metadata": {"name": "kube-dns-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "kube-dns"}},
     "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}], "endpoints": [{"addresses": [CONTROL]}]}]


@contextlib.contextmanager
def coredns(bench: Bench, directory: Path, lie: str = "") -> Iterator[None]:
    """CoreDNS on the control machine. lie: lines of its plugin hosts, which then comes first."""
    kubeconfig, corefile = directory / "coredns.kubeconfig", directory / "Corefile"
    bench.api.kubeconfig(kubeconfig)
    hosts = f"    hosts {{\n        {lie}\n        fallthrough\n    }}\n" if lie else ""
    corefile.write_text(f".:53 {{\n{hosts}    {PLUGINS.format(kubeconfig=kubeconfig)}}}\n", encoding="utf-8")
    argv = ["setpriv", "--pdeathsig", "KILL", str(newest("coredns-*") / "coredns"), "-conf", str(corefile)]
    with namespaces.inside("control"), open(directory / "coredns.log", "wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


@contextlib.contextmanager
def pod(short: str, directory: Path) -> Iterator[dig.Pod]:
    """A process in the pod's network that has the resolv.conf which the kubelet would write."""
    own = directory / "resolv.conf"
    own.write_text(f"nameserver {ADDRESS}\nsearch {SEARCH}\noptions ndots:5\n", encoding="utf-8")
    script = 'mount --bind "$1" "$(realpath /etc/resolv.conf)" && echo ready && exec sleep 3600'
    argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", script, "sh", str(own)]
    with namespaces.inside(short):
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    descriptor = os.open(namespaces.PLACE / namespaces.name(short), os.O_RDONLY)
    try:
        assert process.stdout.readline() == "ready\n"
        yield dig.Pod(descriptor, process.pid)
    finally:
        os.close(descriptor)
        process.kill()
        process.wait(10)


def install_dig(directory: Path) -> None:
    """The node image's dig, with its own libraries, first in PATH."""
    tree = newest("rootfs-*") / "tree"
    words = f'{tree}/lib64/ld-linux-x86-64.so.2 --library-path {tree}/usr/lib/x86_64-linux-gnu {tree}/usr/bin/dig'
    program = directory / "dig"
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    os.environ["PATH"] = f"{directory}:{os.environ['PATH']}"


def wait(pod_: dig.Pod, name: str, seconds: float = 60) -> None:
    """Until CoreDNS has read the cluster."""
    question = {"name": name, "type": "A", "how": ""}
    end = time.monotonic() + seconds
    while not dig.ask_all([question], pod_, 1, 0, lambda *_: True)[0]["answers"]:
        assert time.monotonic() < end, f"CoreDNS does not know {name}"
        time.sleep(0.5)
