#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: service_verdict
short_description: Judge what clients saw of the cluster's Services against what they must see
description:
  - Gives a verdict for every node and check, C(proven), C(disproven) or C(unknown), with the reason and a command
    to repeat each failure by hand. What was not seen is never proven.
  - Writes the whole as JSON, which is this module's output and not a change.
  - Runs on the control node.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  expected:
    description: What service_cells_info returned.
    type: dict
    required: true
  probes:
    description: For each machine, what service_probe_info returned there, or that it could not be reached.
    type: dict
    required: true
  sources:
    description: For each client, the address that the cluster sees. Clients with the same one must share a pod when
      affinity is on. A client that is not named, or with an empty value, has an address of its own.
    type: dict
    default: {}
  proxies:
    description: For each node, what kube_proxy_info returned there, or that it could not be reached.
    type: dict
    default: {}
  settings:
    description: For each node and role (C(kernel_modules), C(node_sysctl), C(kube_proxy)), what the role's module
      returned in check mode. Shown as settings against wishes and drift, never used for a verdict. Empty, the report
      says that this was not asked for.
    type: dict
    default: {}
  timeout:
    description: Seconds for one connection; stands in the commands to repeat by hand.
    type: float
    default: 3
  report:
    description: File that gets the report as JSON. Unset, none is written.
    type: path
  page:
    description: File that gets the report as one HTML page, which needs nothing else. Unset, none is written.
    type: path
  earlier:
    description: An earlier report to compare with. Unset, the one that O(report) replaces, if there is any.
    type: path
attributes:
  check_mode:
    description: Judges, and writes no report.
    support: full
  diff_mode:
    description: Changes nothing but the report.
    support: none
"""

EXAMPLES = r"""
- name: Judge
  service_verdict:
    expected: "{{ cells.expected }}"
    probes:
      client1: "{{ probe }}"
    report: /tmp/verify.json
  delegate_to: localhost
"""

RETURN = r"""
verdict:
  description: C(proven), C(disproven) or C(unknown); the worst of all nodes and checks.
  returned: success
  type: str
  sample: disproven
summary:
  description: One sentence that names the first failures.
  returned: success
  type: str
  sample: "not proven (disproven). node2 NodePort FAIL: default/web 30080/TCP from client1: 2 of 2 connections failed"
lines:
  description: The report for a terminal; each line with the verdict that decides its colour.
  returned: success
  type: list
  elements: dict
  sample: [{text: "node1  6.12.117  v1.37.2  ipvs  ok 8/8  ok 8/8  -", verdict: proven}]
failures:
  description: Every cell and check that is not proven, with the command to repeat it.
  returned: success
  type: list
  elements: dict
  sample:
    - node: node2
      check: NodePort
      verdict: disproven
      service: default/web
      client: client1
      address: 198.18.0.12
      repeat: curl --max-time 3 http://198.18.0.12:30080/hostname
"""

import json
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import write_text
from ansible.module_utils.fairlead.verify import history, page, table
from ansible.module_utils.fairlead.verify.discovery import Answers
from ansible.module_utils.fairlead.verify.report import Seen, make
from ansible.module_utils.fairlead.verify.words import plain


def get_argument_spec():
    return {
        "expected": {"type": "dict", "required": True},
        "probes": {"type": "dict", "required": True},
        "sources": {"type": "dict", "default": {}},
        "proxies": {"type": "dict", "default": {}},
        "settings": {"type": "dict", "default": {}},
        "timeout": {"type": "float", "default": 3},
        "report": {"type": "path"},
        "page": {"type": "path"},
        "earlier": {"type": "path"},
    }


def read_probes(expected, probes):
    """Results by cell; by client, why it has none; answers to what discovery asks."""
    results, absent, names, environments = {}, {}, {}, {}
    for machine, clients in expected["tasks"].items():
        probe = probes.get(machine) or {}
        for name in (client["name"] for client in clients):
            seen = probe.get("clients", {}).get(name, probe)
            names[name] = seen.get("names") or []
            environments.setdefault(machine, {}).update(seen.get("environment") or {})
            if "results" in seen:
                results.update({result["id"]: result for result in seen["results"]})
            else:
                absent[name] = plain(f"no results: {seen.get('msg') or 'it was not probed'}", 500)
    return results, absent, Answers(names, environments, absent)


def run(params):
    results, absent, answers = read_probes(params["expected"], params["probes"])
    seen = Seen(results, absent, params["proxies"], answers, params["settings"])
    report = make(params["expected"], seen, params["sources"], params["timeout"])
    report["time"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    before = history.load(params["earlier"] or params["report"], named=bool(params["earlier"]))
    report["since"] = history.compare(before, report) if before else None
    report["lines"] = table.render(report)
    report["summary"] = table.summary(report)
    return report


def write(params, report):
    if params["report"]:
        write_text(params["report"], json.dumps(report, indent=1, sort_keys=True) + "\n")
    if params["page"]:
        write_text(params["page"], page.render(report))


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        report = run(module.params)
        if not module.check_mode:
            write(module.params, report)
    except FairleadError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **{key: report[key] for key in ("verdict", "summary", "lines", "failures")})


if __name__ == "__main__":
    main()
