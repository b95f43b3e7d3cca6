#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy
short_description: Run kube-proxy under systemd in the mode that a node shall have
description:
  - Writes one typed configuration and one systemd unit, and starts kube-proxy where none runs.
  - A start counts as done when kube-proxy answers in the wished mode and has written its rules once.
  - A node that already serves in another mode is left as it is, with a warning, unless O(mode_change=restart).
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  mode:
    description: The mode. V(userspace) needs a release up to 1.25; of later ones it is refused.
    type: str
    choices: [iptables, ipvs, nftables, userspace]
    required: true
  mode_change:
    description:
      - What to do with a node that serves in another mode. V(restart) loses new connections for seconds.
      - V(live) loses none. A table of its own takes over while kube-proxy changes; connections of IPVS are handed over.
      - A live change that was left unfinished, for instance by a power cut, is always taken up again.
    type: str
    choices: [refuse, restart, live]
    default: refuse
  restarts:
    description: V(hold) leaves a running kube-proxy that needs a restart as it is, with its files, and returns
      RV(restart_due), so that restarts can be made one node after the other.
    type: str
    choices: [now, hold]
    default: now
  node:
    description: Name of the node in messages.
    type: str
    required: true
  kubernetes_version:
    description: Release of kube-proxy, such as V(1.37.2).
    type: str
    required: true
  binary:
    description: The program on the node.
    type: path
    default: /usr/local/bin/kube-proxy
  kubeconfig:
    description: Its kubeconfig on the node.
    type: path
    required: true
  cluster_cidrs:
    description: Pod ranges of the cluster, at most one of each family.
    type: list
    elements: str
    default: []
  hostname_override:
    description: Name of the Node object, where it is not the node's host name.
    type: str
    default: ""
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
  path:
    description: The configuration file on the node.
    type: path
    default: /etc/kubernetes/kube-proxy.yaml
  timeout:
    description: Seconds that kube-proxy may take to start and write its rules once.
    type: float
    default: 180
  wait:
    description: Whether a kube-proxy that did not serve before is waited for. V(false) is for nodes that boot before
      there is an API server; a restart of one that serves is waited for all the same.
    type: bool
    default: true
attributes:
  check_mode:
    description: Says what would be written and started.
    support: full
  diff_mode:
    description: Shows the files and the state of the unit.
    support: full
"""

EXAMPLES = r"""
- name: Run kube-proxy in nftables mode
  kube_proxy:
    mode: nftables
    node: node1
    kubernetes_version: 1.37.2
    kubeconfig: /etc/kubernetes/kube-proxy.kubeconfig
    cluster_cidrs: [10.244.0.0/16, "fd00:244::/56"]
"""

RETURN = r"""
mode:
  description: The mode that kube-proxy answers with on /proxyMode; V(none) when nobody answers.
  returned: success
  type: str
  sample: nftables
mode_pending:
  description: Whether the node serves in another mode than asked and was left as it is.
  returned: success
  type: bool
  sample: false
restart_due:
  description: With O(restarts=hold), the options of the call that restarts this kube-proxy. Empty when none is due.
  returned: success
  type: dict
  sample: {}
compared:
  description: Each setting with what is wished and what is found, in words, and whether that is the same; null when it
    cannot be told. In check mode as it is before the run.
  returned: success
  type: list
  elements: dict
  sample: [{setting: kube-proxy mode, wished: nftables, found: iptables, same: false}]
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [write /etc/kubernetes/kube-proxy.yaml, start kube-proxy.service]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
"""

import platform

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import compared, config, modes, service, unit


def get_argument_spec():
    return {
        "mode": {"type": "str", "required": True, "choices": [*modes.MODES, "userspace"]},
        "mode_change": {"type": "str", "choices": [service.REFUSE, service.RESTART, service.LIVE],
                        "default": service.REFUSE},
        "restarts": {"type": "str", "choices": [service.NOW, service.HOLD], "default": service.NOW},
        "node": {"type": "str", "required": True},
        "kubernetes_version": {"type": "str", "required": True},
        "binary": {"type": "path", "default": "/usr/local/bin/kube-proxy"},
        "kubeconfig": {"type": "path", "required": True},
        "cluster_cidrs": {"type": "list", "elements": "str", "default": []},
        "hostname_override": {"type": "str", "default": ""},
        "node_port_addresses": {"type": "list", "elements": "str", "default": []},
        "scheduler": {"type": "str", "default": ""},
        "config": {"type": "dict", "default": {}},
        "conntrack_owner": {"type": "str", "choices": ["node", "kube_proxy"], "default": "kube_proxy"},
        "path": {"type": "path", "default": "/etc/kubernetes/kube-proxy.yaml"},
        "timeout": {"type": "float", "default": 180},
        "wait": {"type": "bool", "default": True},
    }


def desired_of(params):
    """What the options ask for, as the planner takes it."""
    warnings = modes.check(params["mode"], params["kubernetes_version"])
    service.check_files(params["binary"], params["kubeconfig"])
    settings = config.Settings(
        mode=params["mode"], kubeconfig=params["kubeconfig"], cluster_cidrs=tuple(params["cluster_cidrs"]),
        hostname_override=params["hostname_override"], node_port_addresses=tuple(params["node_port_addresses"]),
        scheduler=params["scheduler"], extra=params["config"], conntrack_owner=params["conntrack_owner"],
        kubernetes_version=params["kubernetes_version"])
    families = {"IPv6" if ":" in cidr else "IPv4" for cidr in params["cluster_cidrs"]}
    warnings += config.left_out(settings)
    warnings += config.check(config.render(settings, "systemd"), params["kubernetes_version"])
    return service.Desired(
        mode=params["mode"], node=params["node"], config_path=params["path"], config=config.render(settings, "systemd"),
        unit=unit.render(params["binary"], params["path"]), mode_change=params["mode_change"],
        timeout=params["timeout"], families=tuple(sorted(families)), restarts=params["restarts"], wait=params["wait"],
        node_object=params["hostname_override"] or platform.node(), kubeconfig=params["kubeconfig"],
        warnings=tuple(warnings))


def held(desired, observed):
    return desired.restarts == service.HOLD and service.turn_is_due(desired, observed)


def run(module):
    desired, commands = desired_of(module.params), Commands()
    converge(
        module,
        observe=lambda: service.observe(desired, commands),
        plan=lambda observed: service.plan(desired, observed),
        apply=lambda step: service.apply(desired, step, commands),
        prepare=lambda planned: service.check_api_server(desired, planned),
        report=lambda observed: {
            "mode": observed.answer.mode or "none",
            "compared": compared.rows(desired, observed),
            "mode_pending": service.mode_is_pending(desired, observed),
            "restart_due": {**module.params, "restarts": service.NOW} if held(desired, observed) else {},
        },
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
