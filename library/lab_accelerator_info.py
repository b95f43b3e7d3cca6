#!/usr/bin/python
# Copyright: Fairlead maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Tell whether hardware virtualisation boots the nodes' kernel here."""
from __future__ import annotations

DOCUMENTATION = r"""
module: lab_accelerator_info
short_description: Tell whether hardware virtualisation boots the nodes' kernel here
description:
  - F(/dev/kvm) may exist and still not run a stock kernel, for instance inside another virtual machine. So this boots
    the kernel under KVM and waits for its first line; anything else means emulation.
options:
  qemu:
    description: How QEMU is started, the program and its first arguments.
    type: list
    elements: str
    required: true
  kernel:
    description: The nodes' kernel.
    type: path
    required: true
  deadline:
    description: Seconds to wait for the kernel's first line.
    type: float
    default: 10
  cache:
    description: File that keeps the answer until the machine boots again.
    type: path
    required: true
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
author: Fairlead maintainers
"""

EXAMPLES = r"""
- name: Look for hardware virtualisation
  lab_accelerator_info:
    qemu: [qemu-system-x86_64]
    kernel: /boot/vmlinuz
    cache: /run/fairlead-lab/accelerator.json
"""

RETURN = r"""
accelerator:
  description: V(kvm) or V(tcg), QEMU's emulation.
  returned: success
  type: str
  sample: tcg
reason:
  description: What showed it.
  returned: success
  type: str
  sample: KVM internal error. Suberror; 1
"""

import json
import os
import select
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import read_text, write_text

ALIVE = "Linux version"  # the first line of every kernel


def get_argument_spec():
    return {
        "qemu": {"type": "list", "elements": "str", "required": True},
        "kernel": {"type": "path", "required": True},
        "deadline": {"type": "float", "default": 10},
        "cache": {"type": "path", "required": True},
    }


def judge(console, ended):
    """(accelerator, reason) from what the console has shown so far; None while it is too early to tell."""
    if ALIVE in console:
        return "kvm", "the kernel booted under KVM"
    if "KVM internal error" in console:
        return "tcg", "KVM cannot run this kernel here (KVM internal error)"
    if ended:
        return "tcg", f"QEMU ended: {console.strip().splitlines()[-1] if console.strip() else 'without a word'}"
    return None


def probe(qemu, kernel, deadline):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg", "there is no /dev/kvm that may be used"
    argv = [*qemu, "-M", "q35", "-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults",
            "-no-reboot", "-display", "none", "-serial", "stdio", "-kernel", kernel,
            "-append", "console=ttyS0 earlyprintk=serial panic=-1"]
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError as error:
        raise FairleadError(qemu[0], "is not there", "remove its build from the lab's cache; run make lab") from error
    console, ends = "", time.monotonic() + deadline
    try:
        while time.monotonic() < ends:
            ready, _, _ = select.select([process.stdout], [], [], 0.2)
            text = os.read(process.stdout.fileno(), 65536).decode(errors="replace") if ready else ""
            console += text
            verdict = judge(console, ended=bool(ready) and not text)
            if verdict:
                return verdict
        return "tcg", f"the kernel said nothing under KVM for {deadline:g} s"
    finally:
        process.kill()
        process.wait()


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    try:
        known = read_text(module.params["cache"])
        options = (module.params[name] for name in ("qemu", "kernel", "deadline"))
        accelerator, reason = json.loads(known) if known else probe(*options)
        if not known:
            write_text(module.params["cache"], json.dumps([accelerator, reason]) + "\n")
        module.exit_json(changed=False, accelerator=accelerator, reason=reason)
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
