"""The page says what the JSON says, and a run beside an earlier one."""
from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import history, page, table
from ansible.module_utils.fairlead.verify.findings import PROVEN
from verify_report import run

DEAD = {"*/node2/*": {"answers": {}, "failures": 2, "error": "connect: ETIMEDOUT"}}
HOSTILE = '<script>alert(1)</script>"\u202e\x1b[2J'


class Reader(HTMLParser):
    """Cells by id with their class and sign; every tag and attribute that was met; tags that were not closed."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.tags, self.attributes, self.open, self._id = {}, set(), {}, [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.add(tag)
        for name, value in attributes.items():
            self.attributes.setdefault(name, set()).add(value)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self._id = attributes.get("data-id")
        if self._id:
            self.cells[self._id] = [attributes["class"], ""]

    def handle_data(self, data):
        if self._id:
            self.cells[self._id][1] += data

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self._id = None


def test_the_cells_of_the_page_are_those_of_the_report():
    report = run({"see": DEAD})
    read = Reader(page.render(report))
    assert read.cells == {cell["id"]: [cell["verdict"], page.SIGNS[cell["verdict"]]] for cell in report["cells"]}
    assert {verdict for verdict, _ in read.cells.values()} == {"proven", "disproven"}
    assert read.open == []


def test_the_page_needs_nothing_else():
    read = Reader(page.render(run({"see": DEAD})))
    assert not read.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert not {"src", "href", "onclick"} & read.attributes.keys()
    assert "url(" not in page.STYLE
    assert "@import" not in page.STYLE


def test_failures_have_their_command():
    text = page.render(run({"see": DEAD}))
    assert "curl --max-time 3 http://192.0.2.12:30080/hostname" in text


def test_nothing_of_a_cluster_becomes_markup():
    report = run({"see": {"client1/node1/30081": {"answers": {HOSTILE: 3}, "course": [[HOSTILE, 3]],
                                                  "error": HOSTILE, "source": HOSTILE}}}, {"node1": {"mode": HOSTILE}})
    report["notes"].append(HOSTILE)
    text = page.render(report)
    assert "script" not in Reader(text).tags
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_two_hundred_services_fit():
    report = run({})
    report["cells"] = [{**cell, "id": f"{cell['id']}/{number}", "service": f"demo/web{number}"}
                       for number in range(200) for cell in report["cells"]]
    assert len(page.render(report).encode()) < 2_000_000


def test_comparison():
    before, now = run({"see": {"client1/node1/30080": {"answers": {}, "failures": 2}}}), run({"see": DEAD})
    now["cells"] = [cell for cell in now["cells"] if cell["client"] != "client2" or cell["node"] != "node1"]
    since = history.compare(before, now)
    assert since["better"] == ["client1 http://192.0.2.11:30080"]
    assert len(since["worse"]) == 4
    assert (since["added"], since["gone"], since["verdict"]) == (0, 2, "disproven")
    sentence = history.sentences(since)[0]
    assert "4 cells no longer proven: client1 http://192.0.2.12:30080" in sentence
    assert history.sentences(None) == []
    assert history.sentences(history.compare(now, now)) == [
        "since the earlier run (disproven): no cell changed its verdict"]
    assert all(cell["verdict"] == PROVEN for cell in run({})["cells"])
    now["since"] = since
    assert any("no longer proven" in line["text"] for line in table.render(now))
    assert "no longer proven" in page.render(now)


def test_load(tmp_path):
    file = tmp_path / "verify.json"
    assert history.load(str(file), named=False) is None
    file.write_text(json.dumps(run({})))
    assert history.load(str(file), named=True)["verdict"] == PROVEN
    file.write_text('{"cells": [{"id": "of an older version"}]}')
    assert history.load(str(file), named=False) is None
    with pytest.raises(FairleadError, match=r"service_verify_earlier=.*is no report of this project"):
        history.load(str(file), named=True)
