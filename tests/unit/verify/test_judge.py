"""From expectations and what was seen to verdicts, and how they are shown."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.verify import cells, table
from ansible.module_utils.fairlead.verify.findings import worst
from ansible.module_utils.fairlead.verify.report import Seen, make
from verify_report import NAT, expected, run, well

CASES = yaml.safe_load((Path(__file__).parents[1] / "cases/verify/verdicts.yml").read_text())["cases"]
CHECKS = ("NodePort", "Spread", "Affinity")  # those that these cells have a part in


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_verdict(case):
    report = run(case)
    shown = {node["name"]: [table.shown(node["checks"][check]) for check in CHECKS] for node in report["nodes"]}
    assert shown == case["checks"]
    assert report["verdict"] == case["verdict"]
    reasons = case.get("reasons", [])
    assert len(report["failures"]) == len(reasons)
    for failure, part in zip(report["failures"], reasons):
        assert str(part) in f"{failure['reason']} ({failure['detail']})"
    for part in case.get("summary", []):
        assert part in table.summary(report)


def test_repeat_by_hand():
    report = run({"see": {"client1/node1/30080": {"answers": {}, "failures": 2, "error": "x"}}})
    assert report["failures"][0]["repeat"] == "curl --max-time 3 http://192.0.2.11:30080/hostname"
    assert cells.url("TCP", "fd98::11", 30080, "/hostname") == "http://[fd98::11]:30080/hostname"
    cell = {"protocol": "UDP", "ask": "hostname", "address": "fd98::11", "port": 53}
    assert cells.repeat(cell, 2.5) == "echo -n hostname | nc -u -w 3 fd98::11 53"


def test_a_node_without_cells_is_not_green():
    expectation = expected()
    expectation["nodes"].append({**expectation["nodes"][0], "name": "node9", "addresses": []})
    results = {c["id"]: {"answers": well(c), "failures": 0, "own_faults": 0, "error": "", "unfinished": False,
                         "connections": 5} for c in expectation["cells"]}
    report = make(expectation, Seen(results, {}, {}), NAT, 3)
    assert report["verdict"] == "unknown"
    assert "node9" in table.summary(report)


@pytest.mark.parametrize(("verdicts", "all_in_all"), [
    (["proven", "unknown", "disproven"], "disproven"), (["proven", "unknown", "none"], "unknown"),
    (["proven", "none"], "proven"), (["none"], "none"), ([], "none")])
def test_worst(verdicts, all_in_all):
    assert worst(verdicts) == all_in_all


def test_table():
    report = run({}, {"node1": {"mode": "ipvs"}, "node2": {"unreachable": True, "msg": "down"}})
    lines = [line["text"] for line in table.render(report)]
    assert lines[3:6] == [
        "node   kernel  Kubernetes  mode     NodePort  Spread  Affinity",
        "node1  6.12    v1          ipvs     ok 4/4    ok 2/2  ok 2/2",
        "node2  6.12    v1          unknown  ok 4/4    ok 2/2  ok 2/2",
    ]
    assert lines[7:9] == ["from     NodePort", "outside  ok 8/8"]
    assert lines[-1].startswith("proven: 2 nodes, 2 clients, 8 cells")


def test_one_fault_seen_everywhere_is_told_once():
    report = run({"see": {"*/node2/*": {"answers": {}, "failures": 2, "error": "connect: ETIMEDOUT"}}})
    told = [line["text"] for line in table.render(report) if "ETIMEDOUT" in line["text"]]
    assert len(told) == 2  # one for each Service
    assert "from client1, client2" in told[0]


def test_nothing_of_a_cluster_reaches_the_terminal_raw():
    hostile = "\x1b]0;owned\x07\u202edlrow\x9b2J\n"
    report = run({"see": {"client1/node1/30080": {"answers": {hostile: 1}}}}, {"node1": {"mode": hostile}})
    for line in table.render(report):
        assert line["text"].isprintable()
    assert table.summary(report).isprintable()


def test_a_pod_that_answers_nobody_is_named():
    half = {"answers": {"a": 2}, "failures": 2, "error": "receive: ETIMEDOUT no answer within 3 s"}
    report = run({"see": {"*/*/30080": half}})
    told = [line["text"] for line in table.render(report) if "NodePort FAIL" in line["text"]]
    assert len(told) == 1, "one fault, seen through both nodes"
    assert told[0].startswith("node1, node2 NodePort FAIL: demo/web 30080/TCP")
    assert "b answered no client at all" in told[0]
    # With one answer of b's it is not that pod's fault.
    report = run({"see": {"*/*/30080": half, "client1/node1/30080": {**half, "answers": {"a": 2, "b": 1}}}})
    assert not any("no client at all" in line["text"] for line in table.render(report))


def test_another_mode_than_wished_is_told():
    expectation = expected()
    for node in expectation["nodes"]:
        node["wished_mode"] = "nftables"
    report = make(expectation, Seen({}, {}, {"node1": {"mode": "ipvs"}, "node2": {"mode": "nftables"}}), NAT, 3)
    assert "node1: kube-proxy runs in ipvs mode, the inventory wishes nftables" in report["notes"]
    assert not any(note.startswith("node2: kube-proxy runs") for note in report["notes"])
    assert any("ipvs (wished: nftables)" in line["text"] for line in table.render(report))
