"""The scripts of this directory import each other by name, as they do when they run in namespaces."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
