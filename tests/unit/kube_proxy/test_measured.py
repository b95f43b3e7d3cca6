"""The figures that preflight cites are of the measured size that comes nearest, and of both modes."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.kube_proxy import measured
from ansible.module_utils.fairlead.kube_proxy.measured import Figures
from ansible.module_utils.fairlead.kube_proxy.surroundings import recommended


@pytest.fixture
def figures(monkeypatch):
    monkeypatch.setattr(measured, "FIGURES", {
        10: {"iptables": Figures(0.1, 100, 0.01, 1), "nftables": Figures(0.2, 200, 0.02, 1)},
        1000: {"iptables": Figures(1.1, 90, 0.51, 9), "nftables": Figures(0.22, 210, 0.03, 2)}})


@pytest.mark.parametrize(("services", "size"), [(1, 10), (400, 10), (600, 1000), (50_000, 1000), (0, 1000)])
def test_the_size_that_comes_nearest(figures, services, size):
    assert f"measured at {size:,} Services" in measured.cite(services, "nftables", "iptables")


def test_both_modes_are_set_against_each_other(figures):
    assert "first packet 0.22 ms, in iptables mode 1.1 ms; one more Service 0.03 s, in iptables mode 0.51 s" in (
        measured.cite(1000, "nftables", "iptables"))
    assert not measured.cite(1000, "nftables", "ipvs")


def test_the_recommendation_cites_them():
    assert "measured at 1,000 Services" in recommended({}, (1, 37), 900)[1]
