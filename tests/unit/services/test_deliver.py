"""Server-side apply as a plan, and the few requests that it makes, against a server that only remembers."""
from __future__ import annotations

import copy
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import deliver
from ansible.module_utils.fairlead.services.api import Answer, Api
from ansible.module_utils.fairlead.services.deliver import Observed, Seen, plan

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
           "spec": {"ports": [{"port": 80}]}}
KINDS = {"resources": [{"name": "namespaces", "kind": "Namespace", "namespaced": False},
                       {"name": "services", "kind": "Service", "namespaced": True},
                       {"name": "services/status", "kind": "Service", "namespaced": True}]}


class Server:
    """An API server that stores what is applied and notes every request."""

    def __init__(self, **answers: Answer) -> None:
        self.objects: dict[str, dict] = {"/api/v1": KINDS}
        self.requests: list[tuple[str, str]] = []
        self.refusals = answers

    def send(self, method, path, body):
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        dry = query.get("dryRun") == ["All"]
        self.requests.append((f"{method} dry" if dry else method, parts.path))
        if method == "GET":
            return Answer(200, self.objects[parts.path]) if parts.path in self.objects else Answer(404, {})
        sent = json.loads(body)
        if sent["metadata"]["name"] in self.refusals:
            return self.refusals[sent["metadata"]["name"]]
        old = self.objects.get(parts.path)
        made = copy.deepcopy(sent)
        made["metadata"]["managedFields"] = [
            {"manager": query["fieldManager"][0], "operation": "Apply", "fieldsV1": sorted(sent)}]
        number = int(old["metadata"]["resourceVersion"]) if old else 0
        made["metadata"]["resourceVersion"] = str(number if dry else number + 1)
        if not dry:
            self.objects[parts.path] = made
        return Answer(200, made)

    @property
    def written(self):
        return [path for method, path in self.requests if method == "PATCH"]


def delivery(server, *objects):
    api = Api(server.send, "https://server")
    wanted = deliver.prepare(api, list(objects), {deliver.MANAGED_BY: "fairlead"})
    return deliver.Delivery(api, wanted, "fairlead", False)


def run(server, *objects):
    job = delivery(server, *objects)
    planned = job.plan(job.observe())
    for step in planned.steps:
        job.apply(step)
    assert not job.plan(job.observe()).changed
    return planned


def test_first_run_and_second_run():
    server = Server()
    assert run(server, SERVICE, NAMESPACE).describe() == ["create Namespace shop", "create Service shop/web"]
    assert server.written == ["/api/v1/namespaces/shop", "/api/v1/namespaces/shop/services/web"]
    server.requests.clear()
    assert run(server, SERVICE, NAMESPACE).describe() == ["the cluster has all 2 objects as wanted"]
    assert server.written == []


def test_object_in_a_namespace_that_is_not_there_is_predicted_without_a_dry_run():
    server = Server()
    job = delivery(server, SERVICE, NAMESPACE)
    planned = job.plan(job.observe())
    assert planned.describe() == ["create Namespace shop", "create Service shop/web"]
    assert ("PATCH dry", "/api/v1/namespaces/shop/services/web") not in server.requests
    assert server.written == []


def test_our_label_is_added_unless_the_manifest_has_another():
    server = Server()
    own = {**SERVICE, "metadata": {**SERVICE["metadata"], "labels": {deliver.MANAGED_BY: "me", "a": "b"}}}
    assert delivery(server, SERVICE).wanted[0]["metadata"]["labels"] == {deliver.MANAGED_BY: "fairlead"}
    assert delivery(server, own).wanted[0]["metadata"]["labels"] == {deliver.MANAGED_BY: "me", "a": "b"}
    assert "labels" not in SERVICE["metadata"]


def test_update_shows_only_what_changes():
    server = Server()
    run(server, SERVICE, NAMESPACE)
    changed = {**SERVICE, "spec": {"ports": [{"port": 81}]}}
    job = delivery(server, NAMESPACE, changed)
    planned = job.plan(job.observe())
    assert planned.describe() == ["update Service shop/web"]
    assert "port: 80" in planned.steps[0].before
    assert "port: 81" in planned.steps[0].after
    assert "resourceVersion" not in planned.diff()[0]["after"]
    server.requests.clear()
    run(server, NAMESPACE, changed)
    assert server.written == ["/api/v1/namespaces/shop/services/web"]


def test_same_values_that_somebody_else_set_are_taken_over():
    server = Server()
    run(server, SERVICE, NAMESPACE)
    server.objects["/api/v1/namespaces/shop/services/web"]["metadata"]["managedFields"][0]["manager"] = "kubectl"
    assert run(server, SERVICE, NAMESPACE).describe() == ["take over the fields of Service shop/web"]


def test_namespace_that_nobody_makes():
    with pytest.raises(FairleadError, match="namespace shop: is not in the cluster"):
        run(Server(), SERVICE)


def test_all_refusals_stand_in_one_error_and_nothing_is_applied():
    def refusal(status, field, message):
        return Answer(status, {"details": {"causes": [{"field": field, "message": message}]}})

    server = Server(web=refusal(422, "spec.ports[0].nodePort", "already allocated"),
                    other=refusal(409, ".spec.type", 'conflict with "kubectl" using v1'))
    server.objects["/api/v1/namespaces/shop"] = NAMESPACE
    other = {**SERVICE, "metadata": {"name": "other", "namespace": "shop"}}
    with pytest.raises(FairleadError) as caught:
        run(server, SERVICE, other)
    for words in ("Service shop/web: spec.ports[0].nodePort: already allocated",
                  'Service shop/other: .spec.type: conflict with "kubectl" using v1', "force_conflicts"):
        assert words in str(caught.value)
    assert server.written == []


@pytest.mark.parametrize("answer", [
    Answer(403, {"message": "not allowed"}), Answer(500, {}), Answer(400, {"details": None, "message": "not allowed"})])
def test_refusal_without_causes(answer):
    server = Server(web=answer)
    server.objects["/api/v1/namespaces/shop"] = NAMESPACE
    with pytest.raises(FairleadError, match=r"Service shop/web: (not allowed|HTTP status 500)"):
        run(server, SERVICE)


def test_unknown_kind_names_the_version():
    with pytest.raises(FairleadError, match='knows no kind "DaemonSet" in version "extensions/v1beta1"'):
        delivery(Server(), {"apiVersion": "extensions/v1beta1", "kind": "DaemonSet", "metadata": {"name": "a"}})


@pytest.mark.parametrize("broken", [{}, {"apiVersion": "v1"}, {**SERVICE, "metadata": []}, {**SERVICE, "kind": 5}])
def test_incomplete_manifest(broken):
    with pytest.raises(FairleadError, match=r"objects\[0\]\."):
        delivery(Server(), broken)


def test_an_object_that_moves_between_two_looks_is_looked_at_again():
    server = Server()
    run(server, SERVICE, NAMESPACE)
    path, touched = "/api/v1/namespaces/shop/services/web", []
    plain_send = server.send

    def send(method, where, body):
        answer = plain_send(method, where, body)
        if method == "GET" and urlsplit(where).path == path and not touched:
            touched.append(path)
            answer = Answer(200, copy.deepcopy(answer.body))
            server.objects[path]["metadata"]["resourceVersion"] = "99"
        return answer

    server.send = send
    job = delivery(server, SERVICE, NAMESPACE)
    assert not job.plan(job.observe()).changed
    assert touched


def test_warnings_of_the_server_are_passed_on():
    seen = {"Service shop/web": Seen(SERVICE, Answer(200, SERVICE, ("externalIPs is deprecated",)))}
    assert plan([SERVICE], Observed(seen), "fairlead").warnings == ("Service shop/web: externalIPs is deprecated",)


def test_noise_is_not_a_difference():
    live = {**SERVICE, "status": {"loadBalancer": {}}, "metadata": {**SERVICE["metadata"], "generation": 1, "uid": "u"}}
    tried = {**SERVICE, "status": {}, "metadata": {**SERVICE["metadata"], "generation": 2, "uid": "u"}}
    assert not plan([SERVICE], Observed({"Service shop/web": Seen(live, Answer(200, tried))}), "fairlead").changed
