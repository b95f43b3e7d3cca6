#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_networks_info
short_description: Read the node, pod and Service networks of a cluster and find overlaps
description:
  - Compares the addresses of the nodes, their pod ranges and the Service ranges with each other, and the last two
    with the links of the machine it runs on.
  - An overlap is a result, not a failure of the module.
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
- name: Read the three networks
  cluster_networks_info:
  delegate_to: localhost
"""

RETURN = r"""
networks:
  description: The ranges of each network.
  returned: success
  type: dict
  sample: {node: [198.18.0.11/32], pod: [10.244.1.0/24], Service: [10.96.0.0/16]}
ranges:
  description: The same with their owners, as machine_networks_info takes them.
  returned: success
  type: list
  elements: dict
  sample: [{kind: Service, network: 10.96.0.0/16, owner: ServiceCIDR kubernetes}]
problems:
  description: Every overlap with both ranges and what to do. Empty when there is none.
  returned: success
  type: list
  elements: str
  sample: []
unknown:
  description: Networks of which the API server names nothing, so that nothing was compared.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead import networks
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify.cluster import Cluster
from ansible.module_utils.fairlead.verify.words import plain


def get_argument_spec():
    return {"kubeconfig": {"type": "path"}, "context": {"type": "str"}}


def run(params):
    cluster = Cluster(params["kubeconfig"], params["context"])
    ranges = networks.read_ranges(cluster.items("/api/v1/nodes"),
                                  cluster.items("/apis/networking.k8s.io/v1/servicecidrs"))
    problems = networks.overlaps(ranges)
    problems += networks.route_overlaps(ranges, networks.observe_routes(), os.uname().nodename)
    return {
        "networks": {kind: [str(r.network) for r in ranges if r.kind == kind]
                     for kind in (networks.NODES, networks.PODS, networks.SERVICES)},
        "ranges": networks.as_data(ranges),
        "problems": [plain(problem, 1000) for problem in problems],
        "unknown": networks.unknown(ranges),
    }


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        result = run(module.params)
    except FairleadError as error:
        module.fail_json(msg=str(error))
    for sentence in result["unknown"]:
        module.warn(sentence)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
