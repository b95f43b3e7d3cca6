"""What the tests of a cluster's own nodes share: Ansible finds our modules and roles, and every question has an end.

    pytest tests/node --hosts='ansible://nodes' --ansible-inventory=inventories/example
"""
from __future__ import annotations

import os
from pathlib import Path

import ansible.module_utils

ROOT = Path(__file__).resolve().parents[2]
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
# testinfra starts `ansible`, which looks for its configuration in the directory pytest was called in.
os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
# Seconds that one question to a node may take; an emulated node under load takes up to 20.
os.environ.setdefault("ANSIBLE_TASK_TIMEOUT", "180")
