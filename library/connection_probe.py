#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: connection_probe
short_description: Open and keep connections to Services from this machine, and say what became of each
description:
  - New connections at a steady rate, established ones that carry data both ways, UDP from one port, affinity clients.
  - The load is a process of its own that goes on between calls and ends by itself; it is bounded in rate, number and
    time.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  name:
    description: Which load, so that several can run on one machine.
    type: str
    required: true
  state:
    description:
      - V(started) starts it, in place of an earlier one of this name.
      - V(read) says what was seen up to now, V(stopped) ends it and says so.
      - V(watched) reads, and fails when there were more failures than O(budget).
    type: str
    choices: [started, read, watched, stopped]
    default: read
  flows:
    description: What is asked, for V(started).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the flow.
        type: str
        required: true
      kind:
        description: V(new) and V(affinity) open RATE connections a second; V(established) keeps COUNT; V(udp) asks from
          one port for each source.
        type: str
        choices: [new, affinity, established, udp]
        required: true
      address:
        description: Where to; V(node) and V(node6) stand for the node's own in O(addresses).
        type: str
        required: true
      port:
        description: The port there.
        type: int
        required: true
      path:
        description: Path of the HTTP request. Empty only opens the connection, for servers that do not speak HTTP.
        type: str
        default: /hostname
      sources:
        description: Addresses of this machine to ask from; each is a client of its own. Empty means any.
        type: list
        elements: str
        default: []
      rate:
        description: New connections a second.
        type: float
      count:
        description: Established connections.
        type: int
      interval:
        description: Seconds between two questions.
        type: float
  addresses:
    description: The node's addresses.
    type: list
    elements: str
    default: []
  seconds:
    description: When it ends by itself.
    type: float
    default: 900
  budget:
    description: Failed and broken connections and moved affinity clients that are still taken, for V(watched).
    type: int
    default: 0
  moves_count:
    description: Whether an affinity client that moved counts as a failure. Into ipvs mode affinity cannot be carried.
    type: bool
    default: true
  since:
    description: UNIX time before which results do not count.
    type: float
    default: 0
attributes:
  check_mode:
    description: Starts and stops nothing.
    support: full
  diff_mode:
    description: Files are its own and short-lived.
    support: none
"""

EXAMPLES = r"""
- name: Ask a node port thirty times a second
  connection_probe:
    name: example
    state: started
    addresses: [198.51.100.11]
    flows:
      - { name: node port, kind: new, address: node, port: 30080, rate: 30 }
      - { name: kept, kind: established, address: node, port: 30080, count: 20, interval: 0.25 }

- name: Say what was seen
  connection_probe:
    name: example
    state: stopped
"""

RETURN = r"""
summary:
  description: What the results come to. RV(summary.failures) is what a budget counts.
  returned: success
  type: dict
  sample: {new: 900, failed: 0, established: 20, broken: 0, clients: 1, moved: 0, failures: 0, p50: 2.1, p99: 9.8}
line:
  description: The same as a sentence.
  returned: success
  type: str
  sample: "example: 900 new connections, 0 failed; 0 of 20 established broken"
course:
  description: What happened in each second, with O(state=stopped).
  returned: success
  type: list
  elements: dict
now:
  description: This machine's clock, as UNIX time.
  returned: success
  type: float
  sample: 1700000000.0
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.probe import process


def get_argument_spec():
    flow = {
        "name": {"type": "str", "required": True},
        "kind": {"type": "str", "required": True, "choices": ["new", "affinity", "established", "udp"]},
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "required": True},
        "path": {"type": "str", "default": "/hostname"},
        "sources": {"type": "list", "elements": "str", "default": []},
        "rate": {"type": "float"},
        "count": {"type": "int"},
        "interval": {"type": "float"},
    }
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["started", "read", "watched", "stopped"], "default": "read"},
        "flows": {"type": "list", "elements": "dict", "default": [], "options": flow},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "seconds": {"type": "float", "default": 900},
        "budget": {"type": "int", "default": 0},
        "moves_count": {"type": "bool", "default": True},
        "since": {"type": "float", "default": 0},
    }


def run(module):
    params, load = module.params, process.Load(module.params["name"])
    changed = params["state"] == "started" or (params["state"] == "stopped" and bool(load.process()))
    if params["state"] == "started" and not module.check_mode:
        load.stop()
        load.start(process.resolved(params["flows"], params["addresses"]), params["seconds"])
    elif params["state"] == "stopped" and not module.check_mode:
        load.stop()
    results = load.results()
    judged = process.judge(results, params["since"], moves=params["moves_count"])
    told = process.told(params["name"], judged)
    if params["state"] == "watched" and judged["failures"] > params["budget"]:
        module.fail_json(msg=f"{told}. Errors: {judged['errors']}", summary=judged)
    module.exit_json(changed=changed, summary=judged, line=told, now=time.time(),
                     course=process.seconds_of(results) if params["state"] == "stopped" else [])


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
