"""What a key goes back to."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead import sysctl_journal as journal
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.sysctl_journal import Entry
from ansible.module_utils.fairlead.sysctl_settings import Setting

CASES = yaml.safe_load((Path(__file__).parent / "cases/sysctl/earlier.yml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_earlier_value(case):
    entry = Entry(case["before"], case.get("boot_before"), case["asked"], case.get("compare", "exact"))
    assert journal.earlier_value("net/x", entry, case["live"], case.get("boot")) == case["back"]


def test_the_text_reads_back_and_nothing_is_no_file():
    entries = {"net/x": Entry("1", None, "2", "exact", {"net/y": "0"}), "net/a": Entry(None, "5", "6", "at_least")}
    text = journal.render(entries)
    assert journal.parse(text) == entries
    assert text.splitlines()[1].startswith('  "net/a"')
    assert journal.render({}) is None
    assert journal.parse(None) == {}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 2, "keys": {}}',
                                  '{"version": 1, "keys": {"a": {"x": 1}}}', '{"version": 1, "keys": []}'])
def test_what_is_no_journal(text):
    with pytest.raises(FairleadError, match="not a journal"):
        journal.parse(text)


def begun(asked: str, compare: str, new: str) -> Entry:
    return journal.begun(Entry("1", None, asked, compare), Setting("net/x", new, compare), "9", "8", {})


def test_an_entry_is_made_once():
    assert begun("5", "exact", "6") == Entry("1", None, "6", "exact")


def test_an_entry_holds_all_that_may_be_in_the_kernel_because_of_us():
    assert begun("80-90", "includes", "100").asked == "80-90,100"
    assert begun("500", "at_least", "300").asked == "500"
    assert begun("500", "at_least", "700").asked == "700"
    assert begun("30", "at_most", "60").asked == "30"
    settled = journal.settled(begun("80-90", "includes", "100"), Setting("net/x", "100", "includes"))
    assert settled.asked == "100"
