#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy_leftovers
short_description: Remove what modes of kube-proxy that do not run have left in a node's kernel
description:
  - Looks at what stands there, whatever mode was meant to run, and removes chains, tables, virtual servers, ipsets and
    the device kube-ipvs0 that bear kube-proxy's name and that the running mode does not use.
  - Nothing of another component is touched, and no reboot is needed. Connections that still pass through an old
    virtual server end.
  - Nothing is removed while no kube-proxy answers, since its rules may still serve.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options: {}
attributes:
  check_mode:
    description: Says what would be removed.
    support: full
  diff_mode:
    description: Shows what would be removed.
    support: full
"""

EXAMPLES = r"""
- name: Remove what other modes left behind
  kube_proxy_leftovers: {}
"""

RETURN = r"""
leftovers:
  description: What is still there after the run, which is nothing unless it ran in check mode.
  returned: success
  type: list
  elements: dict
  sample: []
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [remove device kube-ipvs0, remove 9 chains of IPv4 nft]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, inspect_node, leftovers, rules


def get_argument_spec():
    return {}


def run(module):
    commands = Commands()
    running, local = ask.ask().mode or "", inspect_node.node_addresses(commands)
    converge(
        module,
        observe=lambda: rules.observe(commands),
        plan=lambda kernel: leftovers.plan(kernel, running, local),
        apply=lambda step: leftovers.apply(step, commands),
        report=lambda kernel: {"leftovers": [vars(one) for one in leftovers.find(kernel, running, local)]},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
