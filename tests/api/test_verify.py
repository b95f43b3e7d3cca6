"""The proof against a real API server, with a server of ours in the place of a node's rules."""
from __future__ import annotations

import http.server
import itertools
import json
import subprocess
import threading

import pytest
from ansible.module_utils.fairlead.cli.main import main
from ansible.module_utils.fairlead.converge import reach
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import probe_pods
from ansible.module_utils.fairlead.verify.probe_pods_apply import ProbePods
from api_server import ROOT

ADDRESS, NODE_PORT = "127.0.0.87", 30987
PODS = ("web-a", "web-b")


@pytest.fixture(scope="module")
def cluster(server):
    """A node at a loopback address, and the Service demo/web with a node port and two endpoints."""
    ready = [{"type": "Ready", "status": "True", "lastHeartbeatTime": None, "lastTransitionTime": None}]
    objects = [
        ("/api/v1/namespaces", {"metadata": {"name": "demo"}}),
        ("/api/v1/nodes", {"metadata": {"name": "node1"}, "status": {
            "addresses": [{"type": "InternalIP", "address": ADDRESS}], "conditions": ready}}),
        ("/api/v1/namespaces/demo/services", {"metadata": {"name": "web", "labels": {"proof": "yes"}}, "spec": {
            "type": "NodePort", "ports": [{"port": 80, "nodePort": NODE_PORT}]}}),
        ("/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices", {
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}}, "addressType": "IPv4",
            "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [f"10.244.1.{number}"], "hostname": name, "nodeName": "node1"}
                          for number, name in enumerate(PODS, 2)]})]
    for path, body in objects:
        status, answer = server.request("POST", path, body)
        assert status == 201, answer
    return server


@pytest.fixture
def answers():
    """What stands behind the node port; the test sets who answers."""
    state = {"pods": PODS}
    number = itertools.count()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = state["pods"][next(number) % len(state["pods"])].encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer((ADDRESS, NODE_PORT), Answer)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield state
    running.shutdown()
    running.server_close()


def verify(kubeconfig, tmp_path, *words):
    report = tmp_path / "verify.json"
    status = main(["verify", "--kubeconfig", str(kubeconfig), "--selector", "proof=yes", "--patience", "0",
                   "--report", str(report), "--page", str(tmp_path / "verify.html"), *words])
    return status, json.loads(report.read_text(encoding="utf-8")) if report.exists() else None


def test_exit_statuses(cluster, kubeconfig, answers, tmp_path, capsys):
    status, report = verify(kubeconfig, tmp_path)
    assert (status, report["verdict"]) == (0, "proven")
    assert report["cells"][0]["seen"]["answers"].keys() == set(PODS)
    assert "proven: 1 nodes, 1 clients, 1 cells" in capsys.readouterr().out
    assert "✓ proven" in (tmp_path / "verify.html").read_text(encoding="utf-8")

    answers["pods"] = ("web-a", "stranger")
    earlier = tmp_path / "earlier.json"
    (tmp_path / "verify.json").rename(earlier)
    status, report = verify(kubeconfig, tmp_path, "--earlier", str(earlier))
    assert (status, report["verdict"]) == (1, "disproven")
    assert report["since"]["worse"] == [report["cells"][0]["id"]]
    assert "answered by stranger" in capsys.readouterr().out

    (tmp_path / "verify.json").unlink()
    assert verify(kubeconfig, tmp_path, "--selector", "proof=no") == (2, None)
    assert "no Service carries these labels" in capsys.readouterr().err


DEAD = {"ansible_connection": "ssh", "ansible_host": ADDRESS, "ansible_port": 1}


@pytest.mark.parametrize("dead", [{}, {"client2": DEAD}], ids=["all answer", "one client is down"])
def test_playbook(cluster, kubeconfig, answers, tmp_path, dead):
    """The whole way through Ansible, with a client and a node that are this machine."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"vars": local, "children": {
        "control": {"hosts": {"localhost": {}}}, "nodes": {"hosts": {"node1": {}}},
        "clients": {"hosts": {"client1": {}, **dead}}}}}))
    wishes = {"service_verify_kubeconfig": str(kubeconfig), "service_verify_selector": "proof=yes",
              # A cluster address is only there where kube-proxy is.
              "service_verify_kinds": [], "service_verify_report_path": str(tmp_path / "verify.json"),
              "service_verify_page_path": str(tmp_path / "verify.html"), "service_verify_patience": 0}
    done = subprocess.run(
        ["ansible-playbook", "-i", str(tmp_path / "hosts.yml"), "playbooks/verify.yml", "-e", json.dumps(wishes)],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    print(done.stdout, done.stderr)
    report = json.loads((tmp_path / "verify.json").read_text(encoding="utf-8"))
    assert {cell["client"]: cell["verdict"] for cell in report["cells"]} == {
        "client1": "proven", **dict.fromkeys(dead, "unknown")}
    assert (done.returncode == 0) == (not dead)
    assert f"{report['verdict']}: 1 nodes, {1 + len(dead)} clients" in done.stdout
    assert (tmp_path / "verify.html").exists()
    for name in dead:
        assert f"{name}: no results: " in done.stdout


def test_probe_pods_come_and_go(server, api):
    space = "fairlead-verify-test"
    # Nobody makes ServiceAccounts here, and nobody removes namespaces.
    assert server.request("POST", "/api/v1/namespaces", probe_pods.namespace(space))[0] == 201
    account = {"metadata": {"name": "default"}}
    assert server.request("POST", f"/api/v1/namespaces/{space}/serviceaccounts", account)[0] == 201

    def to(wanted):
        pods, done = ProbePods(api, space, wanted), []
        _plan, observed = reach(pods.observe, pods.plan, pods.apply, done, check_mode=False)
        return done, observed

    wanted = probe_pods.wanted(space, ["node1"], ["pod", "host pod"], "pause:1")
    done, observed = to(wanted)
    assert done == [f"create pod {space}/host-pod.node1", f"create pod {space}/pod.node1"]
    assert all(probe_pods.uids(observed[1])["node1"].values())
    assert to(wanted)[0] == []
    changed = probe_pods.wanted(space, ["node1"], ["pod"], "pause:2")
    assert to(changed)[0] == [f"delete pod {space}/host-pod.node1", f"delete pod {space}/pod.node1",
                              f"create pod {space}/pod.node1"]
    assert to({})[0] == [f"delete pod {space}/pod.node1", f"delete namespace {space}"]
    assert to({})[0] == []
    with pytest.raises(FairleadError, match="service_verify_namespace='default'"):
        ProbePods(api, "default", {}).observe()
