#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: node_sysctl
short_description: Keep kernel settings, live and in one drop-in for boot
description:
  - Takes all keys in one call, judges the live value and what boot will give, writes what differs straight to
    C(/proc/sys), then replaces the drop-in in one step.
  - What each key held before is written to a journal first. A key that is no longer asked for goes back to it.
  - sysctl.d is read as systemd reads it, and a file and line that would win over the drop-in at boot is named.
  - All keys that are unknown or hold a value of a wrong kind are reported in one error, before anything is
    changed. A value that only the kernel can refuse does not keep the other keys from being set.
  - In check mode a key that comes with a kernel module which can be loaded but is not loaded yet is
    predicted; a real run refuses it. So a whole play can be predicted on a fresh node.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  settings:
    description:
      - Values by key. Keys are spelled with C(.) or C(/), as in sysctl.d(5).
      - A value is a number or a text; booleans are refused. It can also be a dictionary of C(value), C(compare)
        and C(late).
      - C(compare) is C(exact) (the default); C(at_least), a floor that leaves larger values alone; C(at_most), a
        ceiling; or C(includes), a list that others add to as well, such as net.ipv4.ip_local_reserved_ports.
      - C(late=true) is for a key whose module is loaded later by somebody else; it is set when that comes.
    type: dict
    default: {}
  state:
    description: V(absent) takes away all that this module keeps, whatever is in O(settings) and O(conntrack).
    type: str
    choices: [present, absent]
    default: present
  conntrack:
    description: The connection table.
    type: dict
    default: {}
    suboptions:
      owner:
        description: V(node) adds the settings below to O(settings); with V(kube_proxy) they are kube-proxy's.
        type: str
        choices: [node, kube_proxy]
        default: kube_proxy
      kubernetes_version:
        description: Release whose kube-proxy is followed, such as V(1.37.2). Empty follows the newest.
        type: str
        default: ""
      max:
        description: nf_conntrack_max. 0 computes it as kube-proxy does, and then it is a floor.
        type: int
        default: 0
      max_per_core:
        description: Entries for each processor. 0 leaves the size to the kernel.
        type: int
        default: 32768
      min:
        description: Smallest computed size.
        type: int
        default: 131072
      buckets:
        description: Size of the hash table, rounded up to whole pages as the kernel does. 0 makes it at least a
          quarter of the entries, as kube-proxy does.
        type: int
        default: 0
      tcp_established:
        description: Seconds; 0 leaves the kernel's value. The same for the next three.
        type: int
        default: 86400
      tcp_close_wait:
        description: Seconds.
        type: int
        default: 3600
      udp:
        description: Seconds.
        type: int
        default: 0
      udp_stream:
        description: Seconds.
        type: int
        default: 0
      tcp_be_liberal:
        description: Whether packets outside the window are let through.
        type: bool
        default: false
  kube_proxy_config:
    description: What the user adds to kube-proxy's configuration. A field of its conntrack block that would make
      kube-proxy write one of our keys is refused.
    type: dict
    default: {}
  path:
    description: The drop-in. This module owns all of it.
    type: path
    default: /etc/sysctl.d/90-fairlead.conf
attributes:
  check_mode:
    description: Predicts what a run would set and write, and changes nothing.
    support: full
  diff_mode:
    description: Shows each live value to set, and the files.
    support: full
"""

EXAMPLES = r"""
- name: Let the node forward, and lift a limit unless it is larger already
  node_sysctl:
    settings:
      net.ipv4.ip_forward: 1
      net.ipv6.conf.all.forwarding: 1
      net.core.somaxconn: {value: 4096, compare: at_least}

- name: Set a key of an interface that has a dot in its name, and reserve the node ports besides what others reserve
  node_sysctl:
    settings:
      net/ipv4/conf/eth0.100/rp_filter: 2
      net.ipv4.ip_local_reserved_ports: {value: 30000-32767, compare: includes}

- name: Size the connection table as kube-proxy 1.37 would
  node_sysctl:
    conntrack: {owner: node, kubernetes_version: 1.37.2}

- name: Give the node its earlier values back
  node_sysctl:
    state: absent
"""

RETURN = r"""
file:
  description: The drop-in.
  returned: success
  type: str
  sample: /etc/sysctl.d/90-fairlead.conf
settings:
  description: Live value by key, null for a key that is not there yet. In check mode the values before the
    run.
  returned: success
  type: dict
  sample: {net.ipv4.ip_forward: "1"}
boot:
  description: By key, the value that sysctl.d gives it at boot, with file and line. Not there for a key that no file
    sets. In check mode as it is before the run.
  returned: success
  type: dict
  sample: {net.ipv4.ip_forward: {value: "1", place: "/etc/sysctl.d/90-fairlead.conf:5"}}
conntrack:
  description: The connection table, how full it is, and the memory that it takes when it is full. Empty when
    connection tracking is not in the kernel.
  returned: success
  type: dict
  sample: {max: 131072, buckets: 65536, count: 512, full_percent: 0.4, memory_mib: 48.5}
compared:
  description: Each setting with what is wished and what is found, in words, and whether that is the same; null when it
    cannot be told. In check mode as it is before the run.
  returned: success
  type: list
  elements: dict
  sample: [{setting: net.ipv4.ip_forward, wished: "1", found: "0", same: false}]
findings:
  description: A sentence on everything that is not as asked; in check mode before the run, else after it.
  returned: success
  type: list
  elements: str
  sample: ["net.ipv4.ip_forward is 0, asked is 1"]
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [write /var/lib/fairlead/node_sysctl.json, set net.ipv4.ip_forward]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
  sample: [set net.ipv4.ip_forward]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import conntrack
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.lock import node_lock
from ansible.module_utils.fairlead.sysctl_apply import Applier, conntrack_warnings, report
from ansible.module_utils.fairlead.sysctl_files import Desired, check_path
from ansible.module_utils.fairlead.sysctl_observe import observe, read_conntrack, read_cores
from ansible.module_utils.fairlead.sysctl_plan import plan
from ansible.module_utils.fairlead.sysctl_settings import parse, with_computed


def get_argument_spec():
    return {
        "settings": {"type": "dict", "default": {}},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "conntrack": {"type": "dict", "default": {}, "apply_defaults": True, "options": {
            "owner": {"type": "str", "choices": list(conntrack.OWNERS), "default": conntrack.KUBE_PROXY},
            "kubernetes_version": {"type": "str", "default": ""},
            "max": {"type": "int", "default": 0},
            "max_per_core": {"type": "int", "default": 32768},
            "min": {"type": "int", "default": 131072},
            "buckets": {"type": "int", "default": 0},
            "tcp_established": {"type": "int", "default": 86400},
            "tcp_close_wait": {"type": "int", "default": 3600},
            "udp": {"type": "int", "default": 0},
            "udp_stream": {"type": "int", "default": 0},
            "tcp_be_liberal": {"type": "bool", "default": False},
        }},
        "kube_proxy_config": {"type": "dict", "default": {}},
        "path": {"type": "path", "default": "/etc/sysctl.d/90-fairlead.conf"},
    }


def desired_of(params):
    path = check_path(params["path"])
    if params["state"] == "absent":
        return Desired(parse({}), path)
    options = dict(params["conntrack"])
    owner = options.pop("owner")
    computed = conntrack.settings(conntrack.wish(options), read_cores()) if owner == conntrack.NODE else ()
    parsed = with_computed(parse(params["settings"]), computed)
    conntrack.check_owner(owner, parsed.settings, params["kube_proxy_config"])
    return Desired(parsed, path)


def run(module):
    desired = desired_of(module.params)
    with node_lock(not module.check_mode):
        table = read_conntrack()
        for warning in conntrack_warnings(table):
            module.warn(warning)
        converge(
            module,
            observe=lambda: observe(desired.parsed.settings, desired.paths, desired.journal),
            plan=lambda observed: plan(desired, observed),
            apply=Applier(desired),
            report=lambda observed: report(desired, observed, read_conntrack()),
        )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
