"""A pod has variables for the Services that were there before it, and for none that came later."""
from __future__ import annotations

from lab_tools import Lab

LAB, SPACE = Lab(), "discovery"


def environment(pod: str) -> dict[str, str]:
    """What a program that is started in the pod gets; the kubelet set it when it made the container."""
    lines = LAB.kubectl("--namespace", SPACE, "exec", pod, "--", "sh", "-c", "env").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_a_pod_knows_the_service_that_was_there_before_it():
    address = LAB.get("--namespace", SPACE, "service", "web")["spec"]["clusterIP"]
    assert environment("queue-1").get("WEB_SERVICE_HOST") == address


def test_a_pod_does_not_know_the_service_that_came_after_it():
    assert LAB.get("--namespace", SPACE, "service", "later")["spec"]["clusterIP"]
    assert [name for name in environment("queue-0") if name.startswith("LATER_")] == []
