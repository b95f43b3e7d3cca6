#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: service_probe_info
short_description: Ask Services over HTTP from this machine and record which pods answer
description:
  - Runs on a client machine outside the cluster and needs nothing but Python there.
  - Every request uses a new TCP connection. Every wait is bounded, and so is the number of connections.
  - A connection that fails is a result, not a failure of the module.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  tasks:
    description: What to ask, as service_cells_info returns it for this client.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: Name of the cell that the result belongs to.
        type: str
        required: true
      address:
        description: IPv4 or IPv6 address of the node.
        type: str
        required: true
      port:
        description: Node port.
        type: int
        required: true
      path:
        description: HTTP path that answers with the pod's host name.
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
      - Seconds in which what differs from O(tasks[].expect) is asked again, since a change takes time to arrive on
        every node. V(0) asks once.
    type: float
    default: 0
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
    tasks:
      - {id: first, address: "fd98::11", port: 30080, connections: 12}
"""

RETURN = r"""
results:
  description: One entry for each task.
  returned: success
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
      description: Shortest, middle and longest time of the connections that were answered, in milliseconds.
      type: dict
      sample: {min: 1.4, median: 2.1, max: 9.8}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.verify.probe import Task, probe_all


def get_argument_spec():
    return {
        "tasks": {
            "type": "list", "elements": "dict", "required": True,
            "options": {
                "id": {"type": "str", "required": True},
                "address": {"type": "str", "required": True},
                "port": {"type": "int", "required": True},
                "path": {"type": "str", "default": "/hostname"},
                "connections": {"type": "int", "required": True},
                "until": {"type": "list", "elements": "str", "default": []},
                "expect": {"type": "dict", "default": {}},
            },
        },
        "timeout": {"type": "float", "default": 3},
        "threads": {"type": "int", "default": 8},
        "budget": {"type": "float", "default": 120},
        "patience": {"type": "float", "default": 0},
    }


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    params = module.params
    tasks = [Task(**task) for task in params["tasks"]]
    results = probe_all(tasks, params["timeout"], params["threads"], params["budget"], params["patience"])
    module.exit_json(changed=False, results=results)


if __name__ == "__main__":
    main()
