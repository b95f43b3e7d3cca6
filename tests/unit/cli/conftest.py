"""The command, run in this process: what it prints and its exit status."""
from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from ansible.module_utils.fairlead.cli.main import main


@dataclass
class Said:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def findings(self):
        return self.json["findings"]


@pytest.fixture
def fairlead(capsys):
    def run(*words):
        try:
            status = main([str(word) for word in words])
        except SystemExit as error:  # of argparse
            status = error.code
        printed = capsys.readouterr()
        return Said(status, printed.out, printed.err)

    return run


@pytest.fixture
def check(fairlead, tmp_path):
    """fairlead check on one file with this text or these bytes, as JSON."""

    def run(content, *words, name="a.yaml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return fairlead("check", "--output", "json", *words, path)

    return run
