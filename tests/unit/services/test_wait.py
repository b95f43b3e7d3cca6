"""When a delivery counts as working, and how waiting ends."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import wait
from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.connection import Answer

CASES = yaml.safe_load((Path(__file__).resolve().parents[1] / "cases/services/rollout.yml").read_text(encoding="utf-8"))
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
           "spec": {"selector": {"app": "web"}}}
SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io/service-name"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("case", CASES["rollout"], ids=[case["name"] for case in CASES["rollout"]])
def test_rollout(case):
    live = {"kind": case["kind"], "metadata": {"generation": case.get("generation", 1)}, "spec": case.get("spec", {}),
            "status": {"observedGeneration": 1, **case.get("status", {})}}
    assert wait.rollout(live) == case.get("missing", "")


@pytest.mark.parametrize("case", CASES["endpoints"], ids=[case["name"] for case in CASES["endpoints"]])
def test_ready_endpoint(case):
    assert wait.has_ready_endpoint({"endpoints": case["endpoints"]}) == case["ready"]


@pytest.mark.parametrize(("spec", "expects"), [
    ({"selector": {"a": "b"}}, True), ({}, False), ({"selector": {}}, False),
    ({"selector": {"a": "b"}, "type": "ExternalName"}, False)])
def test_which_services_get_endpoints(spec, expects):
    assert wait.expects_endpoints({"spec": spec}) == expects


def test_it_ends_when_nothing_is_missing():
    clock, answers = Clock(), iter([["a"], ["a"], []])
    assert wait.until_ready(lambda: next(answers), 10, clock, clock.sleep) == 2


def test_it_says_what_it_waited_for():
    clock = Clock()
    with pytest.raises(FairleadError) as caught:
        wait.until_ready(lambda: ["Service shop/web: no ready endpoint"], 3, clock, clock.sleep)
    assert str(caught.value).startswith("waited 3 s for: Service shop/web: no ready endpoint. ")
    assert clock.now == 3


def test_a_service_that_is_ready_is_not_asked_for_again():
    requests = []

    def send(_method, path, _body):
        requests.append(path)
        ready = {"metadata": {"labels": {wait.SERVICE_NAME: "web"}}, "endpoints": [{"conditions": {"ready": True}}]}
        return Answer(200, {"items": [ready]})

    look = wait.Lookout(Api(send, "https://server"), [SERVICE])
    assert look() == []
    assert look() == []
    assert requests == [SLICES]
