"""What cluster DNS, Endpoints and environments must say, computed from objects; dig's output; the verdicts."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.verify import clients, dig, discovery, endpoints, environment, names, page, table
from ansible.module_utils.fairlead.verify.clients import NODE, POD, Client
from verify_report import run

NOERROR = (";; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 4711\n;; flags: qr aa rd;\n\n"
           ";; ANSWER SECTION:\n")
ASKER = Client("pod on node1", POD, "node1", pod="uid")


def service(name="web", **spec):
    return {"metadata": {"name": name, "namespace": "demo", "creationTimestamp": "2026-11-26T02:00:00Z"},
            "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7", "fd00:96::7"],
                     "ipFamilies": ["IPv4", "IPv6"], "selector": {"app": "web"},
                     "ports": [{"name": "http", "port": 80, "protocol": "TCP"}], **spec}}


def endpoint_slice(name="web", kind="IPv4", *given, **more):
    return {"metadata": {"name": f"{name}-x", "namespace": "demo", "labels": {"kubernetes.io/service-name": name}},
            "addressType": kind, "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": list(given), **more}


def asked(item, *slices):
    return {(q["check"], q["name"], q["type"], q["how"]): q["expect"]
            for q in names.questions([item], list(slices), "cluster.local")}


def test_a_cluster_address_by_every_form_of_name():
    assert asked(service()) == {
        ("A", "web.demo.svc.cluster.local.", "A", ""): ["10.96.0.7"],
        ("AAAA", "web.demo.svc.cluster.local.", "AAAA", ""): ["fd00:96::7"],
        ("A", "web.demo", "A", "+search"): ["10.96.0.7"],
        ("A", "web", "A", "+domain=demo.svc.cluster.local"): ["10.96.0.7"],
        ("SRV", "_http._tcp.web.demo.svc.cluster.local.", "SRV", ""): ["80 web.demo.svc.cluster.local"],
    }


def test_one_family_promises_nothing_in_the_other():
    found = asked(service(clusterIPs=["10.96.0.7"], ipFamilies=["IPv4"]))
    assert found["AAAA", "web.demo.svc.cluster.local.", "AAAA", ""] == []


def test_headless_gives_the_ready_pods_and_names_them():
    item = service(clusterIP="None", clusterIPs=["None"])
    found = asked(item, endpoint_slice("web", "IPv4",
                                       {"addresses": ["10.244.1.2"], "hostname": "web-0"},
                                       {"addresses": ["10.244.2.2"]},
                                       {"addresses": ["10.244.3.2"], "conditions": {"ready": False}}),
                  endpoint_slice("web", "IPv6", {"addresses": ["fd00::a"]}))
    assert found["A", "web.demo.svc.cluster.local.", "A", ""] == ["10.244.1.2", "10.244.2.2"]
    assert found["SRV", "_http._tcp.web.demo.svc.cluster.local.", "SRV", ""] == [
        "8080 10-244-2-2.web.demo.svc.cluster.local", "8080 fd00--a.web.demo.svc.cluster.local",
        "8080 web-0.web.demo.svc.cluster.local"]
    assert found["pod names", "web-0.web.demo.svc.cluster.local.", "A", ""] == ["10.244.1.2"]
    assert not any("10.244.3.2" in answers for answers in found.values())


def test_external_name_gives_its_alias():
    assert asked(service("db", type="ExternalName", externalName="My.Database.example.com.", clusterIP=None)) == {
        ("CNAME", "db.demo.svc.cluster.local.", "CNAME", ""): ["my.database.example.com"]}


@pytest.mark.parametrize(("text", "kind", "status", "answers", "error"), [
    (NOERROR + "web.demo.svc.cluster.local. 5 IN A 10.96.0.7\n", "A", "NOERROR", ["10.96.0.7"], ""),
    (NOERROR + "db.demo.\t5\tIN\tCNAME\tx.example.com.\nx.example.com. 5 IN A 192.0.2.1\n", "A", "NOERROR",
     ["192.0.2.1"], ""),
    (NOERROR + "_http._tcp.web.\t5\tIN\tSRV\t0 100 80 web.demo.svc.cluster.local.\n", "SRV", "NOERROR",
     ["0 100 80 web.demo.svc.cluster.local."], ""),
    (NOERROR.replace("NOERROR", "NXDOMAIN"), "A", "NXDOMAIN", [], ""),
    (NOERROR.replace("NOERROR", "SERVFAIL"), "A", "SERVFAIL", [], "cluster DNS answers SERVFAIL"),
    (";; communications error to 10.96.0.10#53: timed out\n;; no servers could be reached\n", "A", "", [],
     "cluster DNS gives no answer: no servers could be reached"),
    ("", "A", "", [], "cluster DNS gives no answer: dig said nothing"),
])
def test_dig(text, kind, status, answers, error):
    assert dig.parse(text, kind) == {"status": status, "answers": answers, "error": error}


@pytest.mark.parametrize(("result", "verdict", "part"), [
    ({"status": "NOERROR", "answers": ["10.96.0.7"], "error": ""}, "proven", ""),
    ({"status": "NOERROR", "answers": ["192.0.2.66"], "error": ""}, "disproven", "192.0.2.66, the Service has 10.96"),
    ({"status": "NOERROR", "answers": ["10.96.0.7", "10.96.0.8"], "error": ""}, "disproven", "10.96.0.8"),
    ({"status": "NXDOMAIN", "answers": [], "error": ""}, "disproven", "nothing (NXDOMAIN)"),
    ({"status": "", "answers": [], "error": "cluster DNS gives no answer: x"}, "unknown", "no answer"),
    (None, "unknown", "returned nothing"),
])
def test_names_are_judged(result, verdict, part):
    question = names.questions([service()], [], "cluster.local")[0]
    found = names.judge(question, result)
    assert found[0] == verdict
    assert part in found[1]


def pod(name="web-1", address="10.244.1.2", ready="True", **more):
    return {"metadata": {"name": name, "namespace": "demo", "uid": f"uid-{name}", "labels": {"app": "web"},
                         **more.pop("metadata", {})},
            "spec": {"nodeName": "node1", **more.pop("spec", {})},
            "status": {"phase": "Running", "podIPs": [{"ip": address}], "startTime": "2026-11-26T03:00:00Z",
                       "conditions": [{"type": "Ready", "status": ready}],
                       "containerStatuses": [{"state": {"running": {"startedAt": "2026-11-26T03:00:05Z"}}}], **more}}


def written(*addresses):
    return {"metadata": {"name": "web", "namespace": "demo"},
            "subsets": [{"addresses": [{"ip": address} for address in addresses]}]}


TWO = endpoint_slice("web", "IPv4", {"addresses": ["10.244.1.2"]},
                     {"addresses": ["10.244.1.3"], "conditions": {"ready": False}})


@pytest.mark.parametrize(("slices", "pods", "objects", "verdict", "part"), [
    ([TWO], [pod(), pod("web-2", "10.244.1.3", "False")], [written("10.244.1.2")], "proven", ""),
    ([TWO], [pod(), pod("other", "10.244.1.9", metadata={"labels": {"app": "else"}})], [written("10.244.1.2")],
     "proven", ""),
    ([TWO], [pod(), pod("web-2", "10.244.1.3")], [written("10.244.1.2")], "disproven", "Slices hold 10.244.1.2"),
    ([TWO], [pod()], [], "disproven", "there is no Endpoints object"),
    ([TWO], [pod()], [written("10.244.1.2", "192.0.2.1")], "disproven", "Endpoints object holds 10.244.1.2, 192.0.2.1"),
])
def test_endpoints_follow_pods(slices, pods, objects, verdict, part):
    row = endpoints.rows([service()], slices, pods, objects)[0]
    assert row["verdict"] == verdict
    assert part in row["reason"]


def test_without_a_selector_the_control_plane_makes_none():
    lone = service(selector=None)
    made = endpoint_slice("web", "IPv4", {"addresses": ["192.0.2.1"]})
    assert endpoints.rows([lone], [made], [], [])[0]["verdict"] == "proven"
    made["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io"
    assert "no selector" in endpoints.rows([lone], [made], [], [])[0]["reason"]


@pytest.mark.parametrize(("made", "links", "value"), [
    ("2026-11-26T02:00:00Z", None, "10.96.0.7"),  # long before the pod
    ("2026-11-26T04:00:00Z", None, None),  # long after it
    ("2026-11-26T02:59:55Z", None, "not asked"), ("2026-11-26T03:00:20Z", None, "not asked"),
    ("2026-11-26T02:00:00Z", False, "not asked"),
])
def test_which_pods_know_a_service(made, links, value):
    item = service("my-web")
    item["metadata"]["creationTimestamp"] = made
    found = environment.wanted([item], [pod(spec={"enableServiceLinks": links})])
    assert [(each["variable"], each["value"]) for each in found] == (
        [] if value == "not asked" else [("MY_WEB_SERVICE_HOST", value)])


def test_environment_is_read_and_judged(tmp_path):
    process = tmp_path / "42"
    process.mkdir()
    (process / "cgroup").write_text("0::/kubepods/poduid_1/x\n")
    (process / "environ").write_bytes(b"SECRET=x\0WEB_SERVICE_HOST=10.96.0.7\0")
    assert environment.read("uid-1", ["WEB_SERVICE_HOST"], tmp_path) == {"WEB_SERVICE_HOST": "10.96.0.7"}
    item = {"uid": "u", "variable": "WEB_SERVICE_HOST", "value": "10.96.0.7", "pod": "p"}
    assert environment.judge(item, {"u": {"WEB_SERVICE_HOST": "10.96.0.7"}})[0] == "proven"
    assert environment.judge(item, {"u": {}})[0] == "disproven"
    assert environment.judge({**item, "value": None}, {"u": {"WEB_SERVICE_HOST": "10.96.0.7"}})[0] == "disproven"
    assert environment.judge(item, {})[0] == environment.judge(item, None)[0] == "unknown"


def expected():
    objects = discovery.Objects([service()], [TWO], [pod()], [written("10.244.1.2")])
    return discovery.expect(objects, [*clients.outside(["client1"], {}), Client("node1", NODE, "node1"), ASKER])


def test_without_a_domain_no_names_are_asked():
    objects = discovery.Objects([service()], [TWO], [pod()], [written("10.244.1.2")])
    found = discovery.expect(objects, [ASKER], "")
    assert (found["questions"], len(found["rows"]), len(found["environment"])) == ([], 1, 1)


def test_tasks_go_to_the_pod_and_environments_to_its_node():
    machines = {"client1": [{"name": "client1"}], "node1": [{"name": "node1"}, {"name": "pod on node1"}]}
    discovery.tasks(expected(), machines)
    assert "questions" not in machines["client1"][0] | machines["node1"][0]
    assert len(machines["node1"][1]["questions"]) == 5
    assert machines["node1"][0]["environment"] == {"uid-web-1": ["WEB_SERVICE_HOST"]}


def test_nobody_who_asked_is_no_proof_and_is_told():
    report = run({})
    report["discovery_rows"] = discovery.judge(expected(), discovery.Answers(absent={"pod on node1": "it is down"}))
    report["discovery"] = discovery.matrix(report["discovery_rows"])
    report["failures"] = discovery.failures(report["discovery_rows"])
    line = report["discovery"][0]["checks"]
    assert [table.shown(line[check]) for check in ("A", "SRV", "Endpoints", "Environment")] == [
        "unknown 0/3", "unknown 0/1", "ok 1/1", "unknown 0/1"]
    told = "\n".join(line["text"] for line in table.render(report))
    assert "it is down" in told
    assert "demo/web" in page.render(report)
