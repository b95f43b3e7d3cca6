"""The scripts of this directory import each other by name, as they do when they run in namespaces; and our modules."""
from __future__ import annotations

import sys
from pathlib import Path

import ansible.module_utils

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
ansible.module_utils.__path__.append(str(HERE.parents[1] / "module_utils"))
