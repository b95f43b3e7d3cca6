#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy_daemonset_change
short_description: Move a node that serves to kube-proxy's DaemonSet of another mode, without losing a connection
description:
  - A process on the node, the guard, serves with a table of its own while the old pod ends and the new one starts. It
    changes the node's label itself, with kubelet's credentials, so it goes on, or back, without ssh and control node.
  - Done when every rule of the new mode was seen in the kernel and the table is gone.
  - A change that was left unfinished, for instance by a power cut, is taken up again.
  - A node that loses power while no pod is to run puts its label back at boot, by a unit of systemd that is there while
    the change lasts.
  - Runs on the node, after M(kube_proxy_daemonset).
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  node:
    description: Name of the Node object.
    type: str
    required: true
  label:
    description: The node's label afterwards, which names the DaemonSet. Empty is kubeadm's own.
    type: str
    default: ""
  mode:
    description: The mode of that DaemonSet.
    type: str
    choices: [iptables, ipvs, nftables]
    required: true
  kubeconfig:
    description: Kubelet's kubeconfig on the node. The guard changes the label of its own node with it.
    type: path
    default: /etc/kubernetes/kubelet.conf
  token:
    description: A token of kube-proxy's ServiceAccount, with which the guard reads Services and EndpointSlices
      (M(kube_proxy_token)). Not needed in check mode.
    type: str
    default: ""
  timeout:
    description: Seconds that the old pod may take to end, the new one to run, and its kube-proxy to write its rules;
      each of them.
    type: float
    default: 180
attributes:
  check_mode:
    description: Says from where to where the node would change.
    support: full
  diff_mode:
    description: Shows the DaemonSets and modes.
    support: full
"""

EXAMPLES = r"""
- name: Mint a token for the guard
  kube_proxy_token: {}
  delegate_to: localhost
  register: minted
  no_log: true

- name: Change the node's mode
  kube_proxy_daemonset_change:
    node: node1
    label: nftables-3f9c01d2aa
    mode: nftables
    token: "{{ minted.token }}"
"""

RETURN = r"""
mode:
  description: The mode that kube-proxy answers with on /proxyMode; V(none) when nobody answers.
  returned: success
  type: str
  sample: nftables
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
  sample: [change node node1]
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
from ansible.module_utils.fairlead.kube_proxy import daemonset_live, daemonset_node, modes


def get_argument_spec():
    return {
        "node": {"type": "str", "required": True},
        "label": {"type": "str", "default": ""},
        "mode": {"type": "str", "required": True, "choices": list(modes.MODES)},
        "kubeconfig": {"type": "path", "default": "/etc/kubernetes/kubelet.conf"},
        "token": {"type": "str", "default": "", "no_log": True},
        "timeout": {"type": "float", "default": 180},
    }


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    params, commands = module.params, Commands()
    desired = daemonset_live.Desired(params["node"], params["label"], params["mode"], params["kubeconfig"],
                                     params["token"], params["timeout"])
    try:
        converge(
            module,
            observe=lambda: daemonset_live.observe(desired),
            plan=lambda observed: daemonset_live.plan(desired, observed),
            apply=lambda step: daemonset_live.apply(desired, step, commands),
            report=lambda observed: {"mode": observed.mode or "none",
                                     "daemon_set": daemonset_node.name_of(observed.label)},
        )
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
