#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy_arguments
short_description: Give the kube-proxy of k3s or rke2 its flags
description:
  - Writes one drop-in with C(kube-proxy-arg) beside the configuration of k3s or rke2, of a server or an agent, and
    restarts the service where it already runs.
  - Every value is judged as in a configuration file. Fields that no flag of kube-proxy can say are refused.
  - A node that already serves in another mode is left as it is, with a warning, unless O(mode_change=restart).
  - Refuses a node where another file or the service's command line sets C(kube-proxy-arg).
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  distribution:
    description: What starts kube-proxy on this node.
    type: str
    choices: [k3s, rke2]
    required: true
  state:
    description: V(absent) takes the drop-in away, whereupon the distribution's own flags count, in iptables mode.
    type: str
    choices: [present, absent]
    default: present
  mode:
    description: The mode. V(userspace) is only taken to say when it was removed.
    type: str
    choices: [iptables, ipvs, nftables, userspace]
    required: true
  mode_change:
    description: What to do with a node that serves in another mode. V(restart) loses new connections until the first
      sync, and restarts everything else of k3s with it.
    type: str
    choices: [refuse, restart]
    default: refuse
  restarts:
    description: V(hold) leaves a service that needs a restart as it is, with its drop-in, and returns
      RV(restart_due), so that restarts can be made one node after the other.
    type: str
    choices: [now, hold]
    default: now
  node:
    description: Name of the node in messages.
    type: str
    required: true
  kubernetes_version:
    description: Release of Kubernetes, such as V(1.37.2+k3s1).
    type: str
    required: true
  cluster_cidrs:
    description: Pod ranges of the cluster; their families are those whose rules are waited for. The distribution
      itself gives kube-proxy its C(cluster-cidr).
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
    description: Further fields of KubeProxyConfiguration v1alpha1, spelled as in the API. They become flags.
    type: dict
    default: {}
  conntrack_owner:
    description: Who sizes the connection table. The distributions' own flags leave it to the node.
    type: str
    choices: [node, kube_proxy]
    default: kube_proxy
  timeout:
    description: Seconds that the service may take to restart, and kube-proxy to write its rules once.
    type: float
    default: 180
attributes:
  check_mode:
    description: Says what would be written and restarted.
    support: full
  diff_mode:
    description: Shows the drop-in and the state of the service.
    support: full
"""

EXAMPLES = r"""
- name: Let k3s run kube-proxy in nftables mode
  kube_proxy_arguments:
    distribution: k3s
    mode: nftables
    node: node1
    kubernetes_version: 1.37.2+k3s1
"""

RETURN = r"""
mode:
  description: What kube-proxy answers with on /proxyMode; V(none) when nobody answers.
  returned: success
  type: str
  sample: nftables
arguments:
  description: The flags in the drop-in, without their hyphens.
  returned: success
  type: list
  elements: str
  sample: [proxy-mode=nftables]
mode_pending:
  description: Whether the node serves in another mode than asked and was left as it is.
  returned: success
  type: bool
  sample: false
restart_due:
  description: With O(restarts=hold), the options of the call that restarts this service. Empty when none is due.
  returned: success
  type: dict
  sample: {}
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [write /etc/rancher/k3s/config.yaml.d/90-fairlead-kube-proxy.yaml, restart k3s.service]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
"""

from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import config, distribution, flags, modes, service


def get_argument_spec():
    return {
        "distribution": {"type": "str", "required": True, "choices": list(distribution.UNITS)},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "mode": {"type": "str", "required": True, "choices": [*modes.MODES, "userspace"]},
        "mode_change": {"type": "str", "choices": [service.REFUSE, service.RESTART], "default": service.REFUSE},
        "restarts": {"type": "str", "choices": [service.NOW, service.HOLD], "default": service.NOW},
        "node": {"type": "str", "required": True},
        "kubernetes_version": {"type": "str", "required": True},
        "cluster_cidrs": {"type": "list", "elements": "str", "default": []},
        "node_port_addresses": {"type": "list", "elements": "str", "default": []},
        "scheduler": {"type": "str", "default": ""},
        "config": {"type": "dict", "default": {}},
        "conntrack_owner": {"type": "str", "choices": ["node", "kube_proxy"], "default": "kube_proxy"},
        "timeout": {"type": "float", "default": 180},
    }


def arguments_of(params):
    """(the flags, warnings)."""
    version = params["kubernetes_version"]
    warnings = modes.check(params["mode"], version)
    modes.check_systemd_only(params["mode"])
    settings = config.Settings(
        mode=params["mode"], kubeconfig="", node_port_addresses=tuple(params["node_port_addresses"]),
        scheduler=params["scheduler"], extra=params["config"], conntrack_owner=params["conntrack_owner"])
    # The distribution gives kube-proxy its range, so that it is missing only here; splitStream has an effect as a flag.
    passed_over = ("kube_proxy_cluster_cidrs: ", "kube_proxy_config.logging.options.")
    warnings += [one for one in config.check(config.render(settings, "systemd"), version)
                 if not one.startswith(passed_over)]
    return flags.arguments(config.document(settings), modes.release(version)), warnings


def desired_of(params):
    """(what the options ask for, as the planner takes it; the flags)."""
    present = params["state"] == "present"
    arguments, warnings = arguments_of(params) if present else ([], [])
    families = {"IPv6" if ":" in cidr else "IPv4" for cidr in params["cluster_cidrs"]} or {"IPv4"}
    return distribution.Desired(
        distribution=params["distribution"], mode=params["mode"] if present else distribution.OWN_MODE,
        text=distribution.render(params["distribution"], arguments) if present else None, node=params["node"],
        mode_change=params["mode_change"], restarts=params["restarts"], timeout=params["timeout"],
        families=tuple(sorted(families)), warnings=tuple(warnings)), arguments


def run(module):
    (desired, arguments), commands = desired_of(module.params), Commands()

    def due(observed):
        steps = distribution.plan(replace(desired, restarts=service.NOW), observed).steps
        return desired.restarts == service.HOLD and any(step.action in service.INTERRUPTS for step in steps)

    converge(
        module,
        observe=lambda: distribution.observe(desired, commands),
        plan=lambda observed: distribution.plan(desired, observed),
        apply=lambda step: distribution.apply(desired, step, commands),
        report=lambda observed: {
            "mode": observed.answer.mode or "none", "arguments": arguments,
            "mode_pending": observed.answer.mode not in (None, desired.mode)
            and desired.mode_change == service.REFUSE,
            "restart_due": {**module.params, "restarts": service.NOW} if due(observed) else {},
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
