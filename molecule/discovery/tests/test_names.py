"""What cluster DNS answers a pod on every node, by dig, beside what the API server has; before and after scaling."""
from __future__ import annotations

import ipaddress

import pytest
from lab_tools import Lab

LAB, SPACE = Lab(), "discovery"
DOMAIN = f"{SPACE}.svc.cluster.local"
DUE = {
    "web": ("A", "AAAA", "SRV", "Endpoints"),
    "workers": ("A", "AAAA", "SRV", "Endpoints"),
    "queue": ("A", "AAAA", "SRV", "pod names", "Endpoints"),
    "database": ("CNAME",),
}
WORKLOADS = {"workers": "deployment", "queue": "statefulset"}
TYPES = {4: "A", 6: "AAAA"}


def get(*words: str) -> dict:
    return LAB.get("--namespace", SPACE, *words)


def endpoints(service: str, family: int) -> list[str]:
    """The ready addresses in the Service's EndpointSlices."""
    items = get("endpointslices", "--selector", f"kubernetes.io/service-name={service}")["items"]
    return sorted(address for item in items if item["addressType"] == f"IPv{family}"
                  for endpoint in item.get("endpoints") or [] if endpoint["conditions"]["ready"]
                  for address in endpoint["addresses"])


def answers(rows: list[dict], words: str) -> dict[str, list[str]]:
    """Node -> what dig answered in a pod on it. Sorted, since a server gives addresses in any order."""
    return {row["machine"]: sorted(row["seen"]) for row in rows if row["repeat"] == f"dig +short {words}"}


@pytest.mark.parametrize(("service", "check"), [(service, check) for service, due in DUE.items() for check in due])
def test_all_that_was_asked_is_as_the_api_server_says(rows, service, check):
    own = [row for row in rows if (row["service"], row["check"]) == (f"{SPACE}/{service}", check)]
    assert {row["machine"] for row in own} == ({""} if check == "Endpoints" else set(LAB.nodes))
    assert [row["reason"] for row in own if row["verdict"] != "proven"] == []


@pytest.mark.parametrize("name", [
    f"web.{DOMAIN}.", f"+search web.{SPACE}", f"+domain={DOMAIN} web"], ids=["full", "with namespace", "short"])
def test_every_form_of_a_name_gives_the_cluster_address(rows, name):
    address = get("service", "web")["spec"]["clusterIP"]
    assert answers(rows, f"{name} A") == {node: [address] for node in LAB.nodes}


def test_srv_gives_port_and_name(rows):
    found = answers(rows, f"_http._tcp.web.{DOMAIN}. SRV")
    assert {node: [each.split()[2:] for each in given] for node, given in found.items()} == {
        node: [["80", f"web.{DOMAIN}."]] for node in LAB.nodes}


@pytest.mark.parametrize("family", TYPES)
@pytest.mark.parametrize("service", WORKLOADS)
def test_a_headless_name_gives_every_ready_pod(rows, service, family):
    due = endpoints(service, family)
    assert len(due) == get(WORKLOADS[service], service)["spec"]["replicas"]
    found = answers(rows, f"{service}.{DOMAIN}. {TYPES[family]}")
    # Both write IPv6 addresses as they like.
    assert {node: set(map(ipaddress.ip_address, given)) for node, given in found.items()} == {
        node: set(map(ipaddress.ip_address, due)) for node in LAB.nodes}


def test_each_pod_of_a_stateful_set_has_its_name(rows):
    pods = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in get("pods", "--selector", "app=queue")["items"]}
    assert pods
    for name, address in pods.items():
        assert answers(rows, f"{name}.queue.{DOMAIN}. A") == {node: [address] for node in LAB.nodes}


def test_an_external_name_is_an_alias(rows):
    assert answers(rows, f"database.{DOMAIN}. CNAME") == {node: ["my.database.example.com."] for node in LAB.nodes}
