#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_announcers_info
short_description: Find what answers ARP for the addresses of Services
description:
  - Lists the L2Advertisements of MetalLB, by which it answers for addresses of Services in the node network.
  - Other load balancers in layer-2 mode are not recognised.
  - Runs on the control node.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  kubeconfig:
    description: Kubeconfig of the cluster. Unset, E(KUBECONFIG) or C(~/.kube/config) is used.
    type: path
  context:
    description: Context of the kubeconfig. Unset, its current context is used.
    type: str
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Find what answers ARP for the addresses of Services
  cluster_announcers_info:
  delegate_to: localhost
"""

RETURN = r"""
announcers:
  description: What was found, for people; empty when nothing answers.
  returned: success
  type: list
  elements: str
  sample: [MetalLB's L2Advertisement metallb-system/lab]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.announcers import found
from ansible.module_utils.fairlead.verify.cluster import Cluster


def get_argument_spec():
    return {"kubeconfig": {"type": "path"}, "context": {"type": "str"}}


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        announcers = found(Cluster(module.params["kubeconfig"], module.params["context"]).get)
    except FairleadError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, announcers=announcers)


if __name__ == "__main__":
    main()
