"""Endpoints follow pods, and affinity follows clients, on the lab's real nodes: readiness, scaling under traffic,
expiry, a removed pod. Everything is made in a namespace of its own, which is removed at the end."""
from __future__ import annotations

import collections
import json
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from lab_tools import INVENTORY, wait_until

SPACE, PORT, STICKY, TIMEOUT = "follow", 30090, 30091, 5
GATE = "fairlead.io/gate"
CONNECTIONS = Path(__file__).parents[1] / "lab" / "connections.py"
IPVS_FLOOR = 125  # seconds: ipvs keeps a client's template while its connections are in TIME_WAIT, two minutes


def deployment(image):
    web = {"name": "web", "image": image, "imagePullPolicy": "IfNotPresent",
           # A pod that ends goes on serving until every node has heard of it.
           "args": ["netexec", "--http-port=8080", "--delay-shutdown=20"],
           "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 2, "timeoutSeconds": 5}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": SPACE}, "spec": {
        "replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"terminationGracePeriodSeconds": 40, "automountServiceAccountToken": False, "containers": [web]}}}}


def gated(image):
    """A pod of its own, whose readiness a test decides about."""
    web = {"name": "web", "image": image, "imagePullPolicy": "IfNotPresent", "args": ["netexec", "--http-port=8080"]}
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "gated", "namespace": SPACE, "labels": {"app": "gated"}},
            "spec": {"terminationGracePeriodSeconds": 0, "readinessGates": [{"conditionType": GATE}],
                     "containers": [web]}}


def service(name, app, **spec):
    port = {"name": "http", "port": 80, "targetPort": 8080, **spec.pop("port", {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": SPACE},
            "spec": {"selector": {"app": app}, "ports": [port], **spec}}


@pytest.fixture(scope="module", autouse=True)
def objects(lab):
    versions = yaml.safe_load((INVENTORY / "group_vars/all/versions.yml").read_text(encoding="utf-8"))["lab_versions"]
    image = f"registry.k8s.io/e2e-test-images/agnhost:{versions['agnhost']}"
    made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}, deployment(image), gated(image),
            service("gated", "gated"), service("web", "web", type="NodePort", port={"nodePort": PORT}),
            service("sticky", "web", type="NodePort", port={"nodePort": STICKY}, sessionAffinity="ClientIP",
                    sessionAffinityConfig={"clientIP": {"timeoutSeconds": TIMEOUT}})]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    argv = [str(lab.dir / "bin" / "kubectl"), "--kubeconfig", str(lab.dir / "kubeconfig"), "apply", "--filename", "-"]
    subprocess.run(argv, input=text, text=True, check=True, timeout=60)
    try:
        lab.kubectl("--namespace", SPACE, "rollout", "status", "deployment/web", "--timeout=110s")
        yield
    finally:
        lab.kubectl("delete", "namespace", SPACE, "--wait=false")


def ready(lab):
    return {pod["metadata"]["name"]: pod["status"]["podIP"]
            for pod in lab.get("pods", "--namespace", SPACE, "--selector", "app=web")["items"]
            if not pod["metadata"].get("deletionTimestamp")
            and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))}


def endpoints(lab, name):
    """The ready addresses in the EndpointSlices, and those in the Endpoints object."""
    own = ("--namespace", SPACE, "--selector", f"kubernetes.io/service-name={name}")
    sliced = {address for item in lab.get("endpointslices", *own)["items"] for endpoint in item.get("endpoints") or []
              if endpoint["conditions"]["ready"] for address in endpoint["addresses"]}
    written = lab.get("endpoints", "--namespace", SPACE, name).get("subsets") or []
    return sliced, {address["ip"] for subset in written for address in subset.get("addresses") or []}


def test_readiness(lab):
    """A pod that is not ready is in neither; when its gate opens it is in both, and leaves both when it shuts."""
    wait_until("the pod to have an address", 90, lambda: lab.get(
        "pod", "--namespace", SPACE, "gated")["status"].get("podIP"))
    assert endpoints(lab, "gated") == (set(), set())
    address = lab.get("pod", "--namespace", SPACE, "gated")["status"]["podIP"]
    for status, due in (("True", {address}), ("False", set())):
        patch = {"status": {"conditions": [{"type": GATE, "status": status}]}}
        lab.kubectl("--namespace", SPACE, "patch", "pod", "gated", "--subresource=status", "--patch", json.dumps(patch))
        wait_until(f"endpoints with the gate {status}", 60, lambda due=due: endpoints(lab, "gated") == (due, due))


def test_scaling_under_traffic_loses_no_connection(lab):
    """Four pods, seven, two, four: new connections through every node all the while."""
    urls = [f"http://{lab.address(node)}:{PORT}/hostname" for node in lab.nodes]
    traffic = lab.python("client1", CONNECTIONS, "watch", "600", "5", *urls)
    for replicas in (7, 2, 4):
        lab.kubectl("--namespace", SPACE, "scale", "deployment/web", f"--replicas={replicas}")
        wait_until(f"{replicas} pods, and their endpoints", 100, lambda n=replicas: len(ready(lab)) == n
                   and endpoints(lab, "web") == (set(ready(lab).values()),) * 2)
    assert traffic.poll() is None, "the traffic ended before the scaling"
    traffic.terminate()
    out, error = traffic.communicate(timeout=60)
    records = [json.loads(line) for line in out.splitlines() if line.endswith("}")]
    assert {record["url"] for record in records} == set(urls), error
    lost = [record for record in records if not record["ok"]]
    print(f"{len(records)} connections through {len(urls)} nodes while pods came and went, {len(lost)} lost")
    assert lost == []


def pod_of(lab, client, node):
    found = lab.pods_answering(client, node, STICKY, 4)
    assert len(found) == 1, f"{client} through {node}: {found}"
    return next(iter(found))


def test_a_removed_pods_clients_move_and_the_others_stay(lab):
    clients = ("client1", "client2", "client3")

    def held():
        return {(client, node): pod_of(lab, client, node) for node in lab.nodes for client in clients}

    lab.kubectl("--namespace", SPACE, "patch", "service", "sticky", "--patch", json.dumps(
        {"spec": {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 600}}}}))
    wait_until("the longer timeout on every node", 60, lambda: held() == held(), pause=5)
    time.sleep(10)
    before = held()
    victim = collections.Counter(before.values()).most_common(1)[0][0]
    lab.kubectl("--namespace", SPACE, "delete", "pod", victim)  # waits until it has ended
    wait_until("another pod in its place", 100, lambda: len(ready(lab)) == 4)
    after = held()
    moved = {pair for pair in before if before[pair] != after[pair]}
    print(f"{victim} is gone: {sum(pod == victim for pod in before.values())} of {len(before)} clients had it")
    assert moved == {pair for pair, pod in before.items() if pod == victim}
    assert after == held()


def test_affinity_ends_after_its_timeout(lab):
    """Idle for longer than the timeout, a client may get another pod; in ipvs mode not before two minutes."""
    lab.kubectl("--namespace", SPACE, "patch", "service", "sticky", "--patch", json.dumps(
        {"spec": {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": TIMEOUT}}}}))
    time.sleep(15)
    ipvs = next(node for node, mode in lab.nodes.items() if mode == "ipvs")
    seen = {node: [pod_of(lab, "client1", node)] for node in lab.nodes}
    # One client in a hundred thousand gets the same one of four pods nine times.
    for _ in range(8):
        time.sleep(TIMEOUT + 4)
        for node in lab.nodes:
            if node != ipvs:
                seen[node].append(pod_of(lab, "client1", node))
    started = time.monotonic()
    seen[ipvs].append(pod_of(lab, "client1", ipvs))
    assert len(set(seen[ipvs])) == 1, "ipvs mode has forgotten the client before its floor"
    for _ in range(3):
        time.sleep(IPVS_FLOOR + TIMEOUT)
        seen[ipvs].append(pod_of(lab, "client1", ipvs))
        if len(set(seen[ipvs])) > 1:
            break
    print(json.dumps(seen), f"ipvs after {time.monotonic() - started:.0f} s")
    assert all(len(set(pods)) > 1 for pods in seen.values()), seen
