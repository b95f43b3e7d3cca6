#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: mode_change_report
short_description: Write what a live change of a node's mode did to its connections, as a page and as JSON
description:
  - Runs on the control node, with what M(mode_change_info) and M(connection_probe) returned.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  node:
    description: Name of the node.
    type: str
    required: true
  change:
    description: What M(mode_change_info) returned on the node.
    type: dict
    required: true
  probes:
    description: "Client to what M(connection_probe) returned there with C(state: stopped)."
    type: dict
    default: {}
  directory:
    description: Where change-NODE.html and change-NODE.json are written.
    type: path
    required: true
attributes:
  check_mode:
    description: Writes nothing.
    support: full
  diff_mode:
    description: Reports are not compared.
    support: none
"""

EXAMPLES = r"""
- name: Write the report of the last change
  mode_change_report:
    node: node1
    change: "{{ last }}"
    directory: build
  delegate_to: localhost
"""

RETURN = r"""
verdict:
  description: V(proven) when nothing was lost, V(disproven), or V(unknown) when no probe watched.
  returned: success
  type: str
  sample: proven
path:
  description: The page.
  returned: success
  type: str
  sample: build/change-node1.html
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.mode_change import page


def get_argument_spec():
    return {
        "node": {"type": "str", "required": True},
        "change": {"type": "dict", "required": True},
        "probes": {"type": "dict", "default": {}},
        "directory": {"type": "path", "required": True},
    }


def run(module):
    params = module.params
    report = page.report(params["node"], params["change"], params["probes"])
    stem = f"{params['directory']}/change-{params['node']}"
    if not module.check_mode:
        files.write_text(f"{stem}.html", page.render(report))
        files.write_text(f"{stem}.json", json.dumps(report, indent=1, sort_keys=True) + "\n")
    module.exit_json(changed=False, verdict=page.judge(report), path=f"{stem}.html")


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
