#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: service_cells_info
short_description: Work out what every client must see of the cluster's Services
description:
  - Reads the selected Services, their EndpointSlices and the nodes, and computes one cell for each client, address and
    Service port, with what must be seen there, which pods may answer and how they share the connections.
  - Clients are machines outside the cluster, nodes, and pods; addresses are cluster IPs, node ports on every node's
    address, load balancers' and external ones.
  - Expectations come from these objects alone, never from rules that are installed on a node.
  - At the quick depth a sample of the cells is asked, one connection each. It has every Service port, node, client,
    kind of address and kind of refusal in it as far as its size allows, and is the same for the same seed.
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
    description: Names of the client machines outside the cluster.
    type: list
    elements: str
    required: true
  sources:
    description: For each client outside, the address that the cluster sees, or a list of them.
    type: dict
    default: {}
  nodes:
    description: Nodes that are asked from, by their Kubernetes names.
    type: list
    elements: str
    default: []
  kinds:
    description: Which clients there are on these nodes.
    type: list
    elements: str
    choices: [node, pod, host pod]
    default: [node]
  pods:
    description: What service_probe_pods returned as RV(service_probe_pods#module:pods). Kinds of pods that are not
      there are left out.
    type: dict
    default: {}
  modes:
    description: For each node the mode that its kube-proxy is configured for. In nftables mode node ports are served
      on a node's primary addresses only, in the others on all.
    type: dict
    default: {}
  node_port_addresses:
    description: For each node what C(nodePortAddresses) of its kube-proxy says, where it is set.
    type: dict
    default: {}
  path:
    description: HTTP path at which the pods answer with their host names, for TCP.
    type: str
    default: /hostname
  datagram:
    description: Text to which the pods answer with their host names, for UDP.
    type: str
    default: hostname
  domain:
    description: The cluster's DNS domain. Empty, cluster DNS is not asked.
    type: str
    default: cluster.local
  most:
    description: Connections of a cell at most. With fewer than a proof takes, spread and affinity are not judged.
      V(0) means as many as the proof takes.
    type: int
    default: 0
  depth:
    description: V(full) asks every cell with the connections that its proof takes. V(quick) asks O(sample) of them with
      one connection each, which leaves spread, affinity and source unjudged, and each Service's name in one way only.
    type: str
    choices: [full, quick]
    default: full
  sample:
    description: Cells that are asked at most at O(depth=quick). V(0) means all of them.
    type: int
    default: 1000
  seed:
    description: What the choice of a sample is drawn from, any text. The same text chooses the same cells again.
    type: str
    default: "1"
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
- name: Work out what two clients outside must see
  service_cells_info:
    clients: [client1, client2]
  delegate_to: localhost

- name: A thousand cells of a large cluster, other ones every day
  service_cells_info:
    clients: [client1, client2]
    depth: quick
    seed: "{{ now(fmt='%F') }}"
  delegate_to: localhost

- name: The same for nodes, of which one serves node ports on one network only
  service_cells_info:
    clients: [client1]
    nodes: [node1, node2]
    node_port_addresses:
      node1: [192.0.2.0/24]
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
      sample:
        - {service: default/web, port: 80, node_port: 30080, protocol: TCP, affinity: false, families: [IPv4],
           pods: [web-1]}
    unproven:
      description: What was selected and cannot be probed, each with its reason.
      type: list
      elements: str
      sample: ["default/db: headless, so it has no address; only its name can be asked for"]
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
        - id: client1 http://198.18.0.11:30080
          client: client1
          kind: outside
          place: NodePort
          node: node1
          address: 198.18.0.11
          expect: {outcome: answer, pods: [web-1, web-2], share: all}
    sample:
      description: At O(depth=quick) how many cells are asked of how many, what is not judged, what is not asked at all,
        and how many cells it takes to ask everything once; null at the full depth.
      type: dict
      sample: {depth: quick, seed: "1", asked: 1000, of: 25600, needed: 214, not_judged: [Spread], not_asked: {}}
    discovery:
      description: What cluster DNS must answer, which pods must know which Service from their environment, and the
        verdicts on Endpoints.
      type: dict
      sample: {rows: [], askers: {pod on node1: node1}, questions: [], environment: []}
    tasks:
      description: For each machine the clients on it, as service_probe_info takes them.
      type: dict
      sample:
        client1:
          - name: client1
            pod: ""
            tasks: [{id: "client1 http://198.18.0.11:30080", connections: 31, until: [web-1, web-2]}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import expect
from ansible.module_utils.fairlead.verify.cells import Question
from ansible.module_utils.fairlead.verify.clients import INSIDE, NODE, inside, outside
from ansible.module_utils.fairlead.verify.cluster import Cluster
from ansible.module_utils.fairlead.verify.promise import Proxies
from ansible.module_utils.fairlead.verify.sample import DEPTHS, FULL, MOST, SEED, of_depth


def get_argument_spec():
    return {
        "kubeconfig": {"type": "path"},
        "context": {"type": "str"},
        "selector": {"type": "str", "default": "app.kubernetes.io/managed-by=fairlead"},
        "clients": {"type": "list", "elements": "str", "required": True},
        "sources": {"type": "dict", "default": {}},
        "nodes": {"type": "list", "elements": "str", "default": []},
        "kinds": {"type": "list", "elements": "str", "choices": list(INSIDE), "default": [NODE]},
        "pods": {"type": "dict", "default": {}},
        "modes": {"type": "dict", "default": {}},
        "node_port_addresses": {"type": "dict", "default": {}},
        "path": {"type": "str", "default": "/hostname"},
        "datagram": {"type": "str", "default": "hostname"},
        "domain": {"type": "str", "default": "cluster.local"},
        "most": {"type": "int", "default": 0},
        "depth": {"type": "str", "choices": list(DEPTHS), "default": FULL},
        "sample": {"type": "int", "default": MOST},
        "seed": {"type": "str", "default": SEED},
        "wait": {"type": "float", "default": 60},
        "settle": {"type": "float", "default": 5},
    }


def run(params):
    wish = of_depth(params["depth"], params["sample"], params["seed"])
    cluster = Cluster(params["kubeconfig"], params["context"])
    seen, moving = expect.wait_until_still(
        lambda: expect.observe(cluster, params["selector"]), params["wait"], params["settle"])
    clients = outside(params["clients"], params["sources"])
    clients += inside(seen.nodes, params["nodes"], params["kinds"], params["pods"])
    question = Question({"TCP": params["path"], "UDP": params["datagram"]},
                        Proxies(params["modes"], params["node_port_addresses"]), params["most"], wish)
    return {**expect.promise(seen, clients, question, params["domain"]), "moving": moving}


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        module.exit_json(changed=False, expected=run(module.params))
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
