"""Server-side apply as a plan, and the few requests that it makes, against a server that only remembers."""
from __future__ import annotations

import copy
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import deliver
from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.apply_set import KINDS, NAMESPACES, PART_OF, ApplySet, set_id
from ansible.module_utils.fairlead.services.connection import Answer
from ansible.module_utils.fairlead.services.delivery_plan import Intent, Observed, Seen, differences, plan

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
           "spec": {"ports": [{"port": 80}]}}
RESOURCES = {"resources": [{"name": "namespaces", "kind": "Namespace", "namespaced": False},
                       {"name": "services", "kind": "Service", "namespaced": True},
                       {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
                       {"name": "services/status", "kind": "Service", "namespaced": True}]}
SET = "default/fairlead-rack1"
SET_PATH = "/api/v1/namespaces/default/configmaps/fairlead-rack1"
WEB_PATH = "/api/v1/namespaces/shop/services/web"


class Server:
    """An API server that stores what is applied and notes every request."""

    def __init__(self, **answers: Answer) -> None:
        self.objects: dict[str, dict] = {"/api/v1": RESOURCES}
        self.requests: list[tuple[str, str]] = []
        self.refusals = answers

    def send(self, method, path, body):
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        dry = query.get("dryRun") == ["All"]
        self.requests.append((f"{method} dry" if dry else method, parts.path))
        if method == "GET" and "limit" in query:
            return self.listed(parts.path, query.get("labelSelector", [""])[0])
        if method == "GET":
            return Answer(200, self.objects[parts.path]) if parts.path in self.objects else Answer(404, {})
        if method == "DELETE":
            assert json.loads(body)["preconditions"]["uid"] == self.objects.pop(parts.path)["metadata"]["uid"]
            return Answer(200, {})
        sent = json.loads(body)
        if sent["metadata"]["name"] in self.refusals:
            return self.refusals[sent["metadata"]["name"]]
        old = self.objects.get(parts.path)
        made = copy.deepcopy(sent)
        made["metadata"].setdefault("uid", f"uid of {parts.path}")
        made["metadata"]["managedFields"] = [
            {"manager": query["fieldManager"][0], "operation": "Apply",
             "fieldsV1": {"f:spec": {f"f:{key}": {} for key in sent.get("spec", {})}}}]
        number = int(old["metadata"]["resourceVersion"]) if old else 0
        if old or not dry:
            made["metadata"]["resourceVersion"] = str(number if dry else number + 1)
        if not dry:
            self.objects[parts.path] = made
        return Answer(200, made)

    def listed(self, path, selector):
        """Objects below the path, in all namespaces when it names none."""
        kind = path.rpartition("/")[2]
        key, _equals, value = selector.partition("=")
        items = [one for place, one in self.objects.items()
                 if place.rpartition("/")[0].rpartition("/")[2] == kind
                 and ("/namespaces/" not in path or place.startswith(f"{path}/"))
                 and (not selector or (one["metadata"].get("labels") or {}).get(key) == value)]
        return Answer(200, {"apiVersion": "v1", "kind": f"{items[0]['kind']}List" if items else "List", "items": items})

    @property
    def written(self):
        return [path for method, path in self.requests if method == "PATCH"]


def delivery(server, *objects, **options):
    api = Api(server.send, "https://server")
    return deliver.delivery(api, list(objects), {deliver.MANAGED_BY: "fairlead"}, "fairlead", **options)


def run(server, *objects, **options):
    job = delivery(server, *objects, **options)
    planned = job.plan(job.observe())
    for step in planned.steps:
        job.apply(step)
    assert not job.plan(job.observe()).changed
    return planned


def with_set(**answers):
    server = Server(**answers)
    server.objects["/api/v1/namespaces/default"] = {**NAMESPACE, "metadata": {"name": "default"}}
    return server


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


def test_a_new_service_that_is_accepted_for_certain_is_not_tried():
    server = Server()
    server.objects |= {"/version": {"major": "1", "minor": "37"}, "/api/v1/namespaces/shop": NAMESPACE}
    pinned = {**SERVICE, "metadata": {"name": "pinned", "namespace": "shop"},
              "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}}
    wrong = {**SERVICE, "metadata": {"name": "wrong", "namespace": "shop"}, "spec": {}}
    run(server, SERVICE, pinned, wrong, try_all=False)
    tried = {path.rpartition("/")[2] for method, path in server.requests if method == "PATCH dry"}
    assert tried == {"pinned", "wrong"}
    run(server, {**SERVICE, "spec": {"ports": [{"port": 81}]}}, try_all=False)
    assert ("PATCH dry", WEB_PATH) in server.requests  # what is there already is tried


def test_our_label_is_added_unless_the_manifest_has_another():
    server = Server()
    own = {**SERVICE, "metadata": {**SERVICE["metadata"], "labels": {deliver.MANAGED_BY: "me", "a": "b"}}}
    assert delivery(server, SERVICE).intent.wanted[0]["metadata"]["labels"] == {deliver.MANAGED_BY: "fairlead"}
    assert delivery(server, own).intent.wanted[0]["metadata"]["labels"] == {deliver.MANAGED_BY: "me", "a": "b"}
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
    planned = plan(Intent([SERVICE], "fairlead"), Observed(seen))
    assert planned.warnings == ("Service shop/web: externalIPs is deprecated",)


def test_noise_is_not_a_difference():
    live = {**SERVICE, "status": {"loadBalancer": {}}, "metadata": {**SERVICE["metadata"], "generation": 1, "uid": "u"}}
    tried = {**SERVICE, "status": {}, "metadata": {**SERVICE["metadata"], "generation": 2, "uid": "u"}}
    observed = Observed({"Service shop/web": Seen(live, Answer(200, tried))})
    assert not plan(Intent([SERVICE], "fairlead"), observed).changed


def service(name, spec=None):
    return {**SERVICE, "metadata": {"name": name, "namespace": "shop"}, "spec": spec or SERVICE["spec"]}


def test_members_of_the_set_that_are_no_longer_wanted_are_removed():
    server, options = with_set(), {"apply_set": SET, "prune": True}
    assert run(server, NAMESPACE, service("web"), service("old"), **options).describe() == [
        "create Namespace shop", "create ConfigMap default/fairlead-rack1", "create Service shop/old",
        "create Service shop/web"]
    notes = server.objects[SET_PATH]["metadata"]["annotations"]
    assert (notes[KINDS], notes[NAMESPACES]) == ("Namespace,Service", "shop")
    assert run(server, NAMESPACE, service("web"), **options).describe() == ["remove Service shop/old"]
    assert not run(server, NAMESPACE, service("web"), **options).changed


def test_without_prune_nothing_is_removed_and_the_set_still_finds_it():
    server = with_set()
    run(server, NAMESPACE, service("web"), service("old"), apply_set=SET)
    assert not run(server, NAMESPACE, service("web"), apply_set=SET).changed
    assert run(server, NAMESPACE, apply_set=SET, prune=True).describe() == [
        "remove Service shop/old", "remove Service shop/web", "update ConfigMap default/fairlead-rack1"]
    assert server.objects[SET_PATH]["metadata"]["annotations"][KINDS] == "Namespace"


@pytest.mark.parametrize("theirs", [
    {"labels": {}}, {"labels": {PART_OF: "applyset-other-v1"}},
    {"managedFields": [{"manager": "endpointslice-controller", "operation": "Update"}]},
    {"ownerReferences": [{"kind": "Service", "name": "web"}]}])
def test_what_is_not_ours_is_never_removed(theirs):
    server = with_set()
    run(server, NAMESPACE, service("web"), service("old"), apply_set=SET, prune=True)
    server.objects["/api/v1/namespaces/shop/services/old"]["metadata"].update(theirs)
    assert not run(server, NAMESPACE, service("web"), apply_set=SET, prune=True).changed
    assert "/api/v1/namespaces/shop/services/old" in server.objects


def test_a_namespace_is_left_and_named():
    server = with_set()
    run(server, NAMESPACE, service("web"), apply_set=SET, prune=True)
    job = delivery(server, {**SERVICE, "metadata": {"name": "web", "namespace": "default"}}, apply_set=SET, prune=True)
    planned = job.plan(job.observe())
    assert any("Namespace shop is no longer wanted; it is left" in warning for warning in planned.warnings)
    assert "remove Namespace shop" not in planned.describe()


def test_the_set_of_another_tool_is_not_touched():
    server = with_set()
    parent = ApplySet.parse(SET).parent(ApplySet.parse(SET).contents([SERVICE]))
    parent["metadata"]["annotations"]["applyset.kubernetes.io/tooling"] = "kubectl/v1.37"
    server.objects[SET_PATH] = parent
    with pytest.raises(FairleadError, match="belongs to kubectl"):
        run(server, NAMESPACE, service("web"), apply_set=SET, prune=True)


@pytest.mark.parametrize(("objects", "options", "words"), [
    ([SERVICE], {"prune": True}, "needs a set"),
    ([SERVICE], {"apply_set": "x"}, "NAMESPACE/NAME")])
def test_what_could_remove_too_much_is_refused(objects, options, words):
    with pytest.raises(FairleadError, match=words):
        delivery(with_set(), *objects, **options)


def test_the_id_is_the_one_that_kubectl_computes():
    # The value that stands in kubectl's own tests (pkg/cmd/apply/apply_test.go).
    assert set_id("my-set", "test", "Secret") == "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1"
    assert ApplySet("test", "my-set").id == set_id("my-set", "test", "ConfigMap")


def test_an_empty_list_does_not_remove_everything():
    server = with_set()
    assert not delivery(server, apply_set=SET, prune=True).plan(Observed()).describe()[0].startswith("remove")
    run(server, NAMESPACE, service("web"), apply_set=SET, prune=True)
    with pytest.raises(FairleadError, match="is empty: all 1 objects of the set would be removed"):
        run(server, apply_set=SET, prune=True)


HEADLESS = service("web", {"clusterIP": "None", "ports": [{"port": 80}]})
IMMUTABLE = Answer(422, {"details": {"causes": [
    {"field": "spec.clusterIPs[0]", "message": 'Invalid value: ["None"]: may not change once set'}]}})


def test_an_address_is_only_exchanged_for_headless_when_that_is_asked_for():
    server = with_set()
    run(server, NAMESPACE, service("web"))
    send = server.send

    def strict(method, path, body):
        # As the API server does: an object that is there keeps its address.
        if method == "PATCH" and urlsplit(path).path == WEB_PATH and WEB_PATH in server.objects:
            return IMMUTABLE
        return send(method, path, body)

    server.send = strict
    job = delivery(server, NAMESPACE, HEADLESS)
    with pytest.raises(FairleadError, match=r"may not change once set[\s\S]*Ask for it by recreate"):
        job.plan(job.observe())
    assert run(server, NAMESPACE, HEADLESS, recreate=True).describe() == ["delete and create again Service shop/web"]
    assert server.objects[WEB_PATH]["spec"]["clusterIP"] == "None"


def test_headless_stays_headless_in_silence_unless_asked_for():
    server = with_set()
    run(server, NAMESPACE, HEADLESS)
    live = server.objects[WEB_PATH]
    kept = {**live, "spec": {**live["spec"], "clusterIP": "None"}}
    seen = {"Service shop/web": Seen(live, Answer(200, kept))}
    with pytest.raises(FairleadError, match="recreate"):
        plan(Intent([service("web")], "fairlead"), Observed(seen))
    planned = plan(Intent([service("web")], "fairlead", recreate=True), Observed(seen))
    assert planned.describe() == ["delete and create again Service shop/web"]
    others = plan(Intent([service("web")], "somebody", recreate=True), Observed(seen))
    assert not any(step.startswith("delete") for step in others.describe())


def test_what_cannot_be_created_again_is_put_back():
    server = with_set()
    run(server, NAMESPACE, service("web"))
    send, refused = server.send, []

    def strict(method, path, body):
        dry = "dryRun" in path
        if method == "PATCH" and urlsplit(path).path == WEB_PATH and '"None"' in body:
            refused.append(dry)
            return IMMUTABLE if dry else Answer(403, {"message": "quota"})
        return send(method, path, body)

    server.send = strict
    with pytest.raises(FairleadError, match="quota"):
        run(server, NAMESPACE, HEADLESS, recreate=True)
    assert refused == [True, False]
    assert server.objects[WEB_PATH]["spec"] == SERVICE["spec"]


def test_many_objects_are_listed_not_asked_for_one_by_one():
    server = with_set()
    some = [service(f"web{number}") for number in range(9)]
    run(server, NAMESPACE, *some)
    server.requests.clear()
    assert not run(server, NAMESPACE, *some).changed
    assert sum(method == "GET" and "/services" in path for method, path in server.requests) == 1


def test_comparison_looks_at_the_content_alone():
    server = with_set()
    run(server, NAMESPACE, service("web"), apply_set=SET, prune=True)
    server.objects[WEB_PATH]["metadata"]["managedFields"][0]["manager"] = "kubectl"
    api = Api(server.send, "https://server")
    found = deliver.comparison(api, [NAMESPACE, service("web")], "fairlead")
    assert not differences(found.plan(found.observe())).changed
    found = deliver.comparison(api, [NAMESPACE, service("web", {"ports": [{"port": 81}]})], "fairlead")
    assert differences(found.plan(found.observe())).describe() == ["update Service shop/web"]
    assert "81" not in json.dumps(server.objects[WEB_PATH]["spec"])
