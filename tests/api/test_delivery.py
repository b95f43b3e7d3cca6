"""Deliveries to a real API server: truthful before, complete after, and nothing of anybody else's."""
from __future__ import annotations

import difflib
import json

import pytest
from ansible.module_utils.fairlead.errors import FairleadError

WEB = {"name": "web", "type": "NodePort", "selector": {"app": "web"},
       "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
API = {"name": "api", "selector": {"app": "api"}, "ports": [{"port": 80}]}


def changed_lines(step):
    lines = difflib.unified_diff(step.before.splitlines(), step.after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_kubectl_finds_no_difference_after_our_delivery(project, kubectl):
    project.services = [WEB, API]
    namespace = f"Namespace {project.name}"
    assert project.deliver() == [f"create {namespace}", f"create ConfigMap default/{project.name}",
                                 f"create Service {project.name}/api", f"create Service {project.name}/web"]
    directory = project.render()
    assert kubectl("diff", "--kustomize", directory) == ""
    assert kubectl("diff", "--kustomize", directory, "--server-side", "--field-manager", "somebody") == ""

    project.services = [{**WEB, "ports": [{"name": "http", "port": 80, "targetPort": 8081}]}, API]
    assert kubectl("diff", "--kustomize", project.render(), good=(1,)) != ""
    assert project.deliver(check=True) == [f"update Service {project.name}/web"]
    assert changed_lines(project.steps[0]) == ["-    targetPort: 8080", "+    targetPort: 8081"]
    before = project.live("api")["metadata"]["resourceVersion"]
    assert project.deliver() == [f"update Service {project.name}/web"]
    assert project.live("api")["metadata"]["resourceVersion"] == before
    assert kubectl("diff", "--kustomize", directory) == ""


def test_check_mode_and_a_second_delivery_persist_nothing(project):
    project.services = [WEB, API]
    project.deliver()
    before = project.versions()
    assert project.deliver() == []
    project.services = [{**WEB, "sessionAffinity": "ClientIP"}, {**API, "name": "new"}]
    assert project.deliver(check=True) == [
        f"create Service {project.name}/new", f"update Service {project.name}/web",
        f"remove Service {project.name}/api"]
    assert project.versions() == before


def test_check_mode_on_a_cluster_without_the_namespace_creates_nothing(project):
    project.services = [WEB]
    assert len(project.deliver(check=True)) == 3
    assert project.api.get(f"/api/v1/namespaces/{project.name}") is None


def test_pruning_takes_ours_and_nothing_else(project, kubectl):
    project.services = [WEB, API]
    project.deliver()
    label = project.live("web")["metadata"]["labels"]["applyset.kubernetes.io/part-of"]
    # As the controllers do: a slice with the Service's labels, of an owner; and somebody's own object with our label.
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{project.name}/endpointslices"
    for name, owner in (("owned", [{"apiVersion": "v1", "kind": "Service", "name": "api",
                                    "uid": project.live("api")["metadata"]["uid"]}]), ("foreign", [])):
        metadata = {"name": name, "labels": {"applyset.kubernetes.io/part-of": label}, "ownerReferences": owner}
        made = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": [],
                "metadata": metadata}
        assert project.api.send("POST", slices, json.dumps(made)).ok
    kubectl("create", "service", "clusterip", "theirs", "--tcp=80", "--namespace", project.name)
    kubectl("label", "service", "theirs", f"applyset.kubernetes.io/part-of={label}", "--namespace", project.name)
    project.services = [{**WEB, "name": "other"}]
    assert project.deliver() == [f"create Service {project.name}/other", f"remove Service {project.name}/api",
                                 f"remove Service {project.name}/web"]
    left = {one["metadata"]["name"] for one in project.api.listed(f"/api/v1/namespaces/{project.name}/services")}
    assert left == {"other", "theirs"}
    assert {one["metadata"]["name"] for one in project.api.listed(slices)} == {"owned", "foreign"}
    assert project.deliver() == []


def test_a_conflict_names_the_field_and_its_owner(project, kubectl):
    project.services = [WEB]
    project.deliver()
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": project.name},
              "spec": {"sessionAffinity": "ClientIP"}}
    kubectl("apply", "--server-side", "--field-manager", "somebody", "--filename", "-", stdin=json.dumps(theirs))
    assert project.deliver() == []
    assert project.live("web")["spec"]["sessionAffinity"] == "ClientIP"
    project.services = [{**WEB, "sessionAffinity": "None"}]
    with pytest.raises(FairleadError, match=r'\.spec\.sessionAffinity: conflict with "somebody"') as caught:
        project.deliver()
    assert "force_conflicts" in caught.value.remedy
    assert project.deliver(force=True) == [f"update Service {project.name}/web"]
    assert project.live("web")["spec"]["sessionAffinity"] == "None"


def test_all_refusals_come_at_once_and_nothing_is_applied(project):
    project.services = [{**WEB, "externalTrafficPolicy": "local"}, {**API, "type": "ExternalName", "externalName": "-"},
                        {**API, "name": "good"}]
    project.manifests = []
    project.api.send("POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": project.name}}))
    with pytest.raises(FairleadError, match=r"spec.externalName[\s\S]*spec.externalTrafficPolicy"):
        project.deliver()
    assert list(project.api.listed(f"/api/v1/namespaces/{project.name}/services")) == []


@pytest.mark.parametrize(("first", "second"), [
    ({}, {"clusterIP": "None"}), ({"clusterIP": "None"}, {}), ({"clusterIP": "10.96.7.7"}, {"clusterIP": "10.96.7.8"}),
    ({"clusterIP": "None"}, {"type": "NodePort"})], ids=["to headless", "from headless", "pinned", "headless NodePort"])
def test_a_new_address_only_when_it_is_asked_for(project, first, second):
    project.services = [{**API, **first}, WEB]
    project.deliver()
    uid, before = project.live("api")["metadata"]["uid"], project.versions()
    project.services = [{**API, **second}, WEB]
    with pytest.raises(FairleadError, match="recreate"):
        project.deliver()
    assert project.versions() == before
    assert project.deliver(check=True, recreate=True) == [f"delete and create again Service {project.name}/api"]
    assert project.versions() == before
    assert project.deliver(recreate=True) == [f"delete and create again Service {project.name}/api"]
    live = project.live("api")
    assert live["metadata"]["uid"] != uid
    wanted = second.get("clusterIP", "10.96.")
    assert live["spec"]["clusterIP"].startswith(wanted)
    assert project.deliver(recreate=True) == []
    assert project.live("web")["metadata"]["resourceVersion"] == before["web"]


def test_the_walk_through(project):
    """Steps 7 to 15 of the classic article, one after the other."""
    common = {"name": "myapp", "selector": {"app": "myapp"}, "ports": [{"name": "http", "port": 80, "targetPort": 80}]}

    def step(*services, **options):
        project.services = list(services)
        done = project.deliver(**options)
        assert project.deliver(**options) == []
        return done, project.live("myapp")

    _done, live = step(common)
    assert live["spec"]["type"] == "ClusterIP"
    assert live["spec"]["clusterIP"].startswith("10.96.")

    port = {"name": "http", "port": 80, "targetPort": 80, "nodePort": 30080}
    done, live = step({**common, "type": "NodePort", "ports": [port]})
    assert done == [f"update Service {project.name}/myapp"]
    assert live["spec"]["ports"][0]["nodePort"] == 30080
    address = live["spec"]["clusterIP"]

    node_port = {**common, "type": "NodePort", "ports": [port]}
    _done, live = step({**node_port, "sessionAffinity": "ClientIP"})
    assert live["spec"]["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}
    assert (live["spec"]["clusterIP"], live["spec"]["ports"][0]["nodePort"]) == (address, 30080)

    with pytest.raises(FairleadError, match='Unsupported value: "ClusterIP"'):
        step({**node_port, "sessionAffinity": "ClusterIP"})

    done, live = step({**node_port, "sessionAffinity": "None"})
    assert done == [f"update Service {project.name}/myapp"]
    assert "sessionAffinityConfig" not in live["spec"]
    _done, live = step({**node_port, "sessionAffinity": "ClientIP"})
    done, live = step(node_port)  # off again by leaving it out
    assert live["spec"]["sessionAffinity"] == "None"
    assert (live["spec"]["clusterIP"], live["spec"]["ports"][0]["nodePort"]) == (address, 30080)

    done, live = step({**common, "clusterIP": "None"}, recreate=True)
    assert done == [f"delete and create again Service {project.name}/myapp"]
    assert live["spec"]["clusterIPs"] == ["None"]

    database = {"name": "db", "type": "ExternalName", "externalName": "my.database.example.com"}
    done, _live = step({**common, "clusterIP": "None"}, database)
    assert done == [f"create Service {project.name}/db"]
    assert "clusterIP" not in project.live("db")["spec"]
