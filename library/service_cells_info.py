#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: service_cells_info
short_description: Work out what clients outside must see of the cluster's Services
description:
  - Reads the selected Services, their EndpointSlices and the nodes, and computes one cell for each client, node
    address and Service port, with the pods that must answer there and how they share the connections.
  - Expectations come from these objects alone, never from rules that are installed on a node.
  - Waits, for a limited time, until the pods are ready and kube-proxy had time to follow the last change.
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
  selector:
    description: Labels of the Services to prove, as a Kubernetes label selector. Empty selects every Service.
    type: str
    default: app.kubernetes.io/managed-by=fairlead
  clients:
    description: Names of the client machines.
    type: list
    elements: str
    required: true
  path:
    description: HTTP path at which the pods answer with their host names.
    type: str
    default: /hostname
  wait:
    description: Seconds to wait at most for pods that are still starting and for changes to settle.
    type: float
    default: 60
  settle:
    description: Seconds that kube-proxy is given to follow the last change of a Service or of its pods.
    type: float
    default: 5
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Work out what two clients must see
  service_cells_info:
    clients: [client1, client2]
  delegate_to: localhost
"""

RETURN = r"""
expected:
  description: The whole expectation, as service_verdict takes it.
  returned: success
  type: dict
  contains:
    nodes:
      description: Nodes with name, addresses, versions and whether they are Ready.
      type: list
      elements: dict
      sample: [{name: node1, addresses: [198.18.0.11], ready: true, kernel: 6.12.117, kubernetes: v1.37.2}]
    services:
      description: Service ports that are probed, with the pods behind them.
      type: list
      elements: dict
      sample: [{service: default/web, port: 30080, protocol: TCP, affinity: false, families: [IPv4], pods: [web-1]}]
    unproven:
      description: What was selected and cannot be probed, each with its reason.
      type: list
      elements: str
      sample: ["default/internal: ClusterIP without node port, not reachable from outside the cluster"]
    moving:
      description: What was still changing when the waiting ended.
      type: list
      elements: str
      sample: []
    cells:
      description: The matrix.
      type: list
      elements: dict
      sample:
        - id: client1 http://198.18.0.11:30080/hostname
          client: client1
          node: node1
          address: 198.18.0.11
          expect: {outcome: answer, pods: [web-1, web-2], share: all}
    tasks:
      description: For each client, what service_probe has to do there.
      type: dict
      sample: {client1: [{id: "client1 http://198.18.0.11:30080/hostname", connections: 31, until: [web-1, web-2]}]}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import expect
from ansible.module_utils.fairlead.verify.cluster import Cluster


def get_argument_spec():
    return {
        "kubeconfig": {"type": "path"},
        "context": {"type": "str"},
        "selector": {"type": "str", "default": "app.kubernetes.io/managed-by=fairlead"},
        "clients": {"type": "list", "elements": "str", "required": True},
        "path": {"type": "str", "default": "/hostname"},
        "wait": {"type": "float", "default": 60},
        "settle": {"type": "float", "default": 5},
    }


def run(params):
    cluster = Cluster(params["kubeconfig"], params["context"])
    seen, moving = expect.wait_until_still(
        lambda: expect.observe(cluster, params["selector"]), params["wait"], params["settle"])
    return {**expect.promise(seen, params["clients"], params["path"]), "moving": moving}


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        module.exit_json(changed=False, expected=run(module.params))
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
