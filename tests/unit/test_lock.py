"""One run at a time on a node."""
from __future__ import annotations

import fcntl
import os

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.lock import node_lock


def test_the_lock_is_held_for_the_block_and_given_back(tmp_path):
    path = str(tmp_path / "lock")
    with node_lock(True, path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
        with pytest.raises(FairleadError, match=f"holds this node for more than 0.3 s .process {os.getpid()}"):
            node_lock(True, path, 0.3).__enter__()
    with node_lock(True, path):
        pass


def test_check_mode_does_without(tmp_path):
    with node_lock(False, str(tmp_path / "lock")):
        assert not (tmp_path / "lock").exists()


def test_a_dead_runs_file_is_no_hindrance(tmp_path):
    (tmp_path / "lock").write_text("1\n")
    with node_lock(True, str(tmp_path / "lock"), 0.1), open(tmp_path / "lock") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_no_right(tmp_path):
    with pytest.raises(FairleadError, match="Run as root"):
        node_lock(True, str(tmp_path / "none" / "lock")).__enter__()
