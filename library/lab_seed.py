#!/usr/bin/python
# Copyright: Fairlead maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Write a node's seed disk."""
from __future__ import annotations

DOCUMENTATION = r"""
module: lab_seed
short_description: Write a node's seed disk
description:
  - The seed disk is a plain tar archive that the node unpacks over its root on first boot. It carries the node's
    identity, so that the image is the same for all nodes and no node needs a visit before it is C(Ready).
options:
  path:
    description: The archive.
    type: path
    required: true
  files:
    description: The files by absolute path on the node.
    type: dict
    required: true
attributes:
  check_mode:
    description: Says whether the archive would be written.
    support: full
  diff_mode:
    description: Shows the names of the files, never their content, which holds keys.
    support: full
author: Fairlead maintainers
"""

EXAMPLES = r"""
- name: Give the node its name
  lab_seed:
    path: /var/lib/lab/node1/seed.tar
    files:
      /etc/hostname: {content: "node1\n"}
      /etc/ssh/ssh_host_ed25519_key: {content: "...", mode: "0600"}
"""

RETURN = r"""
plan:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

import io
import os
import tarfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.plan import Plan, Step


def get_argument_spec():
    return {
        "path": {"type": "path", "required": True},
        "files": {"type": "dict", "required": True, "no_log": True},
    }


def archive(files):
    """The tar archive as bytes: sorted, owned by root, without times, so that the same files give the same bytes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(files):
            content = files[path]["content"].encode()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), int(files[path].get("mode", "0644"), 8)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def run(module):
    path = Path(module.params["path"])
    wanted = archive(module.params["files"])

    def plan(have):
        if have == wanted:
            return Plan(unchanged=f"{path} is as asked")
        names = "\n".join(sorted(module.params["files"]))
        return Plan((Step("write", str(path), before="" if have is None else "(other content)", after=names),))

    def apply(step):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(wanted)
        temporary.rename(path)

    converge(module, lambda: path.read_bytes() if path.exists() else None, plan, apply, lambda have: {})


def main():
    run(AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True))


if __name__ == "__main__":
    main()
