"""The steps of the walk-through. Each shows what it does, and raises Failed when that is not as it must be."""
from __future__ import annotations

import ipaddress
import json
from itertools import combinations
from typing import Any

from shell import SPACE, Failed, Lab, must

ASKED = 24  # with three pods, one of them is missed by chance once in 5,000 times; then it is asked again
DOMAIN = f"{SPACE}.svc.cluster.local"
QUEUE = 2  # pods of the StatefulSet
AGNHOST = {"imagePullPolicy": "IfNotPresent", "name": "late", "args": ["pause"]}


def stateful_set(lab: Lab) -> dict[str, Any]:
    image = pods_of(lab)[0]["spec"]["containers"][0]["image"]
    web = {"name": "web", "image": image, "imagePullPolicy": "IfNotPresent", "args": ["netexec", "--http-port=8080"]}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "queue"}, "spec": {
        "serviceName": "queue", "replicas": QUEUE, "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app": "queue"}}, "template": {
            "metadata": {"labels": {"app": "queue"}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [web]}}}}


def pods_of(lab: Lab, app: str = "myapp") -> list[dict[str, Any]]:
    return [pod for pod in lab.get("pods", f"--selector=app={app}")["items"]
            if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))]


def names(pods: list[dict[str, Any]]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def nodes(lab: Lab) -> dict[str, list[str]]:
    return {node["metadata"]["name"]: [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
            for node in lab.get("nodes")["items"]}


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}], **spec}}


def answers(lab: Lab, machine: str, address: str, port: int, times: int = ASKED) -> list[str]:
    """Which pod answered each of so many new connections."""
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{port}/hostname"
    text = lab.on(machine, "curl", "-sS", "--globoff", "--max-time", "5", "--no-keepalive", "-w", "\\n",
                  "-H", "Connection: close", *[url] * times, show=False, ok=False)
    found = text.split()
    counted = ", ".join(f"{pod} {found.count(pod)}" for pod in sorted(set(found)))
    print(f"  $ [{machine}] curl {url}   ({times} times)\n    {counted or 'nothing'}")
    return found


def reaches_all(lab: Lab, machine: str, address: str, port: int, due: set[str]) -> None:
    seen: set[str] = set()
    for _ in range(4):
        seen |= set(answers(lab, machine, address, port))
        if seen == due:
            return
    raise Failed(f"{address} port {port} reached {sorted(seen)}, not {sorted(due)}")


def dig(lab: Lab, *words: str) -> list[str]:
    return sorted(lab.in_pod(min(names(pods_of(lab))), "dig", "+short", *words).split("\n"))


def three_networks(lab: Lab) -> None:
    """Three networks: of the nodes, of the pods, of the Services. None may overlap another."""
    lab.kubectl("get", "nodes", "--output=custom-columns=NODE:.metadata.name,ADDRESSES:.status.addresses[*].address,"
                "PODS:.spec.podCIDRs")
    lab.kubectl("get", "servicecidrs")
    spaces = [("pods of " + node["metadata"]["name"], cidr) for node in lab.get("nodes")["items"]
              for cidr in node["spec"]["podCIDRs"]]
    spaces += [("Services", cidr) for item in lab.get("servicecidrs")["items"] for cidr in item["spec"]["cidrs"]]
    spaces += [(name, address) for name, own in nodes(lab).items() for address in own]
    for (one, first), (other, second) in combinations(spaces, 2):
        a, b = ipaddress.ip_network(first), ipaddress.ip_network(second)
        must(a.version != b.version or not a.overlaps(b), f"{first} of {one} overlaps {second} of {other}")


def endpoints(lab: Lab) -> None:
    """Endpoints: a Service with a selector gets EndpointSlices, and an Endpoints object of its name, of ready pods."""
    lab.kubectl("get", "pods", "--selector=app=myapp", "--output=wide")
    lab.kubectl("get", "endpointslices", "--selector=kubernetes.io/service-name=myapp")
    lab.kubectl("get", "endpoints", "myapp", show=True)
    due = {pod["status"]["podIP"] for pod in pods_of(lab)}
    written = {a["ip"] for subset in lab.get("endpoints", "myapp")["subsets"] for a in subset["addresses"]}
    must(written == due, f"Endpoints has {written}, the ready pods are {due}")


def without_selector(lab: Lab) -> None:
    """Endpoints: without a selector none are made, and one can be written by hand."""
    lab.make(service("byhand"))
    made = lab.get("endpointslices", "--selector=kubernetes.io/service-name=byhand")["items"]
    must(not made, "somebody made a slice")
    pod = pods_of(lab)[0]
    lab.make({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
              "metadata": {"name": "byhand-1", "labels": {"kubernetes.io/service-name": "byhand"}},
              "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
              "endpoints": [{"addresses": [pod["status"]["podIP"]]}]})
    address, due = lab.get("service", "byhand")["spec"]["clusterIP"], [pod["metadata"]["name"]]
    lab.wait("the Service to reach it", 30, lambda: answers(lab, pod["spec"]["nodeName"], address, 80, 1) == due)


def modes(lab: Lab) -> None:
    """Modes: userspace is gone since 1.26; iptables, ipvs (deprecated) and nftables each run on a node here."""
    found = [lab.on(node, "curl", "-sS", "127.0.0.1:10249/proxyMode") for node in nodes(lab)]
    must(set(found) <= {"iptables", "ipvs", "nftables"}, f"modes are {found}")
    wish = 'kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nmode: userspace\n'
    said = lab.fairlead_check("kube-proxy.yaml", wish)
    must("userspace" in said, "the mode userspace was not refused")


def environment(lab: Lab) -> None:
    """Environment: a pod knows the Services of its namespace that were there before it, and no later one."""
    image = pods_of(lab)[0]["spec"]["containers"][0]["image"]
    lab.make({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "late"}, "spec": {
        "terminationGracePeriodSeconds": 0, "containers": [{**AGNHOST, "image": image}]}})
    lab.wait("the pod late to run", 90, lambda: lab.get("pod", "late")["status"].get("phase") == "Running")
    lab.make(service("latest", selector={"app": "myapp"}))
    text = lab.in_pod("late", "sh", "-c", "env | grep -E '^(MYAPP|LATEST)_SERVICE_(HOST|PORT)=' | sort")
    must(f"MYAPP_SERVICE_HOST={lab.get('service', 'myapp')['spec']['clusterIP']}" in text.split(), "myapp is missing")
    must("LATEST" not in text, "a Service that was made later is there")


def dns(lab: Lab) -> None:
    """DNS: every form of the name gives the Service's address, asked from a pod."""
    address = lab.get("service", "myapp")["spec"]["clusterIP"]
    for words in (["+search", "myapp"], ["+search", f"myapp.{SPACE}"], [f"myapp.{DOMAIN}"]):
        must(dig(lab, *words) == [address], f"{words} is not {address}")
    must(dig(lab, f"myapp.{DOMAIN}", "AAAA") == [lab.get("service", "myapp")["spec"]["clusterIPs"][1]], "AAAA")
    must(dig(lab, f"_http._tcp.myapp.{DOMAIN}", "SRV")[0].split()[2:] == ["80", f"myapp.{DOMAIN}."], "SRV")


def external_name(lab: Lab) -> None:
    """ExternalName: DNS answers with the alias."""
    lab.make({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "database"},
              "spec": {"type": "ExternalName", "externalName": "my.database.example.com"}})
    must(dig(lab, f"database.{DOMAIN}", "CNAME") == ["my.database.example.com."], "it is not the alias")


def cluster_ip(lab: Lab) -> None:
    """ClusterIP: one virtual address, and every pod behind it, from a node and from a pod."""
    lab.kubectl("get", "service", "myapp")
    address, due = lab.get("service", "myapp")["spec"]["clusterIP"], names(pods_of(lab))
    for node in nodes(lab):
        reaches_all(lab, node, address, 80, due)
    pod = min(names(pods_of(lab)))
    must(lab.in_pod(pod, "curl", "-sS", "--max-time", "5", f"http://{address}/hostname") in due, "no pod answered")


def to_headless(lab: Lab) -> None:
    """From ClusterIP to headless: the field cannot be changed, the Service has to be made again."""
    # Of one family: a dual-stack Service is refused before that, for the second address that would have to go.
    lab.make(service("single", selector={"app": "myapp"}, ipFamilyPolicy="SingleStack"))
    said = lab.kubectl("patch", "service", "single", "--dry-run=server", "--patch", '{"spec":{"clusterIP":"None"}}',
                       ok=False)
    must("may not change once set" in said or "immutable" in said, "the API server took it")


def headless(lab: Lab) -> None:
    """Headless: the name gives every pod's address, an ordinary Service's only one; StatefulSet pods have names."""
    lab.make(service("headless", clusterIP="None", selector={"app": "myapp"}))
    due = sorted(pod["status"]["podIP"] for pod in pods_of(lab))
    lab.wait("its name", 30, lambda: dig(lab, f"headless.{DOMAIN}") == due)
    must(len(dig(lab, f"myapp.{DOMAIN}")) == 1, "an ordinary Service has several addresses")
    lab.make(service("queue", clusterIP="None", selector={"app": "queue"}), stateful_set(lab))
    lab.wait("the StatefulSet's pods", 120, lambda: len(pods_of(lab, "queue")) == QUEUE)
    for pod in pods_of(lab, "queue"):
        must(dig(lab, f"{pod['metadata']['name']}.queue.{DOMAIN}") == [pod["status"]["podIP"]], "not the pod's own")


def node_port(lab: Lab) -> None:
    """NodePort 30080: every node answers, at each of its addresses, and reaches every pod."""
    due = names(pods_of(lab))
    for own in nodes(lab).values():
        for address in own:
            reaches_all(lab, "client1", address, 30080, due)


def load_balancer(lab: Lab) -> None:
    """LoadBalancer: bare metal needs one of its own, without which the Service stays pending (make load-balancer)."""
    lab.make(service("balanced", type="LoadBalancer", selector={"app": "myapp"}))
    if "namespace/metallb-system" not in lab.kubectl("get", "namespace", "metallb-system", "--ignore-not-found",
                                                     "--output=name", show=False):
        lab.kubectl("get", "service", "balanced")
        must(not lab.get("service", "balanced")["status"]["loadBalancer"], "it was given an address")
        return
    lab.wait("an address from MetalLB", 60, lambda: lab.get("service", "balanced")["status"]["loadBalancer"])
    lab.kubectl("get", "service", "balanced")
    lab.kubectl("get", "ipaddresspools", "--namespace=metallb-system")
    address = lab.get("service", "balanced")["status"]["loadBalancer"]["ingress"][0]["ip"]
    due = names(pods_of(lab))
    # Nodes have its rules one after the other, and the one that announces it may change while they do.
    lab.wait("a pod behind every connection", 60, lambda: set() != set(answers(lab, "client1", address, 80)) <= due)
    reaches_all(lab, "client1", address, 80, due)
    _announced_by_a_node(lab, address)


def _announced_by_a_node(lab: Lab, address: str) -> None:
    """client1 asked who has the address, and its neighbour table says whose network card answered."""
    said = lab.on("client1", "ip", "neigh", "show", address)
    cards = {node: {link["address"] for link in json.loads(lab.on(node, "ip", "-json", "link", show=False))
                    if "address" in link} for node in nodes(lab)}
    found = [node for node, own in cards.items() if own & set(said.split())]
    must(len(found) == 1, f"the neighbour entry is of none of the nodes' network cards: {cards}")
    print(f"    {found[0]} announces {address}")


def affinity(lab: Lab) -> None:
    """Affinity: one client stays with one pod through each node; clients behind one NAT are one client."""
    for node, own in nodes(lab).items():
        first, second = (set(answers(lab, client, own[0], 30081, 12)) for client in ("client3", "client4"))
        must(len(first) == 1 and first == second, f"{node}: client3 {first}, client4 {second}, behind one NAT")
    several = set(answers(lab, "client1", next(iter(nodes(lab).values()))[0], 30080))
    must(len(several) > 1, "the control without affinity keeps to one pod, so this shows nothing")


def affinity_on(lab: Lab) -> None:
    """Affinity on, on a live Service. ClusterIP instead of ClientIP, a slip of many articles, is refused."""
    lab.make(service("patched", type="NodePort", selector={"app": "myapp"}))
    said = lab.kubectl("patch", "service", "patched", "--patch", '{"spec":{"sessionAffinity":"ClusterIP"}}', ok=False)
    must("supported values" in said, "the API server took it")
    lab.kubectl("patch", "service", "patched", "--patch", '{"spec":{"sessionAffinity":"ClientIP"}}')
    for own in nodes(lab).values():
        lab.wait("affinity", 60, lambda own=own: _patched(lab, own[0]) == 1)


def affinity_off(lab: Lab) -> None:
    """Affinity off again: requests are spread."""
    lab.kubectl("patch", "service", "patched", "--patch", '{"spec":{"sessionAffinity":"None"}}')
    for own in nodes(lab).values():
        lab.wait("spreading", 180, lambda own=own: _patched(lab, own[0]) == len(pods_of(lab)))


def _patched(lab: Lab, address: str) -> int:
    port = lab.get("service", "patched")["spec"]["ports"][0]["nodePort"]
    found = answers(lab, "client1", address, port)
    return len(set(found)) if len(found) == ASKED else 0


STEPS = [three_networks, endpoints, without_selector, modes, environment, dns, external_name, cluster_ip, to_headless,
         headless, node_port, load_balancer, affinity, affinity_on, affinity_off]
