#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_preflight_info
short_description: What preflight has to know of the cluster before it looks at a node
description:
  - Counts the ports of Services that have a cluster address, and the endpoints behind them.
  - Lists the L2Advertisements of MetalLB, by which it answers ARP for addresses of Services in the node network. Other
    load balancers in layer-2 mode are not recognised.
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
- name: Count Services and endpoints, and find what answers ARP for Services
  cluster_preflight_info:
  delegate_to: localhost
"""

RETURN = r"""
services:
  description: Ports of Services that have a cluster address.
  returned: success
  type: int
  sample: 2000
endpoints:
  description: Endpoints of those ports, of the address family that has more.
  returned: success
  type: int
  sample: 4000
announcers:
  description: What answers ARP for addresses of Services, for people; empty when nothing does.
  returned: success
  type: list
  elements: str
  sample: [MetalLB's L2Advertisement metallb-system/lab]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import announcers
from ansible.module_utils.fairlead.kube_proxy.cluster_size import count
from ansible.module_utils.fairlead.verify.cluster import Cluster


def get_argument_spec():
    return {"kubeconfig": {"type": "path"}, "context": {"type": "str"}}


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        cluster = Cluster(module.params["kubeconfig"], module.params["context"])
        services, endpoints = count(cluster.items("/api/v1/services"),
                                    cluster.items("/apis/discovery.k8s.io/v1/endpointslices"))
        announced = announcers.found(cluster.get)
    except FairleadError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, services=services, endpoints=endpoints, announcers=announced)


if __name__ == "__main__":
    main()
