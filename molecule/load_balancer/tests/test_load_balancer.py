"""Services with an address of MetalLB's: who answers for it, and what every client reaches there."""
from __future__ import annotations

import ipaddress

import pytest
from lab_balancer import addresses, answering_arp, in_url, neighbour
from lab_tools import Lab, wait_until

LAB = Lab()
SERVICES = ("balanced", "balanced-local", "balanced-affinity")
CONNECTIONS = 45  # with three pods the chance that one is missed by luck is 4 in 100 million


def address(service: str, family: int) -> str:
    return addresses(LAB, service)[0 if family == 4 else 1]


def pods_on(node: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in LAB.get(
        "pods", "--namespace", "walkthrough", "--selector", "app=myapp", "--field-selector",
        f"spec.nodeName={node}")["items"]}


@pytest.fixture(scope="module", autouse=True)
def announced():
    """Speakers that have just started may not know each other yet, and then more than one answers."""
    for service in SERVICES:
        wait_until(f"exactly one node to answer ARP for {service}", 360, pause=3.0,
                   is_so=lambda service=service: len(answering_arp(LAB, address(service, 4))) == 1)


@pytest.mark.parametrize("service", SERVICES)
def test_the_addresses_are_of_the_pool(service):
    pool = LAB.get("ipaddresspool", "--namespace", "metallb-system", "lab")["spec"]["addresses"]
    found = [ipaddress.ip_address(each) for each in addresses(LAB, service)]
    assert [each.version for each in found] == [4, 6]
    for each, given in zip(found, pool):
        first, _dash, last = given.partition("-")
        assert ipaddress.ip_address(first) <= each <= ipaddress.ip_address(last)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("client", LAB.clients)
def test_every_client_reaches_every_pod(client, family):
    answers = LAB.pods_answering_at(client, in_url(address("balanced", family)), 80, CONNECTIONS)
    assert set(answers) == LAB.pods(), answers


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("client", LAB.clients)
def test_one_client_stays_with_one_pod(client, family):
    answers = LAB.pods_answering_at(client, in_url(address("balanced-affinity", family)), 80, CONNECTIONS)
    assert len(answers) == 1, answers
    assert set(answers) <= LAB.pods(), answers


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("client", LAB.clients)
def test_with_policy_local_only_the_announcing_node_serves(client, family):
    node = neighbour(LAB, address("balanced-local", family))
    answers = LAB.pods_answering_at(client, in_url(address("balanced-local", family)), 80, CONNECTIONS)
    assert set(answers) == pods_on(node) != set(), (node, answers)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("client", ["client1", "client2"])
def test_with_policy_local_the_pod_sees_the_client(client, family):
    url = f"http://{in_url(address('balanced-local', family))}/clientip"
    seen = LAB.machine(client).check_output(f"curl -sS --globoff --max-time 10 '{url}'")
    own = LAB.machine(client).check_output(f"ip -{family} -brief address show dev eth0 scope global")
    assert ipaddress.ip_address(seen.rpartition(":")[0].strip("[]")) in [
        ipaddress.ip_interface(word).ip for word in own.split()[2:]]


@pytest.mark.parametrize("service", SERVICES)
def test_one_node_alone_answers_and_both_families_agree(service):
    assert answering_arp(LAB, address(service, 4)) == {neighbour(LAB, address(service, 4))}
    assert neighbour(LAB, address(service, 6)) == neighbour(LAB, address(service, 4))


def test_a_node_in_ipvs_mode_has_every_address():
    """So it would answer for all of them without strictARP; that one node alone answers is tested above."""
    node = next(name for name, mode in LAB.nodes.items() if mode == "ipvs")
    own = LAB.machine(node).check_output("ip -brief address show dev kube-ipvs0")
    assert all(f"{address(service, 4)}/32" in own for service in SERVICES)
