#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: node_sysctl
short_description: Keep kernel settings, live and in one drop-in for boot
description:
  - Takes all keys in one call, judges the live value and the drop-in, writes what differs straight to
    C(/proc/sys), then replaces the drop-in in one step.
  - All keys that are unknown or hold a value of a wrong kind are reported in one error, before anything is
    changed.
  - In check mode a key that comes with a kernel module which can be loaded but is not loaded yet is
    predicted; a real run refuses it. So a whole play can be predicted on a fresh node.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  settings:
    description:
      - Values by key. Keys are spelled with C(.) or C(/), as in sysctl.d(5).
      - A value is a number or a text; booleans are refused. It can also be a dictionary of C(value) and
        C(compare), which is C(exact) (the default) or C(at_least), a floor that leaves larger values alone.
      - With no keys at all the drop-in is removed; live values stay as they are.
    type: dict
    required: true
  path:
    description: The drop-in. This module owns all of it.
    type: path
    default: /etc/sysctl.d/90-fairlead.conf
attributes:
  check_mode:
    description: Predicts what a run would set and write, and changes nothing.
    support: full
  diff_mode:
    description: Shows each live value to set, and the drop-in.
    support: full
"""

EXAMPLES = r"""
- name: Let the node forward, and lift a limit unless it is larger already
  node_sysctl:
    settings:
      net.ipv4.ip_forward: 1
      net.ipv6.conf.all.forwarding: 1
      net.core.somaxconn: {value: 4096, compare: at_least}

- name: Set a key of an interface that has a dot in its name
  node_sysctl:
    settings:
      net/ipv4/conf/eth0.100/rp_filter: 2
"""

RETURN = r"""
file:
  description: The drop-in.
  returned: success
  type: str
  sample: /etc/sysctl.d/90-fairlead.conf
settings:
  description: Live value by key, null for a key that is not there yet. In check mode the values before the
    run.
  returned: success
  type: dict
  sample: {net.ipv4.ip_forward: "1"}
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [set net.ipv4.ip_forward, write /etc/sysctl.d/90-fairlead.conf]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
  sample: [set net.ipv4.ip_forward]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import sysctl_plan as sysctl
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.sysctl_observe import observe
from ansible.module_utils.fairlead.sysctl_settings import parse


def get_argument_spec():
    return {
        "settings": {"type": "dict", "required": True},
        "path": {"type": "path", "default": "/etc/sysctl.d/90-fairlead.conf"},
    }


def run(module):
    desired = sysctl.Desired(
        parsed=parse(module.params["settings"]),
        path=sysctl.check_path(module.params["path"]),
    )
    converge(
        module,
        observe=lambda: observe(desired.parsed.settings, desired.path),
        plan=lambda observed: sysctl.plan(desired, observed),
        apply=lambda step: sysctl.apply(desired, step),
        report=lambda observed: sysctl.report(desired, observed),
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
