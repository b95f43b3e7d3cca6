"""Tests of the page import the browser and the sample by name, and our modules."""
from __future__ import annotations

import sys
from pathlib import Path

import ansible.module_utils

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
ansible.module_utils.__path__.append(str(HERE.parents[1] / "module_utils"))
