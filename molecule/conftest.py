"""The scenarios' tests use the same lab fixture as tests/lab."""
from __future__ import annotations

from lab_tools import lab  # noqa: F401  (a fixture)
