"""What the API server says of a Service's ports (pkg/apis/core/validation: validateServicePort and the duplicates in
validateService)."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.services import names
from ansible.module_utils.fairlead.services.findings import (
    Finding,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
)
from ansible.module_utils.fairlead.services.server.defaults import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    Spec,
    is_headless,
    ports,
)
from ansible.module_utils.fairlead.services.server.rules import Rules

PROTOCOLS = ("TCP", "UDP", "SCTP")
KUBELET_PORT = 10250


def validate(spec: Spec, rules: Rules) -> Iterator[Finding]:
    given = ports(spec)
    if not given and not is_headless(spec) and spec["type"] != EXTERNAL_NAME:
        yield required("spec.ports", "add at least one port, for instance ports: [{port: 80, targetPort: 8080}]")
    seen: set[str] = set()
    for index, port in enumerate(given):
        path = f"spec.ports[{index}]"
        if rules.refuses_kubelet_port and spec["type"] == LOAD_BALANCER and port.get("port") == KUBELET_PORT:
            yield invalid(path, KUBELET_PORT, "may not expose port 10250 externally since it is used by kubelet",
                          "write another port")
        yield from _name(port.get("name"), len(given) > 1, seen, path)
        yield from _port(port, path)
        if spec["type"] == CLUSTER_IP and port.get("nodePort"):
            yield forbidden(f"{path}.nodePort", "may not be used when `type` is 'ClusterIP'",
                            "write type: NodePort, or drop nodePort")
    if len(given) > 1:
        yield from _duplicates(given)


def _name(name: Any, needed: bool, seen: set[str], path: str) -> Iterator[Finding]:
    if not name:
        if needed:
            yield required(f"{path}.name", "name every port of a Service that has more than one")
        return
    for problem in names.dns_1123_label(name):
        yield invalid(f"{path}.name", name, problem, "write a name like http or dns-tcp")
    if name in seen:
        yield duplicate(f"{path}.name", name, "give each port a name of its own")
    seen.add(name)


def _port(port: dict[str, Any], path: str) -> Iterator[Finding]:
    number, protocol, target = port.get("port", 0), port["protocol"], port["targetPort"]
    for problem in names.port_number(number):
        yield invalid(f"{path}.port", number, problem, "write the port that clients connect to, 1 to 65535")
    if protocol not in PROTOCOLS:
        yield not_supported(f"{path}.protocol", protocol, PROTOCOLS)
    # ValidatePortNumOrName
    for problem in names.port_number(target) if isinstance(target, int) else names.port_name(target):
        yield invalid(f"{path}.targetPort", target, problem,
                      "write the number of the container's port, 1 to 65535, or its name")
    if "appProtocol" in port:
        for problem in names.qualified_name(port["appProtocol"]):
            yield invalid(f"{path}.appProtocol", port["appProtocol"], problem, "write a name like kubernetes.io/h2c")


def _duplicates(given: list[dict[str, Any]]) -> Iterator[Finding]:
    node_ports: set[tuple[int, str]] = set()
    numbers: set[tuple[int, str]] = set()
    for index, port in enumerate(given):
        node_port, number, protocol = port.get("nodePort", 0), port.get("port", 0), port["protocol"]
        if node_port and (node_port, protocol) in node_ports:
            yield duplicate(f"spec.ports[{index}].nodePort", node_port, "give each port a node port of its own")
        if (number, protocol) in numbers:
            yield duplicate(f"spec.ports[{index}]", {"protocol": protocol, "port": number},
                            "give each port of a Service a number and protocol of its own")
        node_ports.add((node_port, protocol))
        numbers.add((number, protocol))
