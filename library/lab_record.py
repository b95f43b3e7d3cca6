#!/usr/bin/python
# Copyright: Fairlead maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Reserve a lab's name and addresses on this machine, or give them up."""
from __future__ import annotations

DOCUMENTATION = r"""
module: lab_record
short_description: Reserve a lab's name and addresses on this machine
description:
  - Gives each lab a number of its own, from which all its addresses follow, so that several labs run side by side.
  - Refuses a name that another checkout uses, or that runs with other inputs; that lab stays as it is.
options:
  name:
    description: The lab's name; lower-case letters, digits and hyphens, at most 20 characters.
    type: str
    required: true
  state:
    description: Whether the name is reserved or given up.
    type: str
    choices: [present, absent]
    default: present
  checkout:
    description: The checkout that owns the lab.
    type: path
    required: true
  inputs:
    description: What decides the lab's shape; another value for one of them needs another lab.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Reserves nothing and says which index would be taken.
    support: full
  diff_mode:
    description: Shows the index.
    support: full
author: Fairlead maintainers
"""

EXAMPLES = r"""
- name: Reserve the lab
  lab_record:
    name: lab
    checkout: /home/me/fairlead
    inputs: {kube_proxy: systemd}
"""

RETURN = r"""
record:
  description: What is recorded; empty when the lab is not reserved.
  returned: success
  type: dict
  sample: {name: lab, index: 0, checkout: /home/me/fairlead, inputs: {kube_proxy: systemd}}
adopted:
  description: The lab was reserved before this call, so it is not this run's to take down again.
  returned: success
  type: bool
plan:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

import json
import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.lab import record as lab
from ansible.module_utils.fairlead.plan import Plan, Step

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?")


def get_argument_spec():
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "checkout": {"type": "path", "required": True},
        "inputs": {"type": "dict", "default": {}},
    }


def run(module):
    name, checkout, inputs = (module.params[key] for key in ("name", "checkout", "inputs"))
    if not NAME.fullmatch(name):
        raise FairleadError("LAB", "is not a name for a lab",
                            "use lower-case letters, digits and hyphens, at most 20 characters", name)

    def observe():
        routes = json.loads(Commands().check(["ip", "-json", "-4", "route"]).stdout or "[]")
        return lab.load_all(), lab.indices_with_routes(routes)

    def plan(observed):
        records, taken = observed
        if module.params["state"] == "present":
            return lab.plan_reserve(name, checkout, inputs, records, taken)
        if not (lab.RUN / name).is_dir():
            return Plan(unchanged=f"lab {name} is not reserved")
        return Plan((Step("forget", f"lab {name}", before=str(lab.RUN / name)),))

    def apply(step):
        lab.apply_reserve(step) if step.action == "reserve" else lab.forget(name)

    with lab.locked():
        adopted = name in lab.load_all()
        converge(module, observe, plan, apply,
                 lambda observed: {"record": observed[0].get(name, {}), "adopted": adopted})


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
