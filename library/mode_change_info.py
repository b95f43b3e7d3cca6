#!/usr/bin/python
# Copyright: Fairlead maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: see DOCUMENTATION."""
from __future__ import annotations

DOCUMENTATION = r"""
module: mode_change_info
short_description: Read the journal of a node's last live change of kube-proxy's mode
description:
  - A node that never changed its mode live is a result, not an error.
version_added: "0.1.0"
author:
  - Fairlead maintainers
options: {}
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Read what the last change did
  mode_change_info: {}
  register: last

- name: Say it
  ansible.builtin.debug:
    var: last.log
"""

RETURN = r"""
outcome:
  description: V(done), V(rolled back) by the guard or at a boot, V(open) after a kill, V(stuck); empty when there was
    none.
  returned: success
  type: str
  sample: done
came_from:
  description: The mode before it.
  returned: success
  type: str
  sample: ipvs
went_to:
  description: The mode that was wished.
  returned: success
  type: str
  sample: nftables
busy:
  description: Whether a change is under way at this moment.
  returned: success
  type: bool
text:
  description: Why it ended as it did.
  returned: success
  type: str
phases:
  description: Phase to the UNIX time of its beginning, by the node's clock.
  returned: success
  type: dict
  sample: {bridge: 1700000000.1, stop: 1700000000.4}
ended:
  description: When it ended, 0 when it did not.
  returned: success
  type: float
handed_over:
  description: How many IPVS connections were handed over, how many could not be, and for how long they were paused.
  returned: success
  type: dict
  sample: {flows: 120, untracked: 0, refused: 0, paused_seconds: 0.21}
affinity_lost:
  description: Clients whose affinity could not be carried.
  returned: success
  type: int
  sample: 0
log:
  description: The journal's lines.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.mode_change.journal import Journal


def get_argument_spec():
    return {}


def run(module):
    journal = Journal()
    state = journal.read() or {}
    module.exit_json(
        changed=False, outcome=state.get("outcome", ""), came_from=state.get("from", ""), went_to=state.get("to", ""),
        busy=bool(state) and journal.busy(), text=state.get("text", ""), phases=state.get("phases", {}),
        ended=state.get("ended", 0.0), handed_over=state.get("handed_over", {}),
        affinity_lost=state.get("affinity_lost", 0), log=journal.log() if state else [])


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        run(module)
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
