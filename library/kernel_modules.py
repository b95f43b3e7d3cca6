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
  - Built-in, loaded, loadable, blocked and missing modules are told apart, and one that bears another name in this
    kernel. A missing one is an error that names the module, the running kernel and the package to install; a blocked
    one is an error that names the file and line, or the right, that keeps it out.
  - Parameters are given to a module when it is loaded, through C(modprobe.d), and set at once where the kernel lets
    them be written.
  - Modules that are no longer wanted leave the file. They are unloaded only with O(unload), only when they came with
    this module, and only when nobody uses them.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  mode:
    description: The mode in which kube-proxy runs on this node.
    type: str
    required: true
    choices: [iptables, ipvs, nftables, userspace]
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
  parameters:
    description: Values by module and parameter. They are kept in C(/etc/modprobe.d/fairlead.conf), which this module
      owns.
    type: dict
    default: {}
  unload:
    description: Whether modules that came with this module and are wanted no longer are unloaded.
    type: bool
    default: false
  state:
    description: V(absent) takes the files away and gives parameters their earlier values back.
    type: str
    choices: [present, absent]
    default: present
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

- name: The same for nftables mode, with one module of the site's own, and let go of what only ipvs mode needed
  kernel_modules:
    mode: nftables
    extra: [nf_flow_table]
    unload: true

- name: A longer memory for session affinity in iptables mode
  kernel_modules:
    mode: iptables
    parameters:
      xt_recent: {ip_list_tot: 1000}
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
    - State of each wanted module by the name that this kernel has for it, C(loaded), C(builtin),
      C(loadable) or C(blocked).
    - After a run all are C(loaded) or C(builtin); in check mode the states are those before it.
  returned: success
  type: dict
  sample: {br_netfilter: loaded, nf_conntrack: builtin}
renamed:
  description: The kernel's name by the name that was asked for, where they differ.
  returned: success
  type: dict
  sample: {nf_conntrack_ipv4: nf_conntrack}
parameters:
  description: Parameters as the kernel shows them, by module; null for one that it does not show.
  returned: success
  type: dict
  sample: {xt_recent: {ip_list_tot: "1000"}}
compared:
  description: Each setting with what is wished and what is found, in words, and whether that is the same; null when it
    cannot be told. In check mode as it is before the run.
  returned: success
  type: list
  elements: dict
  sample: [{setting: module ip_vs, wished: in the kernel, found: loadable, same: false}]
findings:
  description: A sentence on everything that is not as asked; in check mode before the run, else after it.
  returned: success
  type: list
  elements: str
  sample: [module ip_vs is not loaded]
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
  sample: [write /var/lib/fairlead/kernel_modules.json, load module ip_vs, write /etc/modules-load.d/fairlead.conf]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
  sample: [load module ip_set]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import kernel_modules_apply as modules
from ansible.module_utils.fairlead import kernel_modules_parameters as parameters
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_plan import Desired, check_path, plan
from ansible.module_utils.fairlead.kernel_modules_wanted import MODES, SCHEDULERS, wanted
from ansible.module_utils.fairlead.lock import node_lock


def get_argument_spec():
    return {
        "mode": {"type": "str", "required": True, "choices": list(MODES)},
        "scheduler": {"type": "str", "default": "rr", "choices": list(SCHEDULERS)},
        "extra": {"type": "list", "elements": "str", "default": []},
        "parameters": {"type": "dict", "default": {}},
        "unload": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "path": {"type": "path", "default": "/etc/modules-load.d/fairlead.conf"},
    }


def desired_of(params):
    path = check_path(params["path"])
    if params["state"] == "absent":
        return Desired(params["mode"], (), path, unload=params["unload"])
    return Desired(
        mode=params["mode"],
        names=wanted(params["mode"], params["scheduler"], params["extra"]),
        path=path,
        parameters=parameters.parse(params["parameters"]),
        unload=params["unload"],
    )


def run(module):
    desired, commands = desired_of(module.params), Commands()
    with node_lock(not module.check_mode):
        converge(
            module,
            observe=lambda: modules.observe(desired),
            plan=lambda observed: plan(desired, observed),
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
