#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: node_preflight_info
short_description: Look whether a node is fit for its wished mode of kube-proxy
description:
  - Looks at kernel, modules, systemd and, when kube-proxy runs under systemd, at its binary, kubeconfig and
    programs; at firewalls, both backends of iptables, virtual servers of others, the pod network's plugin and the
    connection table.
  - Loads one rule of each kind that the mode needs, in a network namespace of its own. The kernel may load modules for
    it, those of the mode.
  - Each line says fit, warn or unfit, with the reason and what to do.
  - An unfit node is a result, not a failure of the module.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  mode:
    description: The mode in which kube-proxy is to run on this node.
    type: str
    required: true
    choices: [iptables, ipvs, nftables, userspace]
  scheduler:
    description: The scheduler of ipvs mode. Other modes pass it over.
    type: str
    default: rr
    choices: [rr, wrr, lc, wlc, lblc, lblcr, sh, dh, sed, nq, mh]
  kubernetes_version:
    description: Version of kube-proxy. Empty leaves what depends on it open.
    type: str
    default: ""
  deployment:
    description: How kube-proxy is run.
    type: str
    default: systemd
    choices: [systemd, daemonset, kubeadm, k3s, rke2]
  binary:
    description: Path of kube-proxy on the node; looked at when it runs under systemd.
    type: path
    default: /usr/local/bin/kube-proxy
  kubeconfig:
    description: Path of kube-proxy's kubeconfig on the node; looked at when it runs under systemd.
    type: path
    default: /etc/kubernetes/kube-proxy.kubeconfig
  services:
    description: Services of the cluster. With it, the time of kube-proxy's first sync on this node is estimated.
    type: int
    default: 0
  endpoints:
    description: Endpoints of the cluster, for the same.
    type: int
    default: 0
  config:
    description: Further fields of kube-proxy's configuration, as role kube_proxy takes them.
    type: dict
    default: {}
  announcers:
    description:
      - What answers ARP for addresses of Services, as M(cluster_preflight_info) returns it. Where there is any, a node
        in ipvs mode needs C(ipvs.strictARP) in O(config), or it would answer too.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Reads only, and loads rules in a network namespace that ends with the program.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Look whether this node is fit for nftables mode
  node_preflight_info:
    mode: nftables
    kubernetes_version: 1.37.2
"""

RETURN = r"""
verdict:
  description: C(fit), C(warn) or C(unfit); the worst of all lines.
  returned: success
  type: str
  sample: warn
lines:
  description: What was looked at.
  returned: success
  type: list
  elements: dict
  sample: [{subject: systemd, verdict: fit, reason: running}]
problems:
  description: The unfit lines as sentences.
  returned: success
  type: list
  elements: str
  sample: []
recommended:
  description: The mode that suits this node, and why.
  returned: success
  type: dict
  sample: {mode: nftables, why: "upstream's successor of both others"}
first_sync:
  description: Seconds of kube-proxy's first sync in that mode, estimated; 0 without O(services).
  returned: success
  type: float
  sample: 4.2
kernel:
  description: Release of the running kernel.
  returned: success
  type: str
  sample: 6.12.117+deb13-cloud-amd64
python:
  description: Version of the Python that ran this module.
  returned: success
  type: str
  sample: 3.13.5
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import preflight
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_wanted import MODES, SCHEDULERS


def get_argument_spec():
    return {
        "mode": {"type": "str", "required": True, "choices": list(MODES)},
        "scheduler": {"type": "str", "default": "rr", "choices": list(SCHEDULERS)},
        "kubernetes_version": {"type": "str", "default": ""},
        "deployment": {"type": "str", "default": "systemd", "choices": list(preflight.DEPLOYMENTS)},
        "binary": {"type": "path", "default": "/usr/local/bin/kube-proxy"},
        "kubeconfig": {"type": "path", "default": "/etc/kubernetes/kube-proxy.kubeconfig"},
        "services": {"type": "int", "default": 0},
        "endpoints": {"type": "int", "default": 0},
        "config": {"type": "dict", "default": {}},
        "announcers": {"type": "list", "elements": "str", "default": []},
    }


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    wish = preflight.Wish(**module.params)
    try:
        seen = preflight.observe(wish, Commands())
        lines = preflight.judge(wish, seen)
        mode, why = preflight.recommend(wish, seen)
    except FairleadError as error:
        module.fail_json(msg=str(error))
    for line in lines:
        if line.verdict == preflight.WARN:
            module.warn(f"{line.subject}: {line.reason}")
    module.exit_json(
        changed=False, verdict=preflight.verdict(lines), lines=[asdict(line) for line in lines],
        problems=[f"{line.subject}: {line.reason}" for line in lines if line.verdict == preflight.UNFIT],
        first_sync=preflight.first_sync(wish, seen), recommended={"mode": mode, "why": why},
        kernel=seen.kernel.release, python=seen.python)


if __name__ == "__main__":
    main()
