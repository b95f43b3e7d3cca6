#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy_info
short_description: Tell how kube-proxy runs on a node and which rules stand there
description:
  - Asks the running kube-proxy for its mode, release and health, and the kernel for the rules.
  - A node without kube-proxy is a result, not an error.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  wait_for_mode:
    description: Wait until kube-proxy answers in this mode and has written its rules once.
    type: str
    choices: [iptables, ipvs, nftables]
  families:
    description: Address families whose rules must have been written, for O(wait_for_mode).
    type: list
    elements: str
    choices: [IPv4, IPv6]
    default: [IPv4]
  timeout:
    description: Seconds to wait at most.
    type: float
    default: 180
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Look at kube-proxy
  kube_proxy_info: {}

- name: Wait until it serves in nftables mode
  kube_proxy_info:
    wait_for_mode: nftables
    families: [IPv4, IPv6]
"""

RETURN = r"""
mode:
  description: What /proxyMode answers; V(none) when nobody answers.
  returned: success
  type: str
  sample: nftables
version:
  description: Release of the running kube-proxy; empty when nobody answers.
  returned: success
  type: str
  sample: v1.37.2
deployment:
  description: V(systemd) when our unit runs, V(other) when something else answers, V(none).
  returned: success
  type: str
  sample: systemd
healthy:
  description: Whether /healthz answers 200.
  returned: success
  type: bool
  sample: true
last_updated:
  description: When kube-proxy last wrote its rules, as /healthz says.
  returned: success
  type: str
  sample: "2026-11-24 08:15:02.1 +0000 UTC"
rules:
  description: Which modes' rules stand in the kernel.
  returned: success
  type: dict
  sample: {iptables: false, ipvs: false, nftables: true}
"""

import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, modes, rules, unit


def get_argument_spec():
    return {
        "wait_for_mode": {"type": "str", "choices": list(modes.MODES)},
        "families": {"type": "list", "elements": "str", "choices": ["IPv4", "IPv6"], "default": ["IPv4"]},
        "timeout": {"type": "float", "default": 180},
    }


def deployment(answered, active):
    if active:
        return "systemd"
    return "other" if answered else "none"


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        params, commands = module.params, Commands()
        if params["wait_for_mode"]:
            ask.wait_until_serving(params["wait_for_mode"], params["families"], params["timeout"])
        answer = ask.ask()
        active = bool(shutil.which("systemctl")) and commands.run(["systemctl", "is-active", "--quiet", unit.NAME]).ok
        module.exit_json(
            changed=False, mode=answer.mode or "none", version=ask.version() if answer.mode else "",
            deployment=deployment(answer.mode, active), healthy=answer.healthy, last_updated=answer.last_updated,
            rules=rules.present(commands))
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
