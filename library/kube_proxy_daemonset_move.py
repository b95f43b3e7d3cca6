#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy_daemonset_move
short_description: Move one node to another DaemonSet of kube-proxy
description:
  - The old pod ends before the new one starts, so the node never has two proxies. Rules stay in the kernel meanwhile.
  - Done when the new pod runs; that it serves is for kube_proxy_info on the node to say.
  - Runs on the control node, after kube_proxy_daemonset.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  kubeconfig:
    description: Kubeconfig of an administrator. Unset, E(KUBECONFIG) or C(~/.kube/config) is used.
    type: path
  node:
    description: Name of the Node object.
    type: str
    required: true
  label:
    description: The node's label afterwards, which names the DaemonSet. Empty is kubeadm's own.
    type: str
    default: ""
  timeout:
    description: Seconds that the old pod may take to end, and the new one to run.
    type: float
    default: 180
attributes:
  check_mode:
    description: Says from where to where the node would move.
    support: full
  diff_mode:
    description: Shows the DaemonSets.
    support: full
"""

EXAMPLES = r"""
- name: Move a node
  kube_proxy_daemonset_move:
    node: node1
    label: nftables-3f9c01d2aa
"""

RETURN = r"""
daemon_set:
  description: The DaemonSet that the node's label names.
  returned: success
  type: str
  sample: kube-proxy-nftables-3f9c01d2aa
plan:
  description: The step, or the sentence that says why there is none.
  returned: success
  type: list
  elements: str
  sample: [move node node1]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import daemonset_node
from ansible.module_utils.fairlead.kube_proxy.daemonset_api import Cluster


def get_argument_spec():
    return {
        "kubeconfig": {"type": "path"},
        "node": {"type": "str", "required": True},
        "label": {"type": "str", "default": ""},
        "timeout": {"type": "float", "default": 180},
    }


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    node, label = module.params["node"], module.params["label"]
    try:
        cluster = Cluster(module.params["kubeconfig"], module.params["timeout"])
        converge(
            module,
            observe=lambda: cluster.proxies(node),
            plan=lambda observed: daemonset_node.plan_move(node, label, *observed),
            apply=lambda _step: cluster.move(node, label),
            report=lambda observed: {"daemon_set": daemonset_node.name_of(observed[0])},
        )
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
