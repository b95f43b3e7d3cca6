#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_size_info
short_description: Count what kube-proxy writes rules for
description:
  - Counts the ports of Services that have a cluster address, and the endpoints behind them.
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
- name: Count Services and endpoints
  cluster_size_info:
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
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
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
    except FairleadError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, services=services, endpoints=endpoints)


if __name__ == "__main__":
    main()
