#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: machine_networks_info
short_description: Look whether a link of this machine has addresses of a cluster's pods or Services
description:
  - Compares the links in this machine's routing tables with the cluster's ranges. What such a machine sends to a pod or
    a Service, or a pod sends to it, would stay on the link.
  - An overlap is a result, not a failure of the module.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  ranges:
    description: The ranges that cluster_networks_info returned.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: Which network it belongs to.
        type: str
        choices: [node, pod, Service]
        required: true
      network:
        description: The range.
        type: str
        required: true
      owner:
        description: Whose it is, for the sentences.
        type: str
        required: true
  of_node:
    description: Whether this is a node of the cluster, whose pods' own links lie in the pod range.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Look at the links of a client machine
  machine_networks_info:
    ranges:
      - {kind: Service, network: 10.96.0.0/16, owner: ServiceCIDR kubernetes}
"""

RETURN = r"""
problems:
  description: Every overlap with both ranges and what to do. Empty when there is none.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import networks


def get_argument_spec():
    return {
        "ranges": {"type": "list", "elements": "dict", "required": True, "options": {
            "kind": {"type": "str", "choices": ["node", "pod", "Service"], "required": True},
            "network": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
        }},
        "of_node": {"type": "bool", "default": False},
    }


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        ranges = networks.from_data(module.params["ranges"])
    except ValueError as error:
        module.fail_json(msg=f"ranges: {error}. Give what cluster_networks_info returned.")
    module.exit_json(changed=False, problems=networks.route_overlaps(
        ranges, networks.observe_routes(), os.uname().nodename, module.params["of_node"]))


if __name__ == "__main__":
    main()
