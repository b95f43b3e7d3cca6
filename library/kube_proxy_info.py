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
  - Names what modes that do not run have left behind, and virtual servers that are not kube-proxy's.
  - A node without kube-proxy is a result, not an error.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  wait_for_mode:
    description: Wait until kube-proxy answers in this mode and has written its rules once.
    type: str
    choices: [iptables, ipvs, nftables, userspace]
  families:
    description: Address families whose rules must have been written, for O(wait_for_mode).
    type: list
    elements: str
    choices: [IPv4, IPv6]
    default: [IPv4]
  path:
    description: The configuration file on the node, for the mode that is configured.
    type: path
    default: /etc/kubernetes/kube-proxy.yaml
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
  description: V(systemd) when our unit runs; V(k3s) or V(rke2) when kube-proxy answers beside their service; V(other)
    when something else answers, such as a pod; V(none).
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
configured_mode:
  description: The mode in the configuration file; empty when there is none, or it is not JSON under a comment.
  returned: success
  type: str
  sample: nftables
syncs:
  description: Time of the last complete sync of each address family.
  returned: success
  type: dict
  sample: {IPv4: "2026-11-24T08:15:02Z", IPv6: "2026-11-24T08:15:02Z"}
unfinished_change:
  description: Phase in which a live change of the mode was left by a guard that was killed, or is now; empty for none.
  returned: success
  type: str
  sample: prove
change_under_way:
  description: Whether a guard is at work at this moment.
  returned: success
  type: bool
  sample: false
tools:
  description: What of kube-proxy's stands there by family and tool; C(ipvs) counts its virtual servers.
  returned: success
  type: dict
  sample: {chains: {"IPv4 nft": 12}, nft_tables: [IPv4, IPv6], ipvs: 0, ipsets: 0, kube_ipvs0: false}
leftovers:
  description: What modes that do not run have left behind. Empty while nobody answers, since it may still serve.
  returned: success
  type: list
  elements: dict
  sample: [{mode: ipvs, kind: device, name: kube-ipvs0}]
foreign_servers:
  description: Virtual servers that are not kube-proxy's. Its start in nftables mode flushes them.
  returned: success
  type: list
  elements: str
  sample: [TCP 192.0.2.10:443]
rules:
  description: Which modes' rules stand in the kernel.
  returned: success
  type: dict
  sample: {iptables: false, userspace: false, ipvs: false, nftables: true}
"""

import shutil
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, distribution, inspect_node, modes, unit
from ansible.module_utils.fairlead.mode_change.journal import Journal


def get_argument_spec():
    return {
        "wait_for_mode": {"type": "str", "choices": [*modes.MODES, modes.USERSPACE]},
        "families": {"type": "list", "elements": "str", "choices": ["IPv4", "IPv6"], "default": ["IPv4"]},
        "path": {"type": "path", "default": "/etc/kubernetes/kube-proxy.yaml"},
        "timeout": {"type": "float", "default": 180},
    }


def deployment(answered, commands):
    """How the kube-proxy that answers is run, by the services that are active here."""
    if not shutil.which("systemctl"):
        return "other" if answered else "none"
    units = {unit.NAME: "systemd", **{one: name for name, units in distribution.UNITS.items() for one in units}}
    states = commands.run(["systemctl", "is-active", *units]).stdout.split()
    running = next((how for how, state in zip(units.values(), states) if state == "active"), "")
    if running in ("", "systemd"):
        return running or ("other" if answered else "none")
    return running if answered else "none"


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        params, commands = module.params, Commands()
        if params["wait_for_mode"]:
            ask.wait_until_serving(params["wait_for_mode"], params["families"], params["timeout"])
        answer = ask.ask()
        metrics = ask.get(ask.METRICS_PORT, "/metrics")[1] if answer.mode else ""
        journal = Journal()
        left = journal.left()
        found = inspect_node.inspect(answer.mode or "", params["path"], commands)
        module.exit_json(
            changed=False, mode=answer.mode or "none", version=ask.version(metrics), syncs=ask.last_syncs(metrics),
            deployment=deployment(answer.mode, commands), healthy=answer.healthy, last_updated=answer.last_updated,
            unfinished_change=left["phase"] if left else "", change_under_way=bool(left) and journal.busy(),
            **asdict(found))
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
