"""An API server that is busy, gone in the middle, slow to start again, or that refuses this user."""
from __future__ import annotations

import http.server
import json
import threading
import time

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import connection
from ansible.module_utils.fairlead.services.api import Api

SERVICES = [{"name": f"web{number}", "ports": [{"port": 80}]} for number in range(12)]


class Between:
    """A proxy in front of the API server that can say it is busy, or be gone, from some real apply on."""

    def __init__(self, server) -> None:
        self.busy = 0  # answers 429 so many times
        self.gone_after = -1  # real applies that still pass
        self.refused = 0
        between, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self):
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                real = self.command in ("PATCH", "DELETE") and "dryRun" not in self.path
                with lock:
                    if between.gone_after == 0:
                        self.close_connection = True
                        return
                    between.gone_after -= real and between.gone_after > 0
                    refuse = between.busy > 0
                    between.busy -= refuse
                    between.refused += refuse
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.answer(*((429, b"{}", {"Retry-After": "1"}) if refuse else between.forward(self, body)))

            def answer(self, status, body, headers):
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = server
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def forward(self, request, body):
        upstream = self._server._connect()
        headers = {"Authorization": f"Bearer {self._server._tokens['admin']}", "Accept": "application/json"}
        if request.headers.get("Content-Type"):
            headers["Content-Type"] = request.headers["Content-Type"]
        upstream.request(request.command, request.path, body or None, headers)
        answer = upstream.getresponse()
        text = answer.read()
        upstream.close()
        return answer.status, text, {}

    def api(self, path) -> Api:
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self._http.server_port}"}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
        return Api.connect(str(path), None)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def between(server):
    made = Between(server)
    yield made
    made.close()


def test_a_busy_server_is_asked_again_later(project, between, tmp_path):
    project.services = SERVICES[:2]
    between.busy = 3
    project.deliver(api=between.api(tmp_path / "kubeconfig"))
    assert between.refused == 3
    assert project.deliver() == []


def test_a_server_that_stays_busy_has_a_deadline(project, between, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 2)
    between.busy = 10_000
    started = time.monotonic()
    with pytest.raises(FairleadError, match=r"Too Many Requests|429"):
        project.deliver(api=between.api(tmp_path / "kubeconfig"))
    assert time.monotonic() - started < 15


def test_gone_in_the_middle_says_what_was_applied_and_the_next_run_does_the_rest(project, between, tmp_path):
    project.services = SERVICES
    between.gone_after = 6
    done: list[str] = []
    with pytest.raises(FairleadError, match="gives no answer"):
        project.deliver(api=between.api(tmp_path / "kubeconfig"), done=done)
    live = {one["metadata"]["name"] for one in project.api.listed(f"/api/v1/namespaces/{project.name}/services")}
    assert 0 < len(live) < len(SERVICES)
    assert {step.rpartition("/")[2] for step in done if step.startswith("create Service")} == live
    rest = project.deliver()
    assert {step.rpartition("/")[2] for step in rest} == {service["name"] for service in SERVICES} - live


def test_a_user_without_rights_is_told_so(project, server, kubectl, tmp_path):
    project.services = SERVICES[:5]
    project.deliver()
    limited = user(project, server, kubectl, tmp_path, verbs="get,list")
    project.services = SERVICES[1:6]
    with pytest.raises(FairleadError, match=r'cannot (list|get|patch) resource[\s\S]*right'):
        project.deliver(api=limited)


def test_rights_in_one_namespace_are_enough_for_it(project, server, kubectl, tmp_path):
    """Neither Namespaces nor lists over the whole cluster: what is known of the set names the namespaces."""
    project.apply_set = f"{project.name}/{project.name}"
    project.services = SERVICES[:5]
    project.deliver()
    limited = user(project, server, kubectl, tmp_path, verbs="get,list,create,patch,delete")
    project.services = SERVICES[1:6]
    assert project.deliver(api=limited) == [
        f"create Service {project.name}/web5", f"remove Service {project.name}/web0"]


def user(project, server, kubectl, tmp_path, verbs) -> Api:
    """A ServiceAccount that may do this with Services and ConfigMaps of the project's namespace, and see namespaces."""
    inside = ("--namespace", project.name)
    account = f"{project.name}:limited"
    kubectl("create", "serviceaccount", "limited", *inside)
    kubectl("create", "role", "limited", f"--verb={verbs}", "--resource=services,configmaps", *inside)
    kubectl("create", "rolebinding", "limited", "--role=limited", f"--serviceaccount={account}", *inside)
    kubectl("create", "clusterrole", project.name, "--verb=get,patch", "--resource=namespaces")
    kubectl("create", "clusterrolebinding", project.name, f"--clusterrole={project.name}",
            f"--serviceaccount={account}")
    path = server.kubeconfig(tmp_path / "limited")
    config = json.loads(path.read_text())
    config["users"][0]["user"]["token"] = kubectl("create", "token", "limited", *inside).strip()
    path.write_text(json.dumps(config))
    return Api.connect(str(path), None)


def test_nobody_answers(tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
    with pytest.raises(FairleadError, match="gives no answer"):
        Api.connect(str(path), None).get("/version")
