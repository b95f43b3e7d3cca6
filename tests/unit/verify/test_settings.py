"""Settings against wishes and drift in the report: words, never a verdict."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.comparison import row
from ansible.module_utils.fairlead.verify import page, page_settings, settings, table
from ansible.module_utils.fairlead.verify.report import Seen, make
from verify_report import NAT, expected, well

HOSTILE = '<script>alert(1)</script>"\u202e\x1b[2J'
ROWS = [row("net.ipv4.ip_forward", "1", "0", False), row("module ip_vs", "in the kernel", "loaded", True),
        row("late.key", "1", None, None)]
GOOD = {"kernel_modules": {"compared": ROWS[1:2], "findings": []}, "node_sysctl": {"compared": [], "findings": []},
        "kube_proxy": {}}
BAD = {**GOOD, "node_sysctl": {"compared": ROWS, "findings": ["net.ipv4.ip_forward is 0, asked is 1"]}}


def report(found, proxies=None, wished=""):
    expectation = expected()
    for node in expectation["nodes"]:
        node["wished_mode"] = wished
    results = {cell["id"]: {"answers": well(cell), "failures": 0, "own_faults": 0, "error": "", "unfinished": False,
                            "connections": 12, "course": [["a", 2]], "source": "",
                            "latency_ms": {"min": 1.0, "counts": [0, 2]}} for cell in expectation["cells"]}
    return make(expectation, Seen(results, {}, proxies or {}, settings=found), NAT, 3)


@pytest.mark.parametrize("found", [{}, {"node1": {}, "node2": {}}])
def test_not_asked_for(found):
    made = report(found)
    assert made["settings"] is None
    assert "Not asked for in this run: set service_verify_drift to true" in page.render(made)
    assert not any("settings of" in line["text"] for line in table.render(made))


def test_what_differs_is_told_in_words_and_changes_no_verdict():
    made = report({"node1": GOOD, "node2": BAD})
    assert made["verdict"] == "proven"
    told = {line["text"]: line["verdict"] for line in table.render(made) if line["text"].startswith("settings of")}
    assert told == {
        "settings of node1: 1 settings as wished": "",
        "settings of node2: 2 settings as wished, 1 differ (net.ipv4.ip_forward is 0, wished 1), 1 could not be told":
            "unknown"}
    shown = page.render(made)
    for part in ('<th scope="row">net.ipv4.ip_forward</th><td>1</td><td>0</td><td class="differs">≠ differs</td>',
                 "<td>in the kernel</td><td>loaded</td><td>= same</td>", "<td>not there</td><td>? not told</td>",
                 "<p>Drift:</p><ul><li>net.ipv4.ip_forward is 0, asked is 1</li></ul>"):
        assert part in shown
    assert shown.index("differs</td>") < shown.index("same</td>", shown.index("<h3>node2")), "what differs comes first"


@pytest.mark.parametrize(("result", "words"), [
    ({"unreachable": True, "msg": "no route"}, "kernel_modules: no route"), ({}, "kernel_modules: was not looked at")])
def test_what_could_not_be_looked_at_is_not_as_wished(result, words):
    made = report({"node1": {**GOOD, "kernel_modules": result}, "node2": GOOD})
    assert made["settings"][0]["untold"] == [words]
    assert not settings.is_as_wished(made["settings"][0])
    assert settings.is_as_wished(made["settings"][1])
    assert words in page.render(made)


@pytest.mark.parametrize(("mode", "same"), [("ipvs", True), ("iptables", False), (None, None)])
def test_of_a_kube_proxy_in_a_pod_its_own_answer_is_shown(mode, same):
    made = report({"node1": GOOD, "node2": GOOD}, {"node1": {"mode": mode}}, wished="ipvs")
    assert made["settings"][0]["rows"][-1] == row("kube-proxy mode", "ipvs", mode or "unknown", same)


def test_a_restart_that_waits_is_drift_too():
    planned = {"compared": [], "changed": True, "plan": ["start kube-proxy.service"]}
    assert report({"node1": {**GOOD, "kube_proxy": planned}, "node2": GOOD})["settings"][0]["drift"] == [
        "start kube-proxy.service"]


def test_nothing_of_a_node_becomes_markup():
    hostile = {**GOOD, "node_sysctl": {"compared": [row(HOSTILE, HOSTILE, HOSTILE, False)], "findings": [HOSTILE]},
               "kernel_modules": {"msg": HOSTILE}}
    made = report({"node1": hostile, "node2": GOOD})
    assert "<script" not in page.render(made)
    assert "\x1b" not in page.render(made)
    assert all(line["text"].isprintable() for line in table.render(made))


def test_many_nodes_fit_and_what_differs_is_kept():
    same = [row(f"net.ipv4.key{number}", "1", "1", True) for number in range(60)]
    nodes = {f"node{number}": {**GOOD, "node_sysctl": {"compared": [*same, ROWS[0]]}} for number in range(200)}
    read = settings.read(nodes, {}, {})
    text = page_settings.render(read)
    assert len(text.encode()) < 500_000
    assert text.count("differs</td>") == 200
    assert "more, as wished, are in the JSON only" in text
