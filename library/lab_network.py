#!/usr/bin/python
# Copyright: Fairlead maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Make the lab's network namespaces and the links between them."""
from __future__ import annotations

DOCUMENTATION = r"""
module: lab_network
short_description: Make the lab's network namespaces and the links between them
description:
  - Creates what is missing and leaves alone what stands. The names of the namespaces are recorded before the first is
    created, so that taking the lab down finds all of them.
options:
  run_dir:
    description: The lab's directory for what runs.
    type: path
    required: true
  state:
    description: Whether the network stands.
    type: str
    choices: [present, absent]
    default: present
  namespaces:
    description: The network namespaces. The one with an empty name is the machine's own.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the namespace.
        type: str
        required: true
      links:
        description: Bridges, taps and ends of cables.
        type: list
        elements: dict
        default: []
        suboptions:
          name: {description: Name of the link., type: str, required: true}
          kind: {description: What it is., type: str, choices: [bridge, tap, veth], required: true}
          bridge: {description: The bridge it is a port of., type: str}
          addresses: {description: Addresses with prefix length., type: list, elements: str, default: []}
          peer: {description: Namespace and name of the other end of a cable., type: list, elements: str}
      routes:
        description: Routes through a gateway.
        type: list
        elements: dict
        default: []
        suboptions:
          to: {description: Destination., type: str, required: true}
          via: {description: Gateway., type: str, required: true}
      forward:
        description: Whether it forwards packets.
        type: bool
        default: false
      masquerade:
        description: The interface behind whose address it hides the others.
        type: str
attributes:
  check_mode:
    description: Says what would be made.
    support: full
  diff_mode:
    description: Shows the calls of ip(8).
    support: full
author: Fairlead maintainers
"""

EXAMPLES = r"""
- name: Connect one client
  lab_network:
    run_dir: /run/fairlead-lab/lab
    namespaces:
      - name: fairlead-lab-lan
        links:
          - {name: br0, kind: bridge, addresses: [198.18.0.1/24]}
          - {name: client1, kind: veth, bridge: br0, peer: [fairlead-lab-client1, eth0]}
      - name: fairlead-lab-client1
        links:
          - {name: eth0, kind: veth, addresses: [198.18.0.101/24]}
"""

RETURN = r"""
plan:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.files import read_text, write_text
from ansible.module_utils.fairlead.lab import network
from ansible.module_utils.fairlead.plan import Plan, Step


def get_argument_spec():
    link = {
        "name": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": ["bridge", "tap", "veth"], "required": True},
        "bridge": {"type": "str"},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "peer": {"type": "list", "elements": "str"},
    }
    route = {"to": {"type": "str", "required": True}, "via": {"type": "str", "required": True}}
    namespace = {
        "name": {"type": "str", "required": True},
        "links": {"type": "list", "elements": "dict", "default": [], "options": link},
        "routes": {"type": "list", "elements": "dict", "default": [], "options": route},
        "forward": {"type": "bool", "default": False},
        "masquerade": {"type": "str"},
    }
    return {
        "run_dir": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "namespaces": {"type": "list", "elements": "dict", "default": [], "options": namespace},
    }


def run(module):
    wanted, commands = {"namespaces": module.params["namespaces"]}, Commands()
    record = str(Path(module.params["run_dir"], "network.json"))
    if module.params["state"] == "absent":
        recorded = json.loads(read_text(record) or "[]")
        present = {"namespaces": [{"name": name, "links": []} for name in recorded]}

        def plan_removal(observed):
            return Plan(tuple(Step("delete", f"namespace {name}", before=name) for name in sorted(observed) if name),
                        unchanged="no namespaces")

        converge(module, lambda: network.observe(present, commands), plan_removal,
                 lambda step: network.remove([step.before], commands), lambda observed: {})
        return

    def apply(step):
        if read_text(record) is None:
            names = [spec["name"] for spec in wanted["namespaces"] if spec["name"]]
            write_text(record, json.dumps(names) + "\n")
        network.apply(step, commands)

    converge(module, lambda: network.observe(wanted, commands), lambda observed: network.plan(wanted, observed),
             apply, lambda observed: {})


def main():
    run(AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True))


if __name__ == "__main__":
    main()
