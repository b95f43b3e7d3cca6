"""playbooks/verify.yml from its plan to its page: Ansible, the roles, the API client, connections and the report are
real. The API server answers from a list, node ports are a server here, and the modules that look at a node's own
settings are stand-ins, which write down whether they were called in check mode.
"""
from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ADDRESSES = {"node1": "127.0.0.71", "node2": "127.0.0.72"}
SERVICES = 6
FIRST_PORT = 31700
MODULE = '''#!{python}
# WANT_JSON
import json, sys
args = json.load(open(sys.argv[1]))
with open("{log}", "a") as log:
    log.write("{name} check=" + str(args["_ansible_check_mode"]) + "\\n")
print(json.dumps({result}))
'''
DIFFERS = [{"setting": "net.ipv4.ip_forward", "wished": "1", "found": "0", "same": False},
           {"setting": "net.core.somaxconn", "wished": "at least 4096", "found": "4096", "same": True}]
DEAD = {"ansible_connection": "ssh", "ansible_host": ADDRESSES["node2"], "ansible_port": 1}
RESULTS = {
    "kernel_modules": {"failed": True, "msg": "kernel module ip_vs: not in this kernel"},
    "node_sysctl": {"changed": True, "compared": DIFFERS, "findings": ["net.ipv4.ip_forward is 0, asked is 1"]},
    "kube_proxy": {"changed": False, "compared": [
        {"setting": "kube-proxy mode", "wished": "nftables", "found": "nftables", "same": True}]},
    "kube_proxy_info": {"mode": "nftables", "version": "v1.37.2", "healthy": True},
}


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = LISTS.get(self.path.partition("?")[0])
        body = json.dumps({"items": found} if found is not None else {"message": "not found", "code": 404}).encode()
        self.send_response(200 if found is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Pod(Api):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"web-a")


def services():
    meta = {"namespace": "demo", "labels": {"app.kubernetes.io/managed-by": "fairlead"}}
    for number in range(SERVICES):
        name = f"web{number}"
        yield {"metadata": {**meta, "name": name}, "spec": {
            "type": "NodePort", "ipFamilies": ["IPv4"], "ports": [{"port": 80, "nodePort": FIRST_PORT + number}]}}, {
            "metadata": {"namespace": "demo", "name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["10.244.1.2"], "hostname": "web-a", "nodeName": "node1"}]}


LISTS = {
    "/api/v1/services": [service for service, _ in services()],
    "/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices": [own for _, own in services()],
    "/api/v1/nodes": [{"metadata": {"name": name}, "status": {
        "addresses": [{"type": "InternalIP", "address": address}],
        "conditions": [{"type": "Ready", "status": "True"}]}} for name, address in ADDRESSES.items()],
}


@contextmanager
def serving(handler, address, port):
    server = http.server.ThreadingHTTPServer((address, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def verify(tmp_path):
    """Run the playbook with these variables; (status, output, report, page, calls of the stand-ins)."""
    pytest.importorskip("kubernetes")
    (tmp_path / "library").mkdir()
    for name, result in RESULTS.items():
        (tmp_path / "library" / f"{name}.py").write_text(MODULE.format(
            python=sys.executable, log=tmp_path / "calls", name=name, result=repr(result)))
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "kube_proxy_mode": "nftables",
             "kube_proxy_kubernetes_version": "1.37.2"}
    groups = {"control": ["localhost"], "nodes": list(ADDRESSES), "clients": ["client1", "client2"]}

    def call(down=(), **wishes):
        (tmp_path / "calls").write_text("")
        (tmp_path / "hosts.json").write_text(json.dumps({"all": {"vars": local, "children": {
            name: {"hosts": {host: DEAD if host in down else {} for host in hosts}}
            for name, hosts in groups.items()}}}))
        with serving(Api, "127.0.0.1", 0) as port:
            (tmp_path / "kubeconfig").write_text(yaml.safe_dump({
                "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
            given = {"service_verify_kubeconfig": str(tmp_path / "kubeconfig"), "service_verify_kinds": [],
                     "service_verify_report_path": str(tmp_path / "verify.json"), "service_verify_patience": 0,
                     "service_verify_page_path": str(tmp_path / "verify.html"), **wishes}
            argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(tmp_path / "hosts.json"),
                    "playbooks/verify.yml", "--extra-vars", json.dumps(given)]
            environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
                           "ANSIBLE_LIBRARY": f"{tmp_path / 'library'}:{ROOT / 'library'}"}
            done = subprocess.run(argv, cwd=ROOT, env=environment, check=False, timeout=1200, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert (tmp_path / "verify.json").exists(), done.stdout
        return (done.returncode, done.stdout, json.loads((tmp_path / "verify.json").read_text(encoding="utf-8")),
                (tmp_path / "verify.html").read_text(encoding="utf-8"), (tmp_path / "calls").read_text().splitlines())

    with serving(Pod, ADDRESSES["node1"], FIRST_PORT):
        yield call


@pytest.fixture
def everything_is_served():
    """All node ports but the one that `verify` serves itself."""
    places = [(address, FIRST_PORT + number) for address in ADDRESSES.values() for number in range(SERVICES)
              if (address, number) != (ADDRESSES["node1"], 0)]
    opened = [serving(Pod, *place) for place in places]
    for each in opened:
        each.__enter__()
    yield
    for each in opened:
        each.__exit__(None, None, None)


def test_a_sample_with_settings(verify, everything_is_served):
    status, output, report, page, calls = verify(service_verify_depth="quick", service_verify_sample=10,
                                                 service_verify_drift=True)
    assert status == 0, output
    assert report["verdict"] == "proven"
    assert (report["sample"]["asked"], report["sample"]["of"], report["connections"]) == (10, 24, 10)
    assert "a sample (quick depth, seed 1): 10 of 24 cells, one connection each" in output
    assert "proven (of a sample): 2 nodes, 2 clients, 10 of 24 cells" in output
    assert "<h1>✓ proven <small>(of a sample)</small></h1>" in page
    for client in ("client1", "client2"):
        assert f"{client} asks " in output
        assert f"{client} has asked everything, in " in output

    looked = [call for call in calls if "info" not in call]
    assert sorted(looked) == sorted(f"{name} check=True" for name in ("kernel_modules", "node_sysctl", "kube_proxy")
                                    for _ in ADDRESSES), "one call a role and node, each in check mode"
    assert [node["node"] for node in report["settings"]] == list(ADDRESSES)
    assert report["settings"][0]["rows"] == [*DIFFERS, *RESULTS["kube_proxy"]["compared"]]
    assert report["settings"][0]["untold"] == ["kernel_modules: kernel module ip_vs: not in this kernel"]
    assert ("settings of node1: 2 settings as wished, 1 differ (net.ipv4.ip_forward is 0, wished 1), kernel_modules: "
            "kernel module ip_vs: not in this kernel") in output
    assert '<th scope="row">net.ipv4.ip_forward</th><td>1</td><td>0</td><td class="differs">≠ differs</td>' in page


def test_of_a_kube_proxy_in_a_pod_only_its_own_answer_is_shown(verify, everything_is_served):
    status, output, report, _page, calls = verify(kube_proxy_deployment="daemonset", service_verify_drift=True)
    assert status == 0, output
    assert "kube_proxy check=True" not in calls
    assert report["settings"][1]["rows"] == [*DIFFERS, *RESULTS["kube_proxy"]["compared"]]


def test_a_node_that_cannot_be_looked_at_does_not_stop_the_proof(verify, everything_is_served):
    status, output, report, _page, calls = verify(down=["node2"], service_verify_drift=True)
    assert status == 0, output
    assert report["verdict"] == "proven", "its node ports were asked all the same"
    assert [len(node["untold"]) for node in report["settings"]] == [1, 3]
    assert "unreachable" in report["settings"][1]["untold"][1] or "refused" in report["settings"][1]["untold"][1]
    assert len([call for call in calls if "check=True" in call]) == 3


def test_the_full_depth_asks_for_no_settings(verify):
    status, output, report, page, calls = verify()
    assert status != 0
    assert report["verdict"] == "disproven", "five of the Services are not served on one node, and none on the other"
    assert len(report["cells"]) == 24
    assert report["sample"] is None
    assert report["settings"] is None
    assert "Not asked for in this run" in page
    assert not [call for call in calls if "info" not in call]
    assert "settings of" not in output
