#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: service_apply
short_description: Deliver objects to the API server by server-side apply, and wait until they work
description:
  - Asks the API server by dry run what each object would become, and applies those that would change. When nothing
    would, nothing is sent but dry runs. A new Service that pins neither port nor address and that our own judge
    accepts is only tried in check mode.
  - A field that was applied earlier and is no longer in the manifest is given up, so that leaving out
    C(sessionAffinity) switches it off. Fields that others set stay theirs.
  - A field that somebody else owns with another value is a conflict. It is reported with its owner and not taken.
  - Objects of one kind are looked at and applied several at once. What was applied before an error is reported, and
    the next run does the rest.
  - Order is by kind, Namespaces first and Services before workloads, since a pod gets environment variables only
    for Services that exist when it starts.
version_added: "0.1.0"
author:
  - Fairlead maintainers
requirements:
  - kubernetes (Python package)
options:
  objects:
    description: A list of complete manifests, or JSON of one, as the C(objects) that service_manifests returns.
    type: raw
    required: true
  kubeconfig:
    description: Kubeconfig of the cluster. Without it E(KUBECONFIG) or C(~/.kube/config).
    type: path
  context:
    description: Context in the kubeconfig, when not the current one.
    type: str
  field_manager:
    description: The name under which the API server notes whose fields these are.
    type: str
    default: fairlead
  labels:
    description: Labels that every object gets, unless its manifest sets another value.
    type: dict
    default: {app.kubernetes.io/managed-by: fairlead}
  force_conflicts:
    description: Take fields that somebody else owns.
    type: bool
    default: false
  apply_set:
    description:
      - The ConfigMap, as NAMESPACE/NAME, that stands for this set of objects in the cluster, in the way of KEP-3659
        (ApplySet). Its members bear a label with the set's id. It is made when missing; its namespace must be there.
      - Without it nothing is noted in the cluster, and nothing can be pruned.
    type: str
  prune:
    description:
      - Remove members of O(apply_set) that are not among O(objects) any more. Only what bears the set's label and was
        applied by O(field_manager) is removed, never anything that another controller made of it.
      - Namespaces and CustomResourceDefinitions are never removed, since others may have objects in them; a warning
        names them.
    type: bool
    default: false
  recreate:
    description:
      - Delete a Service and create it again where the API server refuses a change otherwise, above all from a cluster
        address to headless and back. It gets a new address, and connections to it are cut.
      - Without it such a change is an error.
    type: bool
    default: false
  wait:
    description:
      - Seconds to wait at most, after the objects are applied, until DaemonSets, Deployments and StatefulSets are
        rolled out, each Service with a selector has a ready endpoint, and each LoadBalancer has an address. V(0) does
        not look.
      - Nothing is waited for in check mode.
    type: int
    default: 300
attributes:
  check_mode:
    description:
      - Predicts by the API server's dry run and changes nothing there.
      - An object whose namespace does not exist yet cannot be tried; it is predicted as new.
    support: full
  diff_mode:
    description: Shows what becomes of each object, without the server's bookkeeping.
    support: full
"""

EXAMPLES = r"""
- name: Render
  service_manifests:
    directory: rendered/rack1
    services: "{{ services }}"
  register: rendered

- name: Deliver
  service_apply:
    kubeconfig: /etc/kubernetes/admin.conf
    objects: "{{ rendered.objects }}"
    apply_set: default/fairlead-rack1
    prune: true
"""

RETURN = r"""
objects:
  description: The objects, in the order of delivery.
  returned: success
  type: list
  elements: str
  sample: [Namespace shop, Service shop/web]
waited:
  description: Seconds until everything was ready.
  returned: success
  type: float
  sample: 21.4
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [create Service shop/web]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
  sample: [create Namespace shop]
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import deliver, wait
from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.connection import TOGETHER
from ansible.module_utils.fairlead.services.model import label


def get_argument_spec():
    return {
        "objects": {"type": "raw", "required": True},
        "kubeconfig": {"type": "path"},
        "context": {"type": "str"},
        "field_manager": {"type": "str", "default": "fairlead"},
        "labels": {"type": "dict", "default": {deliver.MANAGED_BY: "fairlead"}},
        "force_conflicts": {"type": "bool", "default": False},
        "apply_set": {"type": "str"},
        "prune": {"type": "bool", "default": False},
        "recreate": {"type": "bool", "default": False},
        "wait": {"type": "int", "default": 300},
    }


def objects(given):
    """The list that was given, as it is or as JSON."""
    try:
        given = json.loads(given) if isinstance(given, str) else given
    except ValueError as error:
        raise FairleadError("objects", f"is not JSON: {error}", "give what service_manifests returns") from error
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise FairleadError("objects", "is not a list of manifests", "give what service_manifests returns")
    return given


def run(module):
    params = module.params
    api = Api.connect(params["kubeconfig"], params["context"])
    delivery = deliver.delivery(
        api, objects(params["objects"]), params["labels"], params["field_manager"], apply_set=params["apply_set"],
        prune=params["prune"], recreate=params["recreate"], force=params["force_conflicts"],
        try_all=module.check_mode)  # the same plan; check mode has the server's own word on all of it
    params["objects"] = []  # else all of them come back with the result
    wanted = delivery.intent.wanted
    waited = [0.0]

    def settle():
        waited[0] = wait.until_ready(wait.Lookout(api, wanted), params["wait"])

    converge(
        module,
        observe=delivery.observe,
        plan=delivery.plan,
        apply=delivery.apply,
        settle=settle if params["wait"] else None,
        together=TOGETHER,
        report=lambda observed: {"objects": [label(manifest) for manifest in wanted], "waited": round(waited[0], 1)},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=[])


if __name__ == "__main__":
    main()
