"""kube-proxy as pods on the native bench: kubeadm's real objects and the real DaemonSet controller, on a real API
server with NodeRestriction. Scheduler and kubelet are stood in for: pods are bound to the node that they are made for,
and a pod's kube-proxy is started with its real ConfigMap and a token that is bound to the pod, as kubelet does it;
there is no container around it.
"""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import api_server
from bench import CONTROL, POD_RANGES, Bench, newest
from kubernetes import client, config
from releases import LABS

SPACE, FLAGS = "kube-system", ("--allow-privileged=true", "--authorization-mode=Node",
                               "--enable-admission-plugins=NodeRestriction")
KUBELETS = "/etc/kubernetes/kubelet.kubeconfig"
POLL_SECONDS, END_SECONDS = 0.1, 0.5  # a pod is there a little longer than its process
# Starts the program of the other words, and says in a file which process that is.
START = ["sh", "-c", 'echo $$ > "$1"; shift; exec "$@"', "sh"]
ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"


class Pods:
    """Use as a context manager. refused: parts of DaemonSets' names whose pods never run; started: each pod's
    DaemonSet, in order; kubeconfig: an administrator's."""

    def __init__(self, bench: Bench, place: Path) -> None:
        self._bench, self._builds = bench, newest("kubernetes-*")
        self.kubeconfig = bench.api.kubeconfig(place / "admin.kubeconfig")
        self._api = client.CoreV1Api(config.new_client_from_config(str(self.kubeconfig)))
        self.refused: set[str] = set()
        self.started: list[str] = []
        self.error: Exception | None = None
        self._ended_at: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="kubelet")
        self._log = place / "kube-controller-manager.log"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Pods:
        self._bench.kubeconfig(KUBELETS, api_server.KUBELET)
        self._api.patch_node("node1", {"metadata": {"labels": {"kubernetes.io/os": "linux"}}})
        self._take_place_of_kubeadm()
        log = self._stack.enter_context(open(self._log, "wb"))
        argv = ["setpriv", "--pdeathsig", "KILL", "--", str(self._builds / "kube-controller-manager"),
                f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1",
                "--secure-port=0", "--controllers=daemonset"]
        controller = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      env={"PATH": os.defpath, "HOME": os.devnull})
        self._stack.callback(controller.wait, 10)
        self._stack.callback(controller.terminate)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join(20)
        self._stack.close()

    def label(self) -> str | None:
        return (self._api.read_node("node1").metadata.labels or {}).get("fairlead.dev/kube-proxy-mode")

    def annotations(self) -> dict[str, str]:
        return self._api.read_node("node1").metadata.annotations or {}

    def _take_place_of_kubeadm(self) -> None:
        """Its own manifest; but a namespace node cannot size the connection table."""
        text = subprocess.run(
            [str(self._builds / "kubeadm"), "init", "phase", "addon", "kube-proxy", "--print-manifest",
             f"--kubernetes-version=v{LABS.name}", f"--apiserver-advertise-address={CONTROL}",
             f"--apiserver-bind-port={self._bench.api.port}", f"--pod-network-cidr={','.join(POD_RANGES)}"],
            capture_output=True, text=True, check=True, timeout=60).stdout
        text = text.replace("maxPerCore: null", "maxPerCore: 0").replace("min: null", "min: 0")
        argv = [str(self._builds / "kubectl"), "--kubeconfig", str(self.kubeconfig), "apply", "--filename", "-"]
        subprocess.run(argv, input=text, capture_output=True, text=True, check=True, timeout=60)

    def _run(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            try:
                listed = self._api.list_namespaced_pod(SPACE, _preload_content=False, _request_timeout=10)
                for pod in json.loads(listed.data)["items"]:
                    self._care(pod)
            except Exception as error:  # noqa: BLE001 - shown by the test; an API server that hangs is one of its faults
                self.error = error

    def _care(self, pod: dict[str, Any]) -> None:
        name, owner = pod["metadata"]["name"], pod["metadata"]["ownerReferences"][0]["name"]
        if pod["metadata"].get("deletionTimestamp"):
            if name not in self._ended_at:
                self._end(name)
                self._ended_at[name] = time.monotonic()
            elif time.monotonic() - self._ended_at[name] > END_SECONDS:
                self._api.delete_namespaced_pod(name, SPACE, grace_period_seconds=0)
        elif not pod["spec"].get("nodeName"):
            self._api.create_namespaced_pod_binding(
                name, SPACE, {"metadata": {"name": name}, "target": {"apiVersion": "v1", "kind": "Node",
                                                                     "name": "node1"}}, _preload_content=False)
        elif pod["status"].get("phase") != "Running" and not any(part in owner for part in self.refused):
            self._start(pod)
            self.started.append(owner)
            running = {"name": "kube-proxy", "ready": True, "started": True, "restartCount": 0, "image": "x",
                       "imageID": "x", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
            self._api.patch_namespaced_pod_status(name, SPACE, {"status": {
                "phase": "Running", "containerStatuses": [running],
                "conditions": [{"type": "Ready", "status": "True"}]}})

    def _start(self, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        volume = next(each["configMap"]["name"] for each in pod["spec"]["volumes"] if "configMap" in each)
        for file, text in self._api.read_namespaced_config_map(volume, SPACE).data.items():
            self._bench.write(f"/var/lib/kube-proxy/{file}", text)
        bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod["metadata"]["uid"]}
        minted = json.loads(self._api.create_namespaced_service_account_token(
            "kube-proxy", SPACE, {"spec": {"audiences": [], "boundObjectRef": bound}}, _preload_content=False).data)
        self._bench.write(f"{ACCOUNT}/token", minted["status"]["token"], 0o600)
        self._bench.write(f"{ACCOUNT}/ca.crt", self._bench.api.authority())
        argv = self._bench.node_argv(*START, f"/run/{name}.pid", "/usr/local/bin/kube-proxy",
                                     "--config=/var/lib/kube-proxy/config.conf", "--hostname-override=node1")
        with open(self._log.with_name(f"{name}.log"), "wb") as log:
            subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def _end(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError, RuntimeError):  # it never ran, or has ended by itself
            self._bench.on_node("kill", self._bench.read(f"/run/{name}.pid").strip())
