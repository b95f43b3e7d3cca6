"""The module node_sysctl on a real kernel, in network and mount namespaces of its own; no lab is needed."""
from __future__ import annotations

import os

import node_sysctl_faults
import node_sysctl_real
import pytest
from namespaces import inside

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")
# How many effects apart the kills are in `make test`; STRIDE=1 (make sweep-node-settings) kills before every one.
STRIDE = os.environ.get("STRIDE", "5")
REAL = ("restore", "predicted")
FAULTS = ("reserved", "overridden", "refused", "read_only", "no_right", "full_disk", "two_runs", "bad_input")


def prove(script: str, *words: str) -> None:
    done = inside(script, *words)
    print(done.stdout)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize("proof", REAL)
def test_real(proof):
    """What the function of that name in node_sysctl_real.py proves."""
    assert callable(getattr(node_sysctl_real, proof))
    prove("node_sysctl_real.py", proof)


@pytest.mark.parametrize("proof", FAULTS)
def test_fault(proof):
    """What the function of that name in node_sysctl_faults.py proves."""
    assert callable(getattr(node_sysctl_faults, proof))
    prove("node_sysctl_faults.py", proof)


def test_killed_before_its_effects_it_converges_on_the_next_run():
    prove("node_sysctl_real.py", "killed", STRIDE)
