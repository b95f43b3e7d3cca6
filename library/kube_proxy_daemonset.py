#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy_daemonset
short_description: Run kube-proxy as pods, in a mode of its own on every node
description:
  - Takes over what kubeadm runs, with one DaemonSet for each mode and a ConfigMap named by its content.
  - Moves one node after the other, by a label. The old pod ends before the new one starts; rules stay in the kernel.
  - A node that serves in another mode than asked is left where it is, with a warning, unless O(mode_change=restart).
  - Runs on the control node.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  kubeconfig:
    description: Kubeconfig of an administrator. Unset, E(KUBECONFIG) or C(~/.kube/config) is used.
    type: path
  nodes:
    description: Mode that each node shall have.
    type: dict
    required: true
  serving:
    description: Mode that kube-proxy answers with on each node now, V(none) for none, as kube_proxy_info returns it.
    type: dict
    required: true
  mode_change:
    description: What to do with a node that serves in another mode. V(restart) loses new connections for seconds.
    type: str
    choices: [refuse, restart]
    default: refuse
  kubernetes_version:
    description: Release of kube-proxy, such as V(1.37.2).
    type: str
    required: true
  cluster_cidrs:
    description: Pod ranges of the cluster, at most one of each family.
    type: list
    elements: str
    default: []
  node_port_addresses:
    description: Node addresses that answer on node ports, as CIDRs, or V(primary). Empty means kube-proxy's default.
    type: list
    elements: str
    default: []
  scheduler:
    description: Scheduler in ipvs mode. Empty means kube-proxy's default, rr.
    type: str
    default: ""
  config:
    description: Further fields of KubeProxyConfiguration v1alpha1, spelled as in the API.
    type: dict
    default: {}
  conntrack_owner:
    description: Who sizes the connection table. With V(node) kube-proxy's conntrack block is 0 in every field that it
      would otherwise fill in and set.
    type: str
    choices: [node, kube_proxy]
    default: kube_proxy
  timeout:
    description: Seconds that the pod of one node may take to end or to start.
    type: float
    default: 180
attributes:
  check_mode:
    description: Says which objects would be written and which nodes moved.
    support: full
  diff_mode:
    description: Shows configurations, images and places.
    support: full
"""

EXAMPLES = r"""
- name: Give every node its mode
  kube_proxy_daemonset:
    nodes: {node1: nftables, node2: iptables}
    serving: {node1: iptables, node2: iptables}
    mode_change: restart
    kubernetes_version: 1.37.2
    cluster_cidrs: [10.244.0.0/16]
"""

RETURN = r"""
moved:
  description: Label of each node after the run, empty for a node that kubeadm's DaemonSet still serves.
  returned: success
  type: dict
  sample: {node1: nftables, node2: ""}
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [create DaemonSet kube-proxy-nftables, move node node1]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import config, daemonset, modes, service
from ansible.module_utils.fairlead.kube_proxy.daemonset_api import Cluster


def get_argument_spec():
    return {
        "kubeconfig": {"type": "path"},
        "nodes": {"type": "dict", "required": True},
        "serving": {"type": "dict", "required": True},
        "mode_change": {"type": "str", "choices": [service.REFUSE, service.RESTART], "default": service.REFUSE},
        "kubernetes_version": {"type": "str", "required": True},
        "cluster_cidrs": {"type": "list", "elements": "str", "default": []},
        "node_port_addresses": {"type": "list", "elements": "str", "default": []},
        "scheduler": {"type": "str", "default": ""},
        "config": {"type": "dict", "default": {}},
        "conntrack_owner": {"type": "str", "choices": ["node", "kube_proxy"], "default": "kube_proxy"},
        "timeout": {"type": "float", "default": 180},
    }


def desired_of(params):
    """What the options ask for, as the planner takes it."""
    configs, warnings = {}, []
    for mode in sorted(set(params["nodes"].values())):
        warnings += modes.check(mode, params["kubernetes_version"])
        configs[mode] = config.render(config.Settings(
            mode=mode, kubeconfig=daemonset.MOUNTED_KUBECONFIG, cluster_cidrs=tuple(params["cluster_cidrs"]),
            node_port_addresses=tuple(params["node_port_addresses"]), scheduler=params["scheduler"],
            extra=params["config"], conntrack_owner=params["conntrack_owner"]), "daemonset")
    return daemonset.Desired(params["nodes"], params["serving"], configs, params["mode_change"], tuple(warnings))


def run(module):
    desired = desired_of(module.params)
    for text in desired.configs.values():
        for warning in config.check(text, module.params["kubernetes_version"]):
            module.warn(warning)
    cluster = Cluster(module.params["kubeconfig"], module.params["timeout"])
    converge(
        module,
        observe=cluster.observe,
        plan=lambda observed: daemonset.plan(desired, observed),
        apply=cluster.apply,
        report=lambda observed: {"moved": {node: observed.labels[node] or "" for node in desired.nodes}},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
