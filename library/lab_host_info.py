#!/usr/bin/python
# Copyright: Fairlead maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Tell whether a machine can carry the lab."""
from __future__ import annotations

DOCUMENTATION = r"""
module: lab_host_info
short_description: Tell whether a machine can carry the lab
description:
  - Looks at rights, free disk space, kernel features and installed packages, and lists every problem with its remedy.
options:
  space:
    description: Free space that is needed, in GiB, by directory. A directory that does not exist counts as its parent.
    type: dict
    default: {}
  packages:
    description: Debian packages that are needed.
    type: list
    elements: str
    default: []
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
- name: Look at this machine
  lab_host_info:
    space: {/var/cache/fairlead: 8}
    packages: [qemu-utils, mmdebstrap]
"""

RETURN = r"""
problems:
  description: What keeps the lab from running, each with its remedy.
  returned: success
  type: list
  elements: str
  sample: ["not root: run it as root or through sudo"]
missing_packages:
  description: Packages of the list that are not installed.
  returned: success
  type: list
  elements: str
"""

import os
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError


def get_argument_spec():
    return {
        "space": {"type": "dict", "default": {}},
        "packages": {"type": "list", "elements": "str", "default": []},
    }


def problems(uid, free, needed, has_apt, has_tun):
    """Sentences, one for each thing that is in the way.

    free, needed: GiB by directory
    """
    found = []
    if uid != 0:
        found.append("not root: the lab makes network namespaces and mounts; run it as root or through sudo")
    for directory, gib in needed.items():
        if free[directory] < float(gib):
            found.append(f"{directory} has {free[directory]:.1f} GiB free, {gib} are needed: make room"
                         " or set FAIRLEAD_CACHE to a place with more")
    if not has_apt:
        found.append("no apt-get: the lab is built from Debian packages; use a Debian machine")
    if not has_tun:
        found.append("no /dev/net/tun: the nodes' network cards need it; load the tun module")
    return found


def free_gib(directory):
    path = Path(directory)
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 2**30


def missing(packages, commands):
    shown = commands.run(["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages])
    installed = {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}
    return sorted(set(packages) - installed)


def main():
    module = AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True)
    needed = module.params["space"]
    try:
        module.exit_json(
            changed=False,
            problems=problems(os.geteuid(), {name: free_gib(name) for name in needed}, needed,
                              shutil.which("apt-get") is not None, Path("/dev/net/tun").exists()),
            missing_packages=missing(module.params["packages"], Commands()) if module.params["packages"] else [])
    except FairleadError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
