"""Keys, values and how they compare."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.sysctl_settings import (
    Setting,
    key_path,
    parse,
    parse_value,
    path_key,
    satisfied,
    wanted_value,
)

CASES = Path(__file__).parent / "cases/sysctl"


def cases(name: str):
    return yaml.safe_load((CASES / name).read_text())


@pytest.mark.parametrize("case", cases("keys.yml"), ids=lambda case: case["key"])
def test_key(case):
    if "error" in case:
        with pytest.raises(ValueError, match=case["error"]):
            key_path(case["key"])
        return
    assert key_path(case["key"]) == case["path"]
    assert path_key(case["path"]) == case.get("file", case["key"] if "file" in case else path_key(case["path"]))
    assert key_path(path_key(case["path"])) == case["path"]


@pytest.mark.parametrize("case", cases("values.yml"), ids=lambda case: repr(case["value"]))
def test_value(case):
    if "error" in case:
        with pytest.raises(ValueError, match=case["error"]):
            parse_value(case["value"])
        return
    assert parse_value(case["value"]) == (case["text"], case.get("compare", "exact"), case.get("late", False))


@pytest.mark.parametrize("case", cases("compare.yml"), ids=str)
def test_compare(case):
    setting = Setting("net/x", case["value"], case.get("compare", "exact"))
    assert satisfied(setting, case["live"]) is case["as_asked"]
    if not case["as_asked"]:
        assert wanted_value(setting, case["live"]) == case["write"]


def test_all_problems_are_reported_at_once():
    parsed = parse({"net.ipv4.ip_forward": True, "nonsense": 1, "net.core.somaxconn": 1})
    assert [setting.key for setting in parsed.settings] == ["net.core.somaxconn"]
    assert parsed.problems == (
        "net.ipv4.ip_forward: true is a boolean, which no key takes (write 1)",
        "nonsense: not a full name (write it whole, such as net.ipv4.ip_forward)")


def test_two_spellings_of_one_key():
    parsed = parse({"net.ipv4.ip_forward": 1, "net/ipv4/ip_forward": 0})
    assert parsed.problems == ("net/ipv4/ip_forward: is the same key as net.ipv4.ip_forward (keep one of them)",)


def test_keys_that_change_others_come_first():
    parsed = parse({"net.ipv4.conf.all.accept_redirects": 0, "net.ipv6.conf.all.forwarding": 1,
                    "net.ipv4.ip_forward": 1, "kernel.pid_max": 1})
    assert [setting.key for setting in parsed.settings] == [
        "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "kernel.pid_max",
        "net.ipv4.conf.all.accept_redirects"]
