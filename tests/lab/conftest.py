"""Tests of the main job, on the lab."""
from __future__ import annotations

from lab_tools import lab  # noqa: F401  (a fixture)
