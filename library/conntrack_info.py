#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: conntrack_info
short_description: Tell how full a node's connection table is, and who would size it
description:
  - Reads the table's size, buckets and entries, and works out the size that kube-proxy of the given release would set.
  - Names every key that both the node's settings and kube-proxy would write. Such a key is a result, not a failure of
    the module.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  owner:
    description: Who sizes the table.
    type: str
    choices: [node, kube_proxy]
    default: kube_proxy
  settings:
    description: The node's settings, as role node_sysctl gets them.
    type: dict
    default: {}
  kube_proxy_config:
    description: What the user adds to kube-proxy's configuration; its conntrack block is looked at.
    type: dict
    default: {}
  kubernetes_version:
    description: Release of kube-proxy. Empty stands for the newest.
    type: str
    default: ""
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Look at the connection table
  conntrack_info:
    owner: node
    kubernetes_version: 1.37.2
"""

RETURN = r"""
conntrack:
  description: The table, how full it is, and the memory that it takes when it is full. Empty when connection
    tracking is not in the kernel.
  returned: success
  type: dict
  sample: {max: 131072, buckets: 65536, count: 512, full_percent: 0.4, memory_mib: 48.5}
kube_proxy_max:
  description: The size that kube-proxy would set by its own defaults or by O(kube_proxy_config); 0 when it sets none.
  returned: success
  type: int
  sample: 131072
cores:
  description: Processors that are online.
  returned: success
  type: int
  sample: 2
problems:
  description: A sentence on every key that both would write.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import conntrack
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.sysctl_apply import conntrack_report, conntrack_warnings
from ansible.module_utils.fairlead.sysctl_observe import read_conntrack, read_cores
from ansible.module_utils.fairlead.sysctl_settings import parse


def get_argument_spec():
    return {
        "owner": {"type": "str", "choices": list(conntrack.OWNERS), "default": conntrack.KUBE_PROXY},
        "settings": {"type": "dict", "default": {}},
        "kube_proxy_config": {"type": "dict", "default": {}},
        "kubernetes_version": {"type": "str", "default": ""},
    }


def run(module):
    params = module.params
    table, cores, block = read_conntrack(), read_cores(), conntrack.block_of(params["kube_proxy_config"])
    for warning in conntrack_warnings(table):
        module.warn(warning)
    wanted = {setting.path for setting in parse(params["settings"]).settings}
    module.exit_json(
        changed=False, conntrack=conntrack_report(table), cores=cores,
        kube_proxy_max=conntrack.size_by_block(params["kubernetes_version"], cores, block),
        problems=conntrack.doubly_owned(params["owner"], wanted, block))


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
