"""Tests of the proof on the lab."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest
from lab_tools import lab  # noqa: F401  (a fixture)

sys.path.insert(0, str(Path(__file__).parent))
from proving import Proof


@pytest.fixture
def proof(lab, tmp_path):  # noqa: F811
    return Proof(lab, tmp_path)
