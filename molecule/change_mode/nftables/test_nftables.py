"""node1 serves in nftables mode, with nothing left of the change; asked of kernel, kube-proxy and network."""
from __future__ import annotations

import json

from lab_modes import MODES, rules, traces
from lab_tools import ROOT, Lab

LAB, NODE, MODE = Lab(), "node1", "nftables"


def test_it_serves_in_this_mode_alone():
    assert LAB.machine(NODE).check_output("curl -s 127.0.0.1:10249/proxyMode") == MODE
    assert rules(LAB, NODE) == {name: name == MODE for name in MODES}
    assert traces(LAB, NODE) == {name: name == MODE for name in MODES}


def test_nothing_of_the_change_is_left():
    machine = LAB.machine(NODE)
    assert "fairlead" not in machine.check_output("nft list tables")
    assert "fairlead" not in machine.check_output("ip -brief link")


def test_every_client_reaches_every_pod():
    for client in LAB.clients:
        for family in (4, 6):
            assert set(LAB.pods_answering(client, NODE, 30080, 45, family)) == LAB.pods()


def test_the_probes_lost_nothing():
    report = json.loads((ROOT / "build" / f"change-{NODE}.json").read_text(encoding="utf-8"))
    assert report["to"] == MODE
    assert len(report["probes"]) == len(LAB.clients)
    for probe in report["probes"]:
        seen = probe["summary"]
        assert seen["new"] > 20
        assert seen["established"] == 2
        assert (seen["failed"], seen["broken"]) == (0, 0), (probe["client"], seen)
        if MODE != "ipvs":  # nobody but IPVS can write its templates
            assert seen["moved"] == 0, (probe["client"], seen)
