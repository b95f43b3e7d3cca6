"""Which steps lead from what runs to what is asked."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import unit
from ansible.module_utils.fairlead.kube_proxy.ask import Answer
from ansible.module_utils.fairlead.kube_proxy.service import Desired, Observed, plan


def desired(**changes):
    return Desired(**{"mode": "nftables", "node": "node1", "config_path": "/etc/kubernetes/kube-proxy.yaml",
                      "config": "new", "unit": "unit", "mode_change": "refuse", "timeout": 1.0,
                      "families": ("IPv4",), **changes})


def observed(mode=None, **changes):
    return Observed(**{"config": "new", "unit": "unit", "active": bool(mode), "enabled": True, "reload_needed": False,
                       "answer": Answer(mode, bool(mode)), **changes})


@pytest.mark.parametrize(("have", "actions"), [
    (observed(None, config=None, unit=None, enabled=False), ["write", "write", "reload", "enable", "start"]),
    (observed(None), ["start"]),
    (observed("nftables"), []),
    (observed("nftables", config="old"), ["write", "restart"]),
    (observed("nftables", unit="old"), ["write", "reload", "restart"]),
    (observed("nftables", enabled=False), ["enable", "restart"]),
    (observed("nftables", reload_needed=True), ["reload", "restart"]),
    (observed(None, active=True), []),  # still starting: leave it alone
])
def test_steps(have, actions):
    assert [step.action for step in plan(desired(), have).steps] == actions


def test_a_node_in_another_mode_is_left_as_it_is_even_when_its_files_differ():
    planned = plan(desired(), observed("iptables", config="old"))
    assert not planned.changed
    assert "node1" in planned.warnings[0]
    assert "iptables" in planned.warnings[0]
    assert "nftables" in planned.warnings[0]


def test_restart_accepts_the_outage():
    planned = plan(desired(mode_change="restart"), observed("iptables", config="old"))
    assert [step.action for step in planned.steps] == ["write", "restart"]


def test_a_proxy_that_is_not_ours_is_named():
    with pytest.raises(FairleadError, match=f"not {unit.NAME}"):
        plan(desired(), observed("iptables", active=False))
