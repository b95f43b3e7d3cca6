#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: kube_proxy_token
short_description: Mint a token of the ServiceAccount that kube-proxy's pods have
description:
  - For the guard of a live change (M(kube_proxy_daemonset_change)), which reads Services and EndpointSlices while no
    pod of kube-proxy is there. A token that a pod has ends with the pod; this one is bound to none, and ends by itself.
  - It may read Services, EndpointSlices and Nodes (ClusterRole system:node-proxier). Keep it out of logs with
    C(no_log).
  - Runs on the control node. Changes no object.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options:
  kubeconfig:
    description: Kubeconfig of an administrator. Unset, E(KUBECONFIG) or C(~/.kube/config) is used.
    type: path
  seconds:
    description: How long it is good for, from 600 on. A guard that does not get a node back to its old mode tries for
      hours, and follows endpoints as long as the token is good.
    type: int
    default: 21600
attributes:
  check_mode:
    description: Mints none.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Mint a token for the guard
  kube_proxy_token: {}
  register: minted
  no_log: true
"""

RETURN = r"""
token:
  description: The token; empty in check mode.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.daemonset_api import Cluster

API_SECONDS = 15.0


def get_argument_spec():
    return {
        "kubeconfig": {"type": "path"},
        "seconds": {"type": "int", "default": 21600},
    }


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        token = "" if module.check_mode else Cluster(
            module.params["kubeconfig"], API_SECONDS).token(module.params["seconds"])
        module.exit_json(changed=False, token=token)
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
