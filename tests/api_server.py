"""A real kube-apiserver with its etcd on the loopback interface, without nodes: ready in a few seconds.

For tests that need to know what an API server says. The programs come from the lab's finished builds.
"""
from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
from ansible.module_utils.fairlead.lab import pki  # noqa: E402

START_SECONDS = 90.0
REQUEST_SECONDS = 30.0
CACHE = Path("/var/cache/fairlead")  # lab_artifacts_cache
ADMIN, KUBE_PROXY, KUBELET = "admin", "system:kube-proxy", "system:node:node1"
USERS = {ADMIN: "system:masters", KUBE_PROXY: "", KUBELET: "system:nodes"}  # with their group
STOP_SECONDS = 3.0  # the data is thrown away, so nobody waits for an API server that drains


def programs() -> Path:
    """The directory of the Kubernetes that the lab was built with; that of the running lab, else the newest."""
    kubectl = ROOT / ".lab" / (os.environ.get("FAIRLEAD_LAB") or "lab") / "bin" / "kubectl"
    if kubectl.exists():
        return kubectl.resolve().parent
    built = sorted(CACHE.glob("kubernetes-*/kube-apiserver"), key=lambda path: path.stat().st_mtime)
    assert built, f"no Kubernetes in {CACHE}: run make lab once"
    return built[-1].parent


class ApiServer:
    """Use as a context manager; `request` speaks to it as an administrator.

    etcd, kube_apiserver: the programs
    service_cidrs: as --service-cluster-ip-range takes them
    address: where it listens; nodes in other network namespaces need one that they reach
    """

    def __init__(self, etcd: Path, kube_apiserver: Path, service_cidrs: str = "10.96.0.0/16,fd00:96::/108",
                 flags: tuple[str, ...] = (), address: str = "127.0.0.1") -> None:
        self._programs, self._cidrs, self._flags = (etcd, kube_apiserver), service_cidrs, flags
        self._address = address
        self._dir = Path(tempfile.mkdtemp(prefix="fairlead-api-"))  # mode 0700
        self._tokens = {user: secrets.token_urlsafe(32) for user in USERS}
        self._running: list[subprocess.Popen[bytes]] = []
        self._connection: http.client.HTTPSConnection | None = None
        self.port = 0
        self.started_in = 0.0

    def __enter__(self) -> ApiServer:
        started = time.monotonic()
        try:
            self._start(*self._programs)
            self._wait(started + START_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        self.started_in = time.monotonic() - started
        return self

    def __exit__(self, *_error: object) -> None:
        if self._connection:
            self._connection.close()
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        self._running.clear()
        shutil.rmtree(self._dir, ignore_errors=True)

    def request(self, method: str, path: str, body: Any = None, kind: str = "application/json",
                ) -> tuple[int, dict[str, Any]]:
        """Status and answer. body: text of this kind, or what JSON is made of."""
        text = body if body is None or kind != "application/json" else json.dumps(body)
        headers = {"Authorization": f"Bearer {self._tokens[ADMIN]}", "Content-Type": kind}
        for attempt in (1, 2):  # the server may have closed a connection that was idle
            try:
                if self._connection is None:
                    self._connection = self._connect()
                self._connection.request(method, path, text and text.encode(), headers)
                answer = self._connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (http.client.HTTPException, ConnectionError, ssl.SSLEOFError) as error:
                self._connection = None
                if attempt == 2 and isinstance(error, http.client.RemoteDisconnected):
                    return 500, {"message": "the API server closed the connection without an answer: it panicked"}
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def pause(self) -> None:
        """Stop answering, as a server that hangs does, until go_on()."""
        self._running[-1].send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._running[-1].send_signal(signal.SIGCONT)

    def kubeconfig(self, path: Path, user: str = ADMIN) -> Path:
        """A kubeconfig for other clients, written with mode 0600; of one of USERS."""
        authority = base64.b64encode((self._dir / "ca.crt").read_bytes()).decode()
        path.touch(mode=0o600)
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"https://{self._address}:{self.port}",
                                                      "certificate-authority-data": authority}}],
            "users": [{"name": "test", "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }), encoding="utf-8")
        return path

    def authority(self) -> str:
        """The certificate that its own is judged by."""
        return (self._dir / "ca.crt").read_text(encoding="utf-8")

    def _start(self, etcd: Path, kube_apiserver: Path) -> None:
        client, peer, self.port = _free_ports(3)
        self._write_keys()
        url = f"https://127.0.0.1:{client}"
        certificates = [f"--cert-file={self._dir}/etcd.crt", f"--key-file={self._dir}/etcd.key"]
        peers = [flag.replace("--", "--peer-") for flag in certificates]
        self._run(etcd, [
            f"--data-dir={self._dir}/data", f"--listen-client-urls={url}", f"--advertise-client-urls={url}",
            *certificates, f"--trusted-ca-file={self._dir}/ca.crt", "--client-cert-auth=true",
            f"--listen-peer-urls=https://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=https://127.0.0.1:{peer}",
            f"--initial-cluster=default=https://127.0.0.1:{peer}", *peers, f"--peer-trusted-ca-file={self._dir}/ca.crt",
            "--peer-client-cert-auth=true", "--unsafe-no-fsync=true"])
        self._run(kube_apiserver, [
            f"--etcd-servers={url}", f"--etcd-cafile={self._dir}/ca.crt", f"--etcd-certfile={self._dir}/etcd.crt",
            f"--etcd-keyfile={self._dir}/etcd.key", f"--bind-address={self._address}", f"--secure-port={self.port}",
            "--endpoint-reconciler-type=none", "--authorization-mode=RBAC", "--anonymous-auth=false",
            f"--token-auth-file={self._dir}/tokens", f"--service-cluster-ip-range={self._cidrs}",
            f"--tls-cert-file={self._dir}/api.crt", f"--tls-private-key-file={self._dir}/api.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._dir}/accounts.pub",
            f"--service-account-signing-key-file={self._dir}/accounts.key", *self._flags])

    def _write_keys(self) -> None:
        ca_certificate, ca_key = pki.self_signed("fairlead-test")
        accounts = pki.new_key()
        texts = {"ca.crt": ca_certificate, "accounts.key": pki.key_text(accounts),
                 "accounts.pub": pki.public_text(accounts), "tokens": "".join(
                     f"{self._tokens[user]},{user},{user}{group and f',{group}'}\n" for user, group in USERS.items())}
        names = sorted({"127.0.0.1", self._address})
        for name in ("api", "etcd"):
            texts[f"{name}.crt"], texts[f"{name}.key"] = pki.issue(
                {"common_name": name, "usages": ["server", "client"], "sans": names}, ca_certificate, ca_key)
        for name, text in texts.items():
            (self._dir / name).write_text(text, encoding="utf-8")

    def _run(self, program: Path, flags: list[str]) -> None:
        # setpriv: a test that is killed must not leave them behind
        argv = ["setpriv", "--pdeathsig", "KILL", "--", str(program), *flags]
        with open(self._dir / f"{program.name}.log", "wb") as log:
            self._running.append(subprocess.Popen(argv, cwd=self._dir, stdin=subprocess.DEVNULL, stdout=log,
                                                  stderr=log, env={"PATH": os.defpath, "HOME": str(self._dir)}))

    def _wait(self, deadline: float) -> None:
        while True:
            # /readyz alone comes too early: the allocators are at work once the API server's own Service is there.
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                own = "/api/v1/namespaces/default/services/kubernetes"
                if all(self.request("GET", path)[0] == 200 for path in (own, "/api/v1/namespaces/default")):
                    return
            self._connection = None
            for process in self._running:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args[4]} ended with status {process.returncode}:\n{self._log_end()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the API server is not ready after {START_SECONDS:.0f} s:\n{self._log_end()}")
            time.sleep(0.1)

    def _connect(self) -> http.client.HTTPSConnection:
        trust = ssl.create_default_context(cafile=str(self._dir / "ca.crt"))
        return http.client.HTTPSConnection(self._address, self.port, timeout=REQUEST_SECONDS, context=trust)

    def _log_end(self) -> str:
        return "\n".join(f"{path.name}: {line}" for path in sorted(self._dir.glob("*.log"))
                         for line in path.read_text(errors="replace").splitlines()[-8:])


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
