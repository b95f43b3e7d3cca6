#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_modules
short_description: Load the kernel modules that kube-proxy's mode needs, now and at boot
description:
  - Works out the modules of a mode, loads those that are neither loaded nor built in, and writes one file
    from which systemd loads them at boot, before it applies the settings that come with them.
  - Built-in, loaded, loadable and missing modules are told apart. A missing one is an error that names the
    module, the running kernel and the package to install.
  - Modules are never unloaded. Those that are no longer wanted leave the file.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  mode:
    description: The mode in which kube-proxy runs on this node.
    type: str
    required: true
    choices: [iptables, ipvs, nftables]
  scheduler:
    description: The scheduler of ipvs mode; its module is wanted besides rr, wrr and sh. Other modes pass it
      over.
    type: str
    default: rr
    choices: [rr, wrr, lc, wlc, lblc, lblcr, sh, dh, sed, nq, mh]
  extra:
    description: Further modules, by name. C(-) and C(_) are the same.
    type: list
    elements: str
    default: []
  path:
    description: The file for boot. This module owns all of it.
    type: path
    default: /etc/modules-load.d/fairlead.conf
attributes:
  check_mode:
    description: Predicts what a run would load and write, and changes nothing.
    support: full
  diff_mode:
    description: Shows each module to load, and the file.
    support: full
"""

EXAMPLES = r"""
- name: Load and persist what ipvs mode needs, with the least-connection scheduler
  kernel_modules:
    mode: ipvs
    scheduler: lc

- name: The same for nftables mode, and one module of the site's own
  kernel_modules:
    mode: nftables
    extra: [nf_flow_table]
"""

RETURN = r"""
kernel:
  description: Release of the running kernel.
  returned: success
  type: str
  sample: 6.12.117+deb13-cloud-amd64
mode:
  description: The mode that the list is for.
  returned: success
  type: str
  sample: nftables
modules:
  description:
    - State of each wanted module by the name that this kernel has for it, C(loaded), C(builtin) or
      C(loadable).
    - After a run nothing is C(loadable); in check mode the states are those before it.
  returned: success
  type: dict
  sample: {br_netfilter: loaded, nf_conntrack: builtin}
file:
  description: The file for boot.
  returned: success
  type: str
  sample: /etc/modules-load.d/fairlead.conf
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [load module ip_vs, write /etc/modules-load.d/fairlead.conf]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
  sample: [load module ip_set]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import kernel_modules_plan as modules
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_wanted import MODES, SCHEDULERS, wanted


def get_argument_spec():
    return {
        "mode": {"type": "str", "required": True, "choices": list(MODES)},
        "scheduler": {"type": "str", "default": "rr", "choices": list(SCHEDULERS)},
        "extra": {"type": "list", "elements": "str", "default": []},
        "path": {"type": "path", "default": "/etc/modules-load.d/fairlead.conf"},
    }


def run(module):
    params = module.params
    desired = modules.Desired(
        mode=params["mode"],
        names=wanted(params["mode"], params["scheduler"], params["extra"]),
        path=modules.check_path(params["path"]),
    )
    commands = Commands()
    converge(
        module,
        observe=lambda: modules.observe(desired),
        plan=lambda observed: modules.plan(desired, observed),
        apply=lambda step: modules.apply(desired, step, commands),
        report=lambda observed: modules.report(desired, observed),
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
