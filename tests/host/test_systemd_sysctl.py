"""Our reading of sysctl.d is systemd's: random files, applied by the real program to a kernel."""
from __future__ import annotations

import os
import secrets

import pytest
from namespaces import inside
from systemd_sysctl import PROGRAM

CASES = int(os.environ.get("CASES", "150"))


@pytest.mark.skipif(not os.path.exists(PROGRAM), reason=f"{PROGRAM} is not on this machine")
def test_every_value_is_the_one_that_was_foreseen():
    seed = int(os.environ.get("SEED", secrets.randbelow(10_000)))
    print(f"SEED={seed} CASES={CASES}")
    done = inside("systemd_sysctl.py", str(seed), str(CASES))
    assert done.returncode == 0, done.stderr
    *differences, total = done.stdout.splitlines()
    assert not differences, "\n".join(differences)
    assert int(total) >= 12 * CASES
