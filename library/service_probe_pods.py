#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: service_probe_pods
short_description: Make or remove the pods whose networks the proof asks from
description:
  - Keeps one pod of each kind on each node, in a namespace of its own. The pods do nothing; the proof enters their
    networks from their nodes, so any image will do.
  - They are bound to their nodes without the scheduler, and tolerate every taint.
  - What a run that was killed has left behind is taken over or removed. Nothing outside the namespace is touched, and
    a namespace that does not carry the label C(app.kubernetes.io/managed-by=fairlead-verify) is refused.
  - Does not wait for the pods; service_probe_info does, on the node.
  - Runs on the control node.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  state:
    description: V(absent) removes the pods and the namespace.
    type: str
    choices: [present, absent]
    default: present
  namespace:
    description: Namespace that the module makes and removes.
    type: str
    default: fairlead-verify
  nodes:
    description: Nodes that get pods, by their Kubernetes names. Required for O(state=present).
    type: list
    elements: str
    default: []
  kinds:
    description: Which pods; V(host pod) is one in its node's network.
    type: list
    elements: str
    choices: [pod, host pod]
    default: [pod]
  image:
    description: Image of the pods. Whatever it runs must not end at once; a pause image is enough. Required for
      O(state=present).
    type: str
  kubeconfig:
    description: Kubeconfig of the cluster. Unset, E(KUBECONFIG) or C(~/.kube/config) is used.
    type: path
  context:
    description: Context of the kubeconfig. Unset, its current context is used.
    type: str
attributes:
  check_mode:
    description: Says which pods would be made or removed.
    support: full
  diff_mode:
    description: Names each pod and the namespace.
    support: full
"""

EXAMPLES = r"""
- name: Make a probe pod on each node
  service_probe_pods:
    nodes: [node1, node2]
    image: registry.example.org/pause:3.10
  delegate_to: localhost

- name: Remove them
  service_probe_pods:
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
plan:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [create namespace fairlead-verify, create pod fairlead-verify/pod.node1]
pods:
  description: By node and kind of client, the pod's uid.
  returned: success
  type: dict
  sample: {node1: {pod: 5f6ee9c5-5a56-4a67-9ef6-3f4b4e9f9a6f}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.connection import TOGETHER
from ansible.module_utils.fairlead.verify import probe_pods
from ansible.module_utils.fairlead.verify.probe_pods_apply import ProbePods


def get_argument_spec():
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "namespace": {"type": "str", "default": "fairlead-verify"},
        "nodes": {"type": "list", "elements": "str", "default": []},
        "kinds": {"type": "list", "elements": "str", "choices": ["pod", "host pod"], "default": ["pod"]},
        "image": {"type": "str"},
        "kubeconfig": {"type": "path"},
        "context": {"type": "str"},
    }


def run(module):
    params = module.params
    wanted = {} if params["state"] == "absent" else probe_pods.wanted(
        params["namespace"], params["nodes"], params["kinds"], params["image"])
    pods = ProbePods(Api.connect(params["kubeconfig"], params["context"]), params["namespace"], wanted)
    converge(module, observe=pods.observe, plan=pods.plan, apply=pods.apply, together=TOGETHER,
             report=lambda observed: {"pods": probe_pods.uids(observed[1])})


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True,
                           required_if=[("state", "present", ("nodes", "image"))])
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
