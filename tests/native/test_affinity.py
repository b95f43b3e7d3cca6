"""Session affinity on the native bench, with the real kube-proxy: it holds, ends after its timeout, is switched on and
off on the live Service, and a removed pod's clients move while the others stay."""
from __future__ import annotations

import http.client
import time

import namespaces
import pytest
from bench import CLIENTS, NODE1, PODS, Bench, service

PORT, CONTROL, TIMEOUT = 30021, 30022, 4
ALL = list(PODS)
PATH = "/api/v1/namespaces/default/services/kept"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kept-ipv4"
CHANGE_SECONDS = 30


@pytest.fixture(scope="module", params=["iptables", "nftables"])
def bench(request):
    with Bench() as made:
        made.apply(*service("kept", ALL, type="NodePort", node_port=PORT, sessionAffinity="ClientIP",
                            sessionAffinityConfig={"clientIP": {"timeoutSeconds": TIMEOUT}}),
                   *service("control", ALL, type="NodePort", node_port=CONTROL))
        made.start_kube_proxy(request.param)
        yield made


def pod(client, port=PORT):
    """Which pod answers a new connection of the client with this address."""
    with namespaces.inside("client"):
        connection = http.client.HTTPConnection(NODE1, port, timeout=5, source_address=(client, 0))
        connection.request("GET", "/hostname", headers={"Connection": "close"})
        answer = connection.getresponse().read().decode()
        connection.close()
    return answer


def several(client, port=PORT, times=24):
    return {pod(client, port) for _ in range(times)}


def change(bench, path, **differs):
    item = bench.api.request("GET", path)[1]
    item.update(differs) if "endpoints" in differs else item["spec"].update(differs)
    status, answer = bench.api.request("PUT", path, item)
    assert status == 200, answer


def until(is_so):
    end = time.monotonic() + CHANGE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "the change did not arrive"
        time.sleep(0.5)


def test_it_holds_and_the_control_does_not(bench):
    for client in CLIENTS:
        assert len(several(client)) == 1
    assert len(several(CLIENTS[0], CONTROL)) > 1


def test_it_ends_after_its_timeout(bench):
    """With four pods, eight clients that are all sent to the same one again are seen once in 65,000 times."""
    before = {client: pod(client) for client in CLIENTS}
    assert {client: pod(client) for client in CLIENTS} == before
    time.sleep(TIMEOUT + 2)
    assert {client: pod(client) for client in CLIENTS} != before


def test_it_is_switched_off_and_on_again(bench):
    change(bench, PATH, sessionAffinity="None", sessionAffinityConfig=None)
    until(lambda: several(CLIENTS[0]) == set(ALL))
    change(bench, PATH, sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 600}})
    until(lambda: len(several(CLIENTS[0])) == 1)


def test_a_removed_pods_clients_move_and_the_others_stay(bench):
    change(bench, PATH, sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 600}})
    until(lambda: len(several(CLIENTS[0])) == 1)
    before = {client: pod(client) for client in CLIENTS}
    gone = before[CLIENTS[0]]
    endpoints = bench.api.request("GET", SLICE)[1]["endpoints"]
    change(bench, SLICE, endpoints=[each for each in endpoints if each["addresses"] != [PODS[gone][1]]])
    until(lambda: pod(CLIENTS[0]) != gone)
    after = {client: pod(client) for client in CLIENTS}
    assert gone not in after.values()
    assert {client for client in CLIENTS if after[client] != before[client]} == {
        client for client in CLIENTS if before[client] == gone}
    assert {client: pod(client) for client in CLIENTS} == after
