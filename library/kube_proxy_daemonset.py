#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy_daemonset
short_description: Prepare kube-proxy's pods, in a mode of its own for every node
description:
  - Takes over what kubeadm runs, with one DaemonSet and one immutable ConfigMap for each mode, named by their content.
    A label of the node chooses.
  - Moves no node. It returns the nodes that are to move. M(kube_proxy_daemonset_move) moves one of them, or
    M(kube_proxy_daemonset_change) where it is to be live.
  - A node that serves in another mode than asked is left where it is, with a warning, unless O(mode_change) says
    otherwise.
  - Runs on the control node.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  kubeconfig:
    description: Kubeconfig of an administrator. Unset, E(KUBECONFIG) or C(~/.kube/config) is used.
    type: path
  owner:
    description: Whose objects run kube-proxy. V(kubeadm) is the way back; all that was added is removed once no node
      needs it, and kubeadm's DaemonSet is as it was.
    type: str
    choices: [fairlead, kubeadm]
    default: fairlead
  nodes:
    description: Mode that each node shall have. With O(owner=kubeadm) only the names count.
    type: dict
    required: true
  serving:
    description: Mode that kube-proxy answers with on each node now, V(none) for none, as kube_proxy_info returns it.
    type: dict
    required: true
  after_moves:
    description: Also remove what no node uses, although moves are due. In check mode the moves count as made, so that
      it names what the real run removes.
    type: bool
    default: false
  mode_change:
    description: What to do with a node that serves in another mode. V(restart) loses new connections for seconds,
      V(live) loses none (M(kube_proxy_daemonset_change)).
    type: str
    choices: [refuse, restart, live]
    default: refuse
  unfinished:
    description: Nodes on which a live change was left, for instance by a power cut. It is taken up again whatever
      O(mode_change) says.
    type: list
    elements: str
    default: []
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
    description: Seconds that kubeadm's own pods may take to be restarted at the end of the way back.
    type: float
    default: 600
attributes:
  check_mode:
    description: Says which objects would be written and which nodes are to move.
    support: full
  diff_mode:
    description: Shows configurations and images.
    support: full
"""

EXAMPLES = r"""
- name: Prepare a DaemonSet for each mode
  kube_proxy_daemonset:
    nodes: {node1: nftables, node2: iptables}
    serving: {node1: iptables, node2: iptables}
    mode_change: restart
    kubernetes_version: 1.37.2
    cluster_cidrs: [10.244.0.0/16]
"""

RETURN = r"""
due:
  description: The nodes that are to move, in order. A label of "" is kubeadm's own DaemonSet.
  returned: success
  type: list
  elements: dict
  sample: [{node: node1, label: nftables-3f9c01d2aa, mode: nftables, label_before: "", mode_before: iptables,
            live: false}]
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [create DaemonSet kube-proxy-nftables-3f9c01d2aa]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import config, daemonset, modes, service
from ansible.module_utils.fairlead.kube_proxy.daemonset_api import Cluster


def get_argument_spec():
    return {
        "kubeconfig": {"type": "path"},
        "owner": {"type": "str", "choices": ["fairlead", "kubeadm"], "default": "fairlead"},
        "after_moves": {"type": "bool", "default": False},
        "nodes": {"type": "dict", "required": True},
        "serving": {"type": "dict", "required": True},
        "mode_change": {"type": "str", "choices": [service.REFUSE, service.RESTART, service.LIVE],
                        "default": service.REFUSE},
        "unfinished": {"type": "list", "elements": "str", "default": []},
        "kubernetes_version": {"type": "str", "required": True},
        "cluster_cidrs": {"type": "list", "elements": "str", "default": []},
        "node_port_addresses": {"type": "list", "elements": "str", "default": []},
        "scheduler": {"type": "str", "default": ""},
        "config": {"type": "dict", "default": {}},
        "conntrack_owner": {"type": "str", "choices": ["node", "kube_proxy"], "default": "kube_proxy"},
        "timeout": {"type": "float", "default": 600},
    }


def desired_of(params, predicting):
    """What the options ask for, as the planner takes it."""
    configs, warnings = {}, []
    for mode in sorted(set(params["nodes"].values())):
        warnings += modes.check(mode, params["kubernetes_version"])
        modes.check_systemd_only(mode)
        configs[mode] = config.render(config.Settings(
            mode=mode, kubeconfig=daemonset.MOUNTED_KUBECONFIG, cluster_cidrs=tuple(params["cluster_cidrs"]),
            node_port_addresses=tuple(params["node_port_addresses"]), scheduler=params["scheduler"],
            extra=params["config"], conntrack_owner=params["conntrack_owner"]), "daemonset")
        warnings += config.check(configs[mode], params["kubernetes_version"])
    return daemonset.Desired(params["nodes"], params["serving"], configs, params["mode_change"],
                             clean_up=params["after_moves"], assume_moved=predicting, warnings=tuple(warnings),
                             unfinished=tuple(params["unfinished"]))


def returning(params, observed, predicting):
    """The way back: every node in the mode of kubeadm's own configuration."""
    mode = daemonset.kubeadm_mode(observed.kubeadm_config, params["kubernetes_version"])
    return daemonset.Desired(dict.fromkeys(params["nodes"], mode), params["serving"], {}, params["mode_change"],
                             returning=True, clean_up=params["after_moves"], assume_moved=predicting,
                             unfinished=tuple(params["unfinished"]))


def run(module):
    params = module.params
    predicting = module.check_mode and params["after_moves"]
    ours = desired_of(params, predicting) if params["owner"] == "fairlead" else None
    cluster = Cluster(params["kubeconfig"], params["timeout"])

    def desired(observed):
        return ours or returning(params, observed, predicting)

    converge(
        module,
        observe=cluster.observe,
        plan=lambda observed: daemonset.plan(desired(observed), observed),
        apply=cluster.apply,
        report=lambda observed: {"due": [asdict(move) for move in daemonset.due(desired(observed), observed)]},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
