#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: service_probe_info
short_description: Ask Services from this machine and the pods on it, and record which pods answer
description:
  - Runs on a client machine outside the cluster or on a node, and needs nothing but Python there. To ask from pods it
    enters their networks, for which it must be root on their node.
  - Every request uses a new connection or a new source port. Every wait is bounded, and so is the number of
    connections.
  - A connection that fails is a result, not a failure of the module.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  clients:
    description: Who asks what, as service_cells_info returns it for this machine.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the client.
        type: str
        required: true
      pod:
        description: The uid of the pod whose network is used. Empty means this machine's own.
        type: str
        default: ""
      host_network:
        description: Whether this pod shares its node's network.
        type: bool
        default: false
      questions:
        description: What to ask cluster DNS with C(dig) from this client's pod, with the resolv.conf that the pod has.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name to ask for; with a dot at its end it is not searched.
            type: str
            required: true
          type:
            description: Type of record.
            type: str
            choices: [A, AAAA, SRV, CNAME]
            default: A
          how:
            description: An option of C(dig), such as V(+search).
            type: str
            default: ""
          expect:
            description: The sorted answers; others are asked for again until patience ends.
            type: list
            elements: str
            default: []
          service:
            description: Which Service it is about.
            type: str
            default: ""
          check:
            description: Which check it belongs to.
            type: str
            default: ""
      environment:
        description: By uid of a pod on this machine, the names of the variables to read of its processes' environment.
        type: dict
        default: {}
      tasks:
        description: The questions.
        type: list
        elements: dict
        required: true
        suboptions:
          id:
            description: Name of the cell that the result belongs to.
            type: str
            required: true
          protocol:
            description: V(TCP) asks over HTTP.
            type: str
            choices: [TCP, UDP]
            default: TCP
          address:
            description: IPv4 or IPv6 address.
            type: str
            required: true
          port:
            description: Port.
            type: int
            required: true
          ask:
            description: HTTP path, or text of a datagram, that makes a pod answer with its host name.
            type: str
            default: /hostname
          connections:
            description: Connections to make at most.
            type: int
            required: true
          until:
            description: Stop as soon as all of these have answered. Empty means never before the last connection.
            type: list
            elements: str
            default: []
          expect:
            description: What must be seen, as service_cells_info promises it. Without it the cell is asked once.
            type: dict
            default: {}
  timeout:
    description: Seconds for one connection, from its first packet to the end of the answer.
    type: float
    default: 3
  threads:
    description: Cells that are probed at the same time.
    type: int
    default: 8
  budget:
    description: Seconds for everything. What is not probed by then is reported as unfinished.
    type: float
    default: 120
  patience:
    description:
      - Seconds in which what differs from O(clients[].tasks[].expect) is asked again, since a change takes time to
        arrive on every node. V(0) asks once.
    type: float
    default: 0
  pod_wait:
    description: Seconds that a probe pod gets to appear on its node.
    type: float
    default: 60
  sources:
    description: By protocol, what makes a pod answer with the address it sees. Asked once for each cell; pods that do
      not know it are no fault.
    type: dict
    default: {TCP: /clientip, UDP: clientip}
  progress:
    description: A file that says how far the asking is while it lasts, in three numbers. It must not be there yet, is
      readable for everybody and is removed at the end. Empty means none. The action plugin of role service_verify names
      one and shows on the control node what it says.
    type: str
    default: ""
attributes:
  check_mode:
    description: Only asks, so check mode makes no difference.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Ask one node port twelve times
  service_probe_info:
    clients:
      - name: here
        tasks:
          - {id: first, address: "fd98::11", port: 30080, connections: 12}
"""

RETURN = r"""
clients:
  description: By client its C(results), or C(msg), which says why there are none.
  returned: success
  type: dict
  contains:
    names:
      description: One entry for each question, in turn, with the server's status, its answers, or an error.
      type: list
      elements: dict
      sample: [{status: NOERROR, answers: [10.96.0.10], error: ""}]
    environment:
      description: By uid of a pod, those of the wanted variables that it was started with.
      type: dict
      sample: {5f6ee9c5-5a56-4a67-9ef6-3f4b4e9f9a6f: {MYAPP_SERVICE_HOST: 10.96.7.1}}
    results:
      description: One entry for each task.
      type: list
      elements: dict
      contains:
        id:
          description: Name of the cell.
          type: str
          sample: first
        connections:
          description: Connections that were tried.
          type: int
          sample: 12
        answers:
          description: How often each pod answered.
          type: dict
          sample: {web-1: 12}
        failures:
          description: Connections that brought no answer. After the second one a cell is given up.
          type: int
          sample: 0
        own_faults:
          description: Those among them that this machine could not even try, for instance without a route.
          type: int
          sample: 0
        error:
          description: The first failure, with the step and the error's name.
          type: str
          sample: "connect: ECONNREFUSED Connection refused"
        unfinished:
          description: Whether the time ran out before the cell was done.
          type: bool
          sample: false
        round:
          description: In which round these answers were got; the first is 1.
          type: int
          sample: 1
        after:
          description: Seconds from the start of the module to the start of that round.
          type: float
          sample: 0.0
        latency_ms:
          description: Shortest, middle and longest time of the connections that were answered, in milliseconds;
            C(counts) says how many took less than 1, 2, 4, 8 and so on.
          type: dict
          sample: {min: 1.4, median: 2.1, max: 9.8, counts: [0, 3, 8, 0, 1]}
        course:
          description: Which pod answered how often in a row, in turn.
          type: list
          elements: list
          sample: [[web-1, 12]]
        source:
          description: The client's address as a pod sees it; empty when the pods do not tell.
          type: str
          sample: 198.18.0.101
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.verify.probe import Bounds, probe_clients


def get_argument_spec():
    return {
        "clients": {"type": "list", "elements": "dict", "required": True, "options": {
            "name": {"type": "str", "required": True},
            "pod": {"type": "str", "default": ""},
            "host_network": {"type": "bool", "default": False},
            "questions": {"type": "list", "elements": "dict", "default": [], "options": {
                "name": {"type": "str", "required": True},
                "type": {"type": "str", "choices": ["A", "AAAA", "SRV", "CNAME"], "default": "A"},
                "how": {"type": "str", "default": ""},
                "expect": {"type": "list", "elements": "str", "default": []},
                "service": {"type": "str", "default": ""},
                "check": {"type": "str", "default": ""},
            }},
            "environment": {"type": "dict", "default": {}},
            "tasks": {"type": "list", "elements": "dict", "required": True, "options": {
                "id": {"type": "str", "required": True},
                "protocol": {"type": "str", "choices": ["TCP", "UDP"], "default": "TCP"},
                "address": {"type": "str", "required": True},
                "port": {"type": "int", "required": True},
                "ask": {"type": "str", "default": "/hostname"},
                "connections": {"type": "int", "required": True},
                "until": {"type": "list", "elements": "str", "default": []},
                "expect": {"type": "dict", "default": {}},
            }},
        }},
        "timeout": {"type": "float", "default": 3},
        "threads": {"type": "int", "default": 8},
        "budget": {"type": "float", "default": 120},
        "patience": {"type": "float", "default": 0},
        "pod_wait": {"type": "float", "default": 60},
        "sources": {"type": "dict", "default": {"TCP": "/clientip", "UDP": "clientip"}},
        "progress": {"type": "str", "default": ""},
    }


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    params = dict(module.params)
    clients, progress = params.pop("clients"), params.pop("progress")
    module.exit_json(changed=False, clients=probe_clients(clients, Bounds(**params), progress))


if __name__ == "__main__":
    main()
