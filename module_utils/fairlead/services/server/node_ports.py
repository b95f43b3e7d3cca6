"""How the API server hands out node ports (pkg/registry/core/service/storage/alloc.go: initNodePorts, updateNodePorts,
allocHealthCheckNodePort, updateHealthCheckNodePort; portallocator/operation.go).

It does so before it validates, so that a refusal here hides all mistakes that validation would find. Which ports are
free is the cluster's secret; known are those that the object had before.
"""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead.services.findings import duplicate, invalid
from ansible.module_utils.fairlead.services.server.defaults import (
    NODE_PORT,
    Spec,
    has_node_ports,
    needs_health_check,
    ports,
)
from ansible.module_utils.fairlead.services.server.refusal import INTERNAL_ERROR, RefusedError
from ansible.module_utils.fairlead.services.server.rules import Rules

_ALLOCATED = "provided port is already allocated"
_FIRST_DRAWN = 32769  # the dummy that a dry run starts from


class Operation:
    """PortAllocationOperation: ports taken for one request."""

    def __init__(self, rules: Rules, held: set[int], spec: Spec) -> None:
        self._rules, self._held, self._spec, self._taken = rules, held, spec, list[int]()

    def allocate(self, number: int) -> str:
        """Take this port. Returns what is wrong, nothing when all is well."""
        allowed = self._rules.node_ports
        if not self._rules.dry_run and number not in allowed:
            return ("provided port is not in the valid range. The range of valid ports is "
                    f"{allowed.start}-{allowed.stop - 1}")
        if number in self._taken or (number in self._held and number in allowed):
            return _ALLOCATED
        self._taken.append(number)
        return ""

    def draw(self) -> int:
        """Take any port. A dry run counts on from the greatest; else it is one that nothing in the request names."""
        if self._rules.dry_run:
            number = max(0, *self._taken) + 1 if self._taken else _FIRST_DRAWN
        else:
            used = {*self._taken, *self._held, *_node_ports(self._spec), self._spec.get("healthCheckNodePort", 0)}
            number = next((port for port in reversed(self._rules.node_ports) if port not in used), 0)
        self._taken.append(number)
        return number


def create(spec: Spec, rules: Rules) -> None:
    """txnAllocNodePorts. Raises RefusedError."""
    if not has_node_ports(spec):
        return
    operation = Operation(rules, set(), spec)
    _init(spec, rules, operation)
    if needs_health_check(spec):
        _health_check(spec, operation)


def update(old: Spec, new: Spec, rules: Rules) -> None:
    """txnUpdateNodePorts. Raises RefusedError."""
    held = set(_node_ports(old))
    if needs_health_check(old):
        held.add(old.get("healthCheckNodePort", 0))
    operation = Operation(rules, held, new)
    if has_node_ports(new):
        _renew(old, new, rules, operation)
    if needs_health_check(new) and not needs_health_check(old):
        _health_check(new, operation)


def should_allocate(spec: Spec) -> bool:
    """shouldAllocateNodePorts, of a Service that can have node ports."""
    return spec["type"] == NODE_PORT or spec["allocateLoadBalancerNodePorts"]


def _init(spec: Spec, rules: Rules, operation: Operation) -> None:
    """initNodePorts: ports with one number and several protocols share a node port."""
    by_number: dict[int, int] = {}
    for index, port in enumerate(ports(spec)):
        asked, number = port.get("nodePort", 0), port.get("port", 0)
        if not asked and not should_allocate(spec):
            continue
        shared = by_number.get(number, 0)
        if not shared:
            wanted = _requested(number, spec)
            if wanted:
                _allocate(operation, wanted, index, rules)
            port["nodePort"] = by_number[number] = wanted or operation.draw()
        elif not asked:
            port["nodePort"] = shared
        elif asked != shared:
            _allocate(operation, asked, index, rules)


def _requested(number: int, spec: Spec) -> int:
    """findRequestedNodePort."""
    return next((port["nodePort"] for port in ports(spec) if port.get("port", 0) == number and port.get("nodePort")), 0)


def _renew(old: Spec, new: Spec, rules: Rules, operation: Operation) -> None:
    """updateNodePorts."""
    before, allocated, given = set(_node_ports(old)), set[int](), set[tuple[str, int]]()
    for index, port in enumerate(ports(new)):
        asked = port.get("nodePort", 0)
        if not asked and not should_allocate(new):
            continue
        if not asked:
            port["nodePort"] = operation.draw()
        elif asked not in before and asked not in allocated:
            _allocate(operation, asked, index, rules)
            allocated.add(asked)
        if (port["protocol"], port["nodePort"]) in given:
            raise RefusedError([duplicate(f"spec.ports[{index}].nodePort", port["nodePort"],
                                          "give each port a node port of its own")], INTERNAL_ERROR)
        given.add((port["protocol"], port["nodePort"]))


def _allocate(operation: Operation, number: int, index: int, rules: Rules) -> None:
    problem = operation.allocate(number)
    if problem:
        span = f"{rules.node_ports.start}-{rules.node_ports.stop - 1}"
        fix = "write another port" if problem == _ALLOCATED else f"write a port of {span}"
        raise RefusedError([invalid(f"spec.ports[{index}].nodePort", number, problem,
                                    f"{fix}, or drop nodePort to get one")])


def _health_check(spec: Spec, operation: Operation) -> None:
    """allocHealthCheckNodePort: what it refuses comes back as an internal error, without a field."""
    number = spec.get("healthCheckNodePort", 0)
    if not number:
        spec["healthCheckNodePort"] = operation.draw()
        return
    problem = operation.allocate(number)
    if problem:
        raise RefusedError([invalid("spec.healthCheckNodePort", number,
                                    f"failed to allocate requested HealthCheck NodePort {number}: {problem}",
                                    "write another port, or drop healthCheckNodePort to get one")], INTERNAL_ERROR)


def _node_ports(spec: Spec) -> list[Any]:
    return [port["nodePort"] for port in ports(spec) if port.get("nodePort")]
