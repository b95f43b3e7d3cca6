#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: service_manifests
short_description: Judge Services and workloads as the API server would, and render one file for each
description:
  - Takes Services as data, in a compact form or as complete manifests, and the workloads that travel with them.
  - Everything is judged first, without a cluster. All mistakes are reported at once, each with the field, the API
    server's reason and what to write; nothing is written when there is one.
  - One object a file, C(NAMESPACE/KIND-NAME.yaml), and a C(kustomization.yaml). Objects without a namespace lie in
    C(_cluster), a name that no namespace can have. The same input gives the same bytes.
  - Files that begin with Fairlead's line are Fairlead's; those that are no longer wanted are removed. Files of others
    are never touched.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  services:
    description:
      - Services, with keys as the API spells them.
      - "In the compact form C(name), C(namespace), C(labels) and C(annotations) are metadata and every other key is a
        field of C(spec). An entry with C(apiVersion), C(kind), C(metadata) or C(spec) is a complete manifest."
    type: list
    elements: dict
    default: []
  manifests:
    description: Complete manifests of other kinds that travel with the Services.
    type: list
    elements: dict
    default: []
  defaults:
    description:
      - Merged under each Service in compact form. Labels and annotations are merged key by key.
      - A default that a Service's type or affinity cannot have is left out there. Null in a Service unsets it.
    type: dict
    default: {}
  directory:
    description: Where the files go. It is made when missing; a symbolic link is refused.
    type: path
    required: true
  node_port_range:
    description: The API server's C(--service-node-port-range).
    type: str
    default: 30000-32767
attributes:
  check_mode:
    description: Judges, and predicts which files a run would write and remove.
    support: full
  diff_mode:
    description: Shows each file.
    support: full
"""

EXAMPLES = r"""
- name: Render one Service with affinity
  service_manifests:
    directory: rendered/rack1
    defaults:
      ipFamilyPolicy: PreferDualStack
    services:
      - name: web
        namespace: shop
        type: NodePort
        selector: {app: web}
        ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
        sessionAffinity: ClientIP
    manifests:
      - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
"""

RETURN = r"""
objects:
  description: The complete manifests in the order of delivery, as service_apply takes them.
  returned: success
  type: list
  elements: dict
  sample: [{apiVersion: v1, kind: Namespace, metadata: {name: shop}}]
files:
  description: The files, relative to the directory.
  returned: success
  type: list
  elements: str
  sample: [_cluster/namespace-shop.yaml, shop/service-web.yaml, kustomization.yaml]
directory:
  description: Where they are.
  returned: success
  type: str
  sample: rendered/rack1
findings:
  description: Mistakes and advice, in the order of the input.
  returned: always
  type: list
  elements: dict
  contains:
    item:
      description: Where the object stands in the input.
      type: str
      sample: services[0]
    object:
      description: The object.
      type: str
      sample: Service shop/web
    field:
      description: Path of the field as the API server writes it.
      type: str
      sample: spec.sessionAffinity
    reason:
      description: Required, Invalid, Duplicate, NotSupported, Forbidden or TooLong.
      type: str
      sample: NotSupported
    message:
      description: What is wrong, as the API server would say it.
      type: str
      sample: 'Unsupported value: "ClusterIP": supported values: "ClientIP", "None"'
    fix:
      description: What to write.
      type: str
      sample: "write ClientIP: requests of one client address stay with one pod"
    level:
      description: C(error) or C(advice).
      type: str
      sample: error
plan:
  description: The steps, or the sentence that says why there are none.
  returned: success
  type: list
  elements: str
  sample: [write rendered/rack1/shop/service-web.yaml]
applied:
  description: The steps that were done before it failed.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import model, render, tree
from ansible.module_utils.fairlead.services.facts import Facts, parse_range
from ansible.module_utils.fairlead.services.findings import summary
from ansible.module_utils.fairlead.services.judge import errors, judge


def get_argument_spec():
    return {
        "services": {"type": "list", "elements": "dict", "default": []},
        "manifests": {"type": "list", "elements": "dict", "default": []},
        "defaults": {"type": "dict", "default": {}},
        "directory": {"type": "path", "required": True},
        "node_port_range": {"type": "str", "default": "30000-32767"},
    }


def run(module):
    params = module.params
    items = model.items(params["services"], params["manifests"], params["defaults"])
    findings = judge(items, Facts(node_ports=parse_range(params["node_port_range"])))
    as_data = [finding.data() for finding in findings]
    if errors(findings):
        module.fail_json(msg=summary(errors(findings), "nothing was written"), findings=as_data, applied=[])
    for finding in findings:
        module.warn(finding.words())
    directory = params["directory"]
    objects = render.in_order(item.manifest for item in items)
    wanted = render.files(objects)
    converge(
        module,
        observe=lambda: tree.observe(directory),
        plan=lambda observed: tree.plan(directory, wanted, observed),
        apply=lambda step: tree.apply(directory, step),
        report=lambda observed: {
            "objects": objects, "files": list(wanted), "directory": directory, "findings": as_data},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), findings=[], applied=[])


if __name__ == "__main__":
    main()
