"""The kind of rule that was refused is named, from what the programs say (recorded from nft 1.1.3, iptables 1.8.11)."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.command import Commands, Result
from ansible.module_utils.fairlead.kube_proxy import features

NFT = "/dev/stdin:3:1-70: Error: Could not process rule: No such file or directory\nadd chain ip fairlead-probe\n^^^^\n"
RESTORE = "iptables-restore v1.8.11 (nf_tables): \nline 5: RULE_APPEND failed (No such file or directory): rule in\n"
MATCH = "iptables-restore v1.8.11 (nf_tables): Couldn't load match `statistic':No such file or directory\n\n" \
        "Error occurred at line: 5\n"


class Programs(Commands):
    """Says this of programs whose name begins so; all others succeed."""

    def __init__(self, program="", said=""):
        self.program, self.said, self.inputs = program, said, []

    def run(self, argv, timeout=30.0, stdin=None):
        assert tuple(argv[:3]) == features.ALONE  # never in the node's own network
        self.inputs.append((argv[3], stdin))
        return Result(1, "", self.said) if argv[3] == self.program else Result(0, "", "")


@pytest.mark.parametrize(("mode", "program", "said", "parts"), [
    ("nftables", "nft", NFT, ["nft cannot load nat chains", "family ip", "Could not process rule"]),
    ("iptables", "iptables-restore", MATCH, ["cannot load statistic", "Couldn't load match"]),
    ("iptables", "ip6tables-restore", RESTORE, ["ip6tables-restore cannot load statistic", "RULE_APPEND failed"]),
    ("ipvs", "iptables-restore", MATCH, ["cannot load statistic"]),
    ("nftables", "nft", "Segmentation fault", ["cannot load a rule", "Segmentation fault"]),
])
def test_the_refused_kind_is_named(mode, program, said, parts):
    fault = features.probe(mode, Programs(program, said), measure=True).fault
    for part in parts:
        assert part in fault


def test_nothing_is_measured_unless_asked():
    programs = Programs()
    assert features.probe("nftables", programs, measure=False) == features.Probe()
    assert len(programs.inputs) == 1
    probed = features.probe("nftables", programs, measure=True)
    assert probed.seconds > 0
    assert programs.inputs[-1][1].count("add element") == features.SAMPLE


def test_the_estimate_grows_with_what_is_written():
    probed = features.Probe(seconds=0.001)
    assert features.first_sync("iptables", probed, 0, 0) == features.START
    assert features.first_sync("nftables", probed, 1000, 2000) - features.START == pytest.approx(
        features.FACTOR["nftables"])
