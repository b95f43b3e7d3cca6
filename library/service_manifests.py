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
  - What would stop a delivery half way is a mistake too, a node port that two Services want for instance.
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
      - "C(endpoints) in the compact form makes the EndpointSlices of a Service without selector: a list of addresses,
        or of endpoints as the API spells them."
    type: list
    elements: dict
    default: []
  groups:
    description: Services with defaults of their own, which come on top of O(defaults).
    type: list
    elements: dict
    default: []
    suboptions:
      defaults:
        description: As O(defaults), for this group.
        type: dict
        default: {}
      services:
        description: As O(services).
        type: list
        elements: dict
        default: []
  manifests:
    description: Complete manifests of other kinds that travel with the Services.
    type: list
    elements: dict
    default: []
  files:
    description:
      - Files on the control node with manifests or lists of Services, and directories of such files, as
        C(fairlead check) takes them. A list there may have defaults and groups of its own; O(defaults) is not for it.
      - For thousands of Services, which cost Ansible more as variables than their judging and rendering. Findings name
        file and line.
    type: list
    elements: path
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
  kubernetes_version:
    description:
      - Version of the API server, whose rules differ a little from one to the next. V(1.29) to V(1.37).
      - Unset, the cluster that O(kubeconfig) names is asked, and without one it is V(1.37).
    type: str
  node_port_range:
    description: The API server's C(--service-node-port-range).
    type: str
    default: 30000-32767
  service_cidrs:
    description:
      - The API server's C(--service-cluster-ip-range).
      - Unset, the cluster that O(kubeconfig) names is asked. Without one, pinned addresses cannot be judged.
    type: list
    elements: str
    default: []
  kubeconfig:
    description: A cluster to ask for its version and Service ranges. Rendering needs none.
    type: path
  context:
    description: Context in the kubeconfig, when not the current one.
    type: str
  allowed_external_ips:
    description: Networks in which C(spec.externalIPs) is meant. Elsewhere it is refused, for CVE-2020-8554.
    type: list
    elements: str
    default: []
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
    groups:
      - defaults: {namespace: data, type: ClusterIP}
        services:
          - name: legacy-db
            ports: [{port: 5432}]
            endpoints: [192.0.2.10, 192.0.2.11]
    manifests:
      - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
"""

RETURN = r"""
objects:
  description:
    - The complete manifests in the order of delivery, as service_apply takes them.
    - JSON in one text, since Ansible handles each value of a list of thousands of objects many times. C(from_json)
      makes a list of it.
  returned: success
  type: str
  sample: '[{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}]'
directory:
  description: Where the files are.
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
    file:
      description: Where the field stands, of an object from a file; C(line) and C(column) with it.
      type: str
      sample: services/rack1.yaml
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

import json

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError, missing_library
from ansible.module_utils.fairlead.services import cluster_facts, model, render, tree, verdict
from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.facts import NEWEST, Facts, parse_cidrs, parse_range, parse_version
from ansible.module_utils.fairlead.services.findings import summary
from ansible.module_utils.fairlead.services.repository import parse_networks


def get_argument_spec():
    return {
        "services": {"type": "list", "elements": "dict", "default": []},
        "groups": {"type": "list", "elements": "dict", "default": [], "options": {
            "defaults": {"type": "dict", "default": {}},
            "services": {"type": "list", "elements": "dict", "default": []}}},
        "manifests": {"type": "list", "elements": "dict", "default": []},
        "files": {"type": "list", "elements": "path", "default": []},
        "defaults": {"type": "dict", "default": {}},
        "directory": {"type": "path", "required": True},
        "kubernetes_version": {"type": "str"},
        "node_port_range": {"type": "str", "default": "30000-32767"},
        "service_cidrs": {"type": "list", "elements": "str", "default": []},
        "kubeconfig": {"type": "path"},
        "context": {"type": "str"},
        "allowed_external_ips": {"type": "list", "elements": "str", "default": []},
    }


def facts(params):
    version, cidrs = params["kubernetes_version"], params["service_cidrs"]
    given = Facts(node_ports=parse_range(params["node_port_range"]), service_cidrs=parse_cidrs(",".join(cidrs)),
                  kubernetes_version=parse_version(version) if version else NEWEST)
    if not params["kubeconfig"] or (version and cidrs):
        return given
    api = Api.connect(params["kubeconfig"], params["context"])
    return cluster_facts.complete(given, api, version=not version, cidrs=not cidrs)


def given(params):
    """Everything that was given, as items, and findings on files that cannot be read."""
    items = model.items(params["services"], params["manifests"], params["defaults"], params["groups"])
    if not params["files"]:
        return items, []
    try:
        from ansible.module_utils.fairlead.services import sources  # noqa: PLC0415 - for files alone, it takes PyYAML
    except ImportError as error:
        raise missing_library("PyYAML") from error
    read, findings = sources.read(params["files"])
    return items + read, findings


def run(module):
    params = module.params
    items, unread = given(params)
    # Ansible sends a module's arguments back with its result and walks through them; nobody needs all the Services.
    params.update(services=[], groups=[], manifests=[])
    findings = unread + verdict.everything(items, facts(params), parse_networks(params["allowed_external_ips"]))
    as_data = [finding.data() for finding in findings]
    if verdict.errors(findings):
        module.fail_json(msg=summary(verdict.errors(findings), "nothing was written"), findings=as_data, applied=[])
    for finding in findings:
        module.warn(finding.words())
    directory = params["directory"]
    objects = render.in_order(item.manifest for item in items)
    wanted = render.files(objects)
    writer = tree.Writer(directory)
    converge(
        module,
        observe=lambda: tree.observe(directory),
        plan=lambda observed: tree.plan(directory, wanted, observed),
        prepare=writer.prepare,
        apply=writer.apply,
        report=lambda observed: {"objects": json.dumps(objects), "directory": directory, "findings": as_data},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error), findings=[], applied=[])


if __name__ == "__main__":
    main()
