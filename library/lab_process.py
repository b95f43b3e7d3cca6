#!/usr/bin/python
# Copyright: Fairlead maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Keep a daemon of the lab running, or end it."""
from __future__ import annotations

DOCUMENTATION = r"""
module: lab_process
short_description: Keep a daemon of the lab running, or end it
description:
  - The lab runs on machines without an init system too, so it starts its daemons itself. Each writes its process id and
    start time before it becomes the program; only a process that matches both is ever signalled.
  - A daemon whose arguments changed is ended and started again.
options:
  name:
    description: The daemon's name; its record is RUN_DIR/processes/NAME.json, its log LOG_DIR/NAME.log.
    type: str
    required: true
  state:
    description: Whether it runs.
    type: str
    choices: [started, stopped]
    default: started
  argv:
    description: Program and arguments.
    type: list
    elements: str
  netns:
    description: Network namespace to run in.
    type: str
  run_dir:
    description: The lab's directory for what runs.
    type: path
    required: true
  log_dir:
    description: Directory of the logs.
    type: path
  chdir:
    description: Working directory.
    type: path
    default: /
  patience:
    description: Seconds that the daemon has to end before it is killed.
    type: float
    default: 10
attributes:
  check_mode:
    description: Says whether it would be started or ended.
    support: full
  diff_mode:
    description: Shows the arguments.
    support: full
author: Fairlead maintainers
"""

EXAMPLES = r"""
- name: Run etcd
  lab_process:
    name: etcd
    argv: [/usr/local/bin/etcd, --data-dir, /var/lib/lab/etcd]
    netns: fairlead-lab-lan
    run_dir: /run/fairlead-lab/lab
    log_dir: /var/log/lab
"""

RETURN = r"""
pid:
  description: Process id; 0 when it does not run.
  returned: success
  type: int
  sample: 4711
plan:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.lab import process
from ansible.module_utils.fairlead.plan import Plan, Step


def get_argument_spec():
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
        "argv": {"type": "list", "elements": "str"},
        "netns": {"type": "str"},
        "run_dir": {"type": "path", "required": True},
        "log_dir": {"type": "path"},
        "chdir": {"type": "path", "default": "/"},
        "patience": {"type": "float", "default": 10},
    }


def plan_process(name, wanted, record):
    """Steps from the recorded process to the wanted arguments; wanted None means that it shall not run."""
    before = " ".join(record.argv) if record and record.alive else ""
    after = " ".join(wanted) if wanted else ""
    if before == after:
        return Plan(unchanged=f"{name} {'runs as asked' if wanted else 'does not run'}")
    steps = [Step("stop", name, before)] if before else []
    return Plan((*steps, *([Step("start", name, after=after)] if wanted else [])))


def run(module):
    params = module.params
    record = Path(params["run_dir"], "processes", f"{params['name']}.json")
    inside = ["ip", "netns", "exec", params["netns"]] if params["netns"] else []
    wanted = [*inside, *params["argv"]] if params["state"] == "started" else None

    def apply(step):
        if step.action == "stop":
            process.stop(record, params["patience"])
        else:
            process.start(wanted, record, Path(params["log_dir"], f"{params['name']}.log"), params["chdir"])

    converge(
        module,
        observe=lambda: process.load(record),
        plan=lambda observed: plan_process(params["name"], wanted, observed),
        apply=apply,
        report=lambda observed: {"pid": observed.pid if observed and observed.alive else 0},
    )


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True,
                           required_if=[("state", "started", ("argv", "log_dir"))])
    run(module)


if __name__ == "__main__":
    main()
