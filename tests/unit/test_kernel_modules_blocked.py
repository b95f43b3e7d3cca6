"""What stands in the way of loading a module."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.conf_dirs import read_conf_dirs
from ansible.module_utils.fairlead.kernel_modules_blocked import Option, parse_rules, why_blocked, why_not_at_boot

CASES = yaml.safe_load((Path(__file__).parent / "cases/kernel_modules/modprobe.yml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_rules(tmp_path, case):
    for name, lines in case.get("files", {}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("\n".join(lines))
    rules = parse_rules(read_conf_dirs("modprobe.d", str(tmp_path)), case.get("cmdline", ""), case.get("status", ""))
    for why, words in ((why_blocked(case["ask"], rules, case.get("locked", False)), case.get("now")),
                       (why_not_at_boot(case["ask"], rules), case.get("boot"))):
        assert why is None if words is None else words in why


def test_options_of_the_last_file_count(tmp_path):
    (tmp_path / "etc/modprobe.d").mkdir(parents=True)
    (tmp_path / "etc/modprobe.d/a.conf").write_text("options nf_conntrack hashsize=1 acct=1\n")
    (tmp_path / "etc/modprobe.d/b.conf").write_text("\noptions nf-conntrack hashsize=2\n")
    rules = parse_rules(read_conf_dirs("modprobe.d", str(tmp_path)), "nf_conntrack.hashsize=3 quiet")
    assert rules.options == {"nf_conntrack": {"hashsize": Option("/etc/modprobe.d/b.conf:2", "2"),
                                              "acct": Option("/etc/modprobe.d/a.conf:1", "1")}}
    assert rules.cmdline["nf_conntrack.hashsize"] == "3"
