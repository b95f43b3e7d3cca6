#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: node_bootstrap_user_data
short_description: Write cloud-init's user data for nodes that settle themselves from a repository
description:
  - The user data hold the service, the timer and the keys of M(node_bootstrap), start a first run at the first boot
    and need nothing else, no control node and no API server.
  - They hold no secrets, and are the same for all nodes unless O(host) names one.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  path:
    description: The file to write.
    type: path
    required: true
  packages:
    description: Packages that cloud-init installs first. Empty for a machine image that has them.
    type: list
    elements: str
    default: [ansible-core, git]
  repository:
    description: Address of the repository, as git takes it; a password in it is refused.
    type: str
    required: true
  ref:
    description: Branch, tag or commit.
    type: str
    default: main
  inventory:
    description: The inventory, relative to the repository's root.
    type: str
    required: true
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
attributes:
  check_mode:
    description: Says whether the file would be written.
    support: full
  diff_mode:
    description: Shows the file.
    support: full
"""

EXAMPLES = r"""
- name: Write user data for new nodes
  node_bootstrap_user_data:
    path: user-data
    repository: https://git.example.org/network.git
    inventory: inventories/site
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: user-data
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import bootstrap, files
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan


def get_argument_spec():
    return {
        "path": {"type": "path", "required": True},
        "packages": {"type": "list", "elements": "str", "default": ["ansible-core", "git"]},
        "repository": {"type": "str", "required": True},
        "ref": {"type": "str", "default": "main"},
        "inventory": {"type": "str", "required": True},
        "playbook": {"type": "str", "default": "playbooks/pull.yml"},
        "host": {"type": "str", "default": ""},
        "directory": {"type": "str", "default": "/var/lib/fairlead/checkout"},
        "schedule": {"type": "str", "default": "*:0/30"},
        "random_delay": {"type": "int", "default": 600},
        "keys": {"type": "str", "default": "", "no_log": False},
    }


def run(module):
    params = dict(module.params)
    path, packages = params.pop("path"), params.pop("packages")
    text = bootstrap.user_data(bootstrap.check(bootstrap.Pull(**params)), packages)
    converge(
        module,
        observe=lambda: files.read_text(path),
        plan=lambda have: Plan(tuple(files.step(path, have, text)), unchanged=f"{path} is as asked"),
        apply=lambda step: files.write_text(path, step.after),
        report=lambda _have: {"path": path},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
