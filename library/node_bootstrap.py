#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: node_bootstrap
short_description: Let a node settle itself from a repository, regularly
description:
  - Writes a service that runs ansible-pull and a timer that starts it, and enables the timer.
  - A run sees drift when the commit is the same as before too. Two runs at once wait for each other, and what was
    missed while the node was off is done after it has booted.
  - With O(keys), a commit that none of them has signed is not run, and neither is anything else in the checkout.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  repository:
    description: Address of the repository, as git takes it; a password in it is refused.
    type: str
  ref:
    description: Branch, tag or commit.
    type: str
    default: main
  inventory:
    description: The inventory, relative to the repository's root.
    type: str
  playbook:
    description: The playbook, relative to the repository's root.
    type: str
    default: playbooks/pull.yml
  host:
    description: The node's name in that inventory. Empty means its host name.
    type: str
    default: ""
  directory:
    description: The checkout on the node.
    type: str
    default: /var/lib/fairlead/checkout
  schedule:
    description: When it pulls, as OnCalendar of systemd.timer(5).
    type: str
    default: "*:0/30"
  random_delay:
    description: Seconds at most by which each run is put off, so that not all nodes pull at once.
    type: int
    default: 600
  keys:
    description: Public keys, lines of OpenSSH's or one OpenPGP block. Then only a commit that one of them has signed
      is run. Empty takes every commit.
    type: str
    default: ""
  state:
    description: V(absent) takes the service, the timer and the keys away; the checkout stays.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Says what would be written and enabled.
    support: full
  diff_mode:
    description: Shows the files.
    support: full
"""

EXAMPLES = r"""
- name: Let the node pull every half hour
  node_bootstrap:
    repository: https://git.example.org/network.git
    inventory: inventories/site
    keys: "{{ lookup('ansible.builtin.file', 'signers.pub') }}"

- name: Let it stop
  node_bootstrap:
    state: absent
"""

RETURN = r"""
timer:
  description: Whether the timer is active; in check mode before the run.
  returned: success
  type: bool
  sample: true
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [write /etc/systemd/system/fairlead-pull.timer, enable fairlead-pull.timer]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import bootstrap
from ansible.module_utils.fairlead import bootstrap_units as units
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError


def get_argument_spec():
    return {
        "repository": {"type": "str"},
        "ref": {"type": "str", "default": "main"},
        "inventory": {"type": "str"},
        "playbook": {"type": "str", "default": "playbooks/pull.yml"},
        "host": {"type": "str", "default": ""},
        "directory": {"type": "str", "default": "/var/lib/fairlead/checkout"},
        "schedule": {"type": "str", "default": "*:0/30"},
        "random_delay": {"type": "int", "default": 600},
        "keys": {"type": "str", "default": "", "no_log": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def desired_of(params, commands):
    """Texts of our files by path; none when they shall go."""
    if params["state"] == "absent":
        return {}
    pull = bootstrap.check(bootstrap.Pull(**{name: params[name] for name in bootstrap.Pull.__dataclass_fields__}))
    units.check_node(pull.schedule, pull.keys.strip().startswith(bootstrap.PGP_BEGINS), commands)
    return bootstrap.files(pull)


def run(module):
    commands = Commands()
    wanted = desired_of(module.params, commands)
    converge(
        module,
        observe=lambda: units.observe(commands),
        plan=lambda observed: units.plan(wanted, observed),
        apply=lambda step: units.apply(step, commands),
        report=lambda observed: {"timer": observed.active},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True,
                           required_if=[("state", "present", ("repository", "inventory"))])
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
