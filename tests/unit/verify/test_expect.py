"""Waiting for a cluster to stand still, and reading it from an API server."""
from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import expect, targets
from ansible.module_utils.fairlead.verify.cells import Question
from ansible.module_utils.fairlead.verify.clients import inside, outside
from ansible.module_utils.fairlead.verify.cluster import Cluster

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/verify/cluster.yml").read_text())
READY = [service for service in CASES["services"] if service["metadata"]["name"] == "web"]
QUESTION = Question({"TCP": "/hostname", "UDP": "hostname"})
CLIENT = outside(["client1"], {})
SLICE = {**CASES["slices"][0], "endpoints": CASES["slices"][0]["endpoints"][:2]}


class Clock:
    def __init__(self):
        self.time = 0.0

    def sleep(self, seconds):
        self.time += seconds


def seen(quiet, slices):
    return expect.Observed(READY, slices, [], quiet)


def wait(looks, limit=10.0, settle=5.0):
    clock = Clock()
    looks = iter(looks)
    observed, moving = expect.wait_until_still(lambda: next(looks), limit, settle, lambda: clock.time, clock.sleep)
    return observed, moving, clock.time


def test_a_still_cluster_costs_no_wait():
    assert wait([seen(100, [SLICE])])[1:] == ([], 0)


def test_waits_for_pods_and_then_for_quiet():
    looks = [seen(0, []), seen(1, []), seen(0, [SLICE]), seen(4, [SLICE]), seen(5, [SLICE])]
    assert wait(looks)[1:] == ([], 4)


def test_gives_up_and_says_what_is_missing():
    assert wait([seen(100, [])] * 20)[1:] == (["demo/web has no ready pod"], 10)


def test_gives_up_on_a_cluster_that_never_rests():
    assert wait([seen(1, [SLICE])] * 20)[1] == ["Services or their pods changed 1 s ago"]


def test_quiet_counts_from_the_youngest_change():
    now = datetime(2030, 1, 1, 0, 1, tzinfo=timezone.utc)
    objects = [
        {"metadata": {"creationTimestamp": "2030-01-01T00:00:10Z"}},
        {"metadata": {"creationTimestamp": "2029-01-01T00:00:00Z",
                      "managedFields": [{"time": "2030-01-01T00:00:30Z"}, {}]}},
    ]
    assert expect.quiet(objects, now) == 30
    assert expect.quiet([{"metadata": {}}], now) == float("inf")


LISTS = {
    "/api/v1/services": CASES["services"], "/api/v1/nodes": CASES["nodes"],
    "/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices": CASES["slices"][:2],
}


class FakeApi(BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        if "nothing" in query:
            status, answer = 200, {"items": None}
        elif "broken" in query:
            status, answer = 400, {"message": "unable to parse requirement"}
        elif path in LISTS:
            status, answer = 200, {"items": LISTS[path]}
        else:
            status, answer = 404, {"message": "not found"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp=None):
        return "Tue, 01 Jan 2030 00:00:00 GMT"

    def log_message(self, *_):
        pass


def kubeconfig(directory, port):
    text = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}
    (directory / "kubeconfig").write_text(yaml.safe_dump(text))
    return str(directory / "kubeconfig")


@pytest.fixture
def cluster(tmp_path):
    pytest.importorskip("kubernetes")
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeApi)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Cluster(kubeconfig(tmp_path, server.server_port))
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_observe(cluster):
    observed = expect.observe(cluster, "a=b")
    assert [node.name for node in observed.nodes] == ["node1", "node2", "node3"]
    assert len(observed.slices) == 2
    assert cluster.now == datetime(2030, 1, 1, tzinfo=timezone.utc)
    promised = expect.promise(observed, CLIENT, QUESTION)
    assert len(promised["tasks"]["client1"][0]["tasks"]) == len(promised["cells"])
    assert json.dumps(promised)


def test_no_service_is_an_error(cluster):
    with pytest.raises(FairleadError, match="service_verify_selector='nothing=here': no Service"):
        expect.observe(cluster, "nothing=here")


def test_what_the_api_server_refuses(cluster):
    with pytest.raises(FairleadError, match=r"unable to parse requirement\. Correct the label selector"):
        expect.observe(cluster, "broken")


def test_only_services_that_cannot_be_probed():
    name = [service for service in CASES["services"] if service["metadata"]["name"] == "name"]
    with pytest.raises(FairleadError, match="demo/name: ExternalName has no address"):
        expect.promise(expect.Observed(name, [], [], 9), CLIENT, QUESTION)


def test_a_cluster_address_cannot_be_asked_from_outside():
    only = [service for service in CASES["services"] if service["metadata"]["name"] in ("inside", "web")]
    only[1] = {"metadata": only[1]["metadata"], "spec": {**only[1]["spec"], "externalIPs": []}}
    nodes = targets.read_nodes(CASES["nodes"])
    observed = expect.Observed(only, [], nodes, 9)
    sentence = "demo/inside 80/TCP: only a cluster address, which no client is inside to reach"
    assert sentence in expect.promise(observed, CLIENT, QUESTION)["unproven"]
    both = CLIENT + inside(nodes, ["node1"], ["node"], {})
    assert sentence not in expect.promise(observed, both, QUESTION)["unproven"]


def test_an_api_server_that_is_down(tmp_path):
    pytest.importorskip("kubernetes")
    with pytest.raises(FairleadError, match="the API server gives no answer"):
        Cluster(kubeconfig(tmp_path, 9)).items("/api/v1/nodes")


def test_no_kubeconfig(tmp_path):
    pytest.importorskip("kubernetes")
    with pytest.raises(FairleadError, match="cannot be used"):
        Cluster(str(tmp_path / "none"))
