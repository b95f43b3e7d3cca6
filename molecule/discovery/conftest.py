"""What the pods were answered, asked once for all tests of a step."""
from __future__ import annotations

import pytest
from proof.proving import Proof


@pytest.fixture(scope="session")
def rows(lab, tmp_path_factory):
    """The proof's rows on discovery: from a pod on each node, what was asked, what came back, and the verdict."""
    report = Proof(lab, tmp_path_factory.mktemp("discovery")).run(
        service_verify_kinds=["pod"], service_verify_selector="fairlead.dev/test=discovery",
        # CoreDNS keeps an answer for up to 30 s, and an emulated node takes its time.
        service_verify_patience=120, service_verify_budget=240)
    return report["discovery_rows"]
