from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.probe import load
from ansible.module_utils.fairlead.probe.summary import summarize


def result(at, kind="new", **more):
    return {"at": at, "flow": "f", "kind": kind, "source": "a", "ok": True, "ms": 1.0, "answer": "pod1", "error": "",
            "resent": 0, "id": 0, **more}


def test_each_kind_counts_for_itself():
    found = summarize([
        result(1.0), result(2.0, ok=False, error="refused"), result(2.5, resent=1, ms=1003.0),
        result(1.0, "established", id=1), result(2.0, "established", id=1, ok=False, error="broken: reset"),
        result(1.0, "established", id=2),
        result(1.0, "affinity"), result(2.0, "affinity", answer="pod2"), result(3.0, "affinity", answer="pod2"),
        result(1.0, "affinity", source="b", answer="pod2"),
        result(1.0, "udp"), result(1.5, "udp", ok=False), result(1.7, "udp"), result(1.0, "udp", id=9)])
    assert (found.new, found.failed, found.resent) == (7, 1, 1)
    assert (found.established, found.broken) == (2, 1)
    assert (found.clients, found.moved) == (2, 1)
    assert found.silence == 700.0
    assert found.first_failure == 2.0
    assert found.errors == {"new: refused": 1, "established: broken: reset": 1}


def test_only_the_asked_time_counts():
    found = summarize([result(1.0, ok=False, error="x"), result(2.0), result(9.0, ok=False, error="x")], 1.5, 5.0)
    assert (found.new, found.failed) == (1, 0)
    assert summarize([]).new == 0


FLOW = {"name": "f", "kind": "new", "address": "192.0.2.1", "port": 80, "sources": ["192.0.2.2"], "rate": 1}


@pytest.mark.parametrize(("document", "word"), [
    ({"seconds": 5}, "flows"), ({"seconds": 0, "flows": []}, "seconds=0"), ({"seconds": "x", "flows": []}, "x"),
    ({"seconds": 5, "flows": [{**FLOW, "rate": 0}]}, "rate"),
    ({"seconds": 5, "flows": [{**FLOW, "rate": 9999}]}, "2000"),
    ({"seconds": 5, "flows": [{**FLOW, "kind": "odd"}]}, "kind"),
    ({"seconds": 5, "flows": [{**FLOW, "sources": []}]}, "sources"),
    ({"seconds": 5, "flows": [{**FLOW, "kind": "established", "count": 6000, "interval": 1}]}, "5000"),
    ({"seconds": 5, "flows": [{**FLOW, "kind": "udp", "interval": 0}]}, "interval"),
], ids=str)
def test_a_load_without_bounds_is_refused(document, word):
    assert word in load.check(document)


def test_a_bounded_load_is_taken():
    assert load.check({"seconds": 5, "flows": [FLOW]}) == ""
