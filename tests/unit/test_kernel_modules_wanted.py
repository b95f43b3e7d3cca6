"""Which modules a mode needs."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_wanted import BY_MODE, EVERY_MODE, MODES, SCHEDULERS, wanted

CASES = yaml.safe_load((Path(__file__).parent / "cases/kernel_modules/wanted.yml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_wanted(case):
    def names():
        return wanted(case["mode"], case.get("scheduler", "rr"), case.get("extra", []))

    if "error" in case:
        with pytest.raises(FairleadError, match=case["error"]):
            names()
        return
    assert set(case["has"]) <= set(names())
    assert not set(case.get("hasnot", [])) & set(names())
    assert list(names()) == sorted(set(names()))


def test_only_the_ipvs_list_holds_ipvs():
    assert set(BY_MODE) == set(MODES)
    for names in (EVERY_MODE, BY_MODE["iptables"], BY_MODE["nftables"]):
        assert not [name for name in names if name.startswith("ip_vs") or name == "xt_ipvs"]


@pytest.mark.parametrize("mode", MODES)
def test_a_stock_kernel_has_every_module(mode):
    stock = yaml.safe_load((Path(__file__).parent / "cases/kernel_modules/debian13.yml").read_text())["names"]
    for scheduler in SCHEDULERS:
        assert set(wanted(mode, scheduler, [])) <= set(stock)
