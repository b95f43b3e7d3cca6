"""The node that answers for a load balancer's address loses power. make sweep-load-balancer.

How long nobody answers is measured on a client machine, by new connections, and printed.
"""
from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import pytest
from lab_balancer import NAMESPACE, addresses, answering_arp, in_url, neighbour
from lab_tools import wait_until

CONNECTIONS = Path(__file__).with_name("connections.py")
SERVICE, RATE = "failover", 4
BACK_SECONDS = 180  # memberlist gives a member up within seconds; Kubernetes takes a node for gone after 40 s
WATCHED_SECONDS = 600


@pytest.fixture(scope="module")
def service(lab, tmp_path_factory):
    """Its addresses. externalTrafficPolicy Local, so that nothing is sent on to the pod of the node that is off."""
    assert lab.playbook("site.yml").ok
    assert lab.playbook("playbooks/load_balancer_up.yml").ok
    file = tmp_path_factory.mktemp("service") / "service.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {
        "name": SERVICE, "namespace": NAMESPACE}, "spec": {
            "type": "LoadBalancer", "externalTrafficPolicy": "Local", "selector": {"app": "myapp"},
            "ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]}}), encoding="utf-8")
    lab.kubectl("apply", "--filename", str(file))
    try:
        wait_until(f"both addresses of {SERVICE}", 60, lambda: len(addresses(lab, SERVICE)) == 2)
        yield addresses(lab, SERVICE)
    finally:
        lab.kubectl("delete", "service", "--namespace", NAMESPACE, SERVICE)


def test_another_node_answers_when_the_announcing_one_loses_power(lab, service):
    four, six = service
    wait_until(f"exactly one node to answer ARP for {four}", 360, pause=3.0,
               is_so=lambda: len(answering_arp(lab, four)) == 1)
    first = neighbour(lab, four)
    assert neighbour(lab, six) == first
    urls = [f"http://{in_url(address)}:80/hostname" for address in service]
    watch = Watch(lab, urls)
    try:
        wait_until("ten answers at each address", 60, lambda: all(watch.answered(url) >= 10 for url in urls))
        assert not any(map(watch.failed, urls)), "it does not serve before the node is off"
        lab.power_off(first)
        wait_until(f"a connection to fail after {first} lost power", 60, lambda: all(map(watch.failed, urls)))
        wait_until(f"{four} and {six} to answer again after {first} lost power", BACK_SECONDS,
                   lambda: all(watch.outage(url) is not None for url in urls), pause=0.5)
        outages = {url: watch.outage(url) for url in urls}
        second = neighbour(lab, four)
    finally:
        watch.end()
        lab.power_on()
    for url, seconds in outages.items():
        print(f"{url}: {first} lost power, {second} answered {seconds:.1f} s after the first lost connection began")
    assert second != first
    # The choice is by name and address alone, so it is the same node's again once its speaker is back.
    wait_until(f"{first} to answer for {four} again, and nobody else", 420, pause=5.0,
               is_so=lambda: answering_arp(lab, four) == {first})
    wait_until(f"{first} to serve {four}", 120, pause=5.0, is_so=lambda: set(
        lab.pods_answering_at("client1", four, 80, 20)) <= lab.pods())


def test_preflight_refuses_a_node_in_ipvs_mode_that_would_answer_too(lab, service):
    node = next(name for name, mode in lab.nodes.items() if mode == "ipvs")
    assert lab.playbook("playbooks/preflight.yml").ok
    without = lab.playbook("playbooks/preflight.yml", "-e", '{"kube_proxy_config": {}}')
    assert not without.ok
    said = [line for line in without.output.splitlines() if "kube_proxy_config.ipvs.strictARP" in line]
    assert said, "the field is not named"
    assert all(node in line and "metallb-system/lab" in line for line in said), said


class Watch:
    """New connections from client1 all the time, and what became of them."""

    def __init__(self, lab, urls: list[str]) -> None:
        self._process: subprocess.Popen[str] = lab.python(
            "client1", CONNECTIONS, "watch", str(WATCHED_SECONDS), str(RATE), *urls)
        self._seen: list[dict] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._seen.append(json.loads(line))

    def _of(self, url: str, ok: bool) -> list[dict]:
        """Such connections in the order in which they were begun; times are in seconds of the client's clock."""
        assert self._process.poll() is None, f"the watch on client1 ended: {self._process.stderr.read()}"
        found = [one for one in list(self._seen) if one["url"] == url and one["ok"] == ok]
        return sorted(found, key=lambda one: one["at"])

    def answered(self, url: str) -> int:
        return len(self._of(url, True))

    def failed(self, url: str) -> int:
        return len(self._of(url, False))

    def outage(self, url: str) -> float | None:
        """Seconds from the begin of the first connection that was lost to the first answer after it; None until then.

        A connection that is begun in the outage may outlast it, so the answer's time counts, not the begin's.
        """
        lost = self._of(url, False)
        answers = [one["at"] + one["took"] for one in self._of(url, True) if lost and one["at"] > lost[0]["at"]]
        return min(answers) - lost[0]["at"] if answers else None

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)
