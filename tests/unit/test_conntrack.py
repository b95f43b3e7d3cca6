"""The connection table: size, settings, cost and owner."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead import conntrack
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.sysctl_settings import key_path

CASES = Path(__file__).parent / "cases/conntrack"
SLAB = "nf_conntrack_expect 0 0 208 19 1 : tunables 0 0 0\nnf_conntrack   512   544    256   16    1 : tunables\n"


@pytest.mark.parametrize("case", yaml.safe_load((CASES / "sizes.yml").read_text()), ids=str)
def test_size(case):
    numbers = case["cores"], case.get("per_core", 32768), case.get("min", 131072)
    assert conntrack.kube_proxy_max(case["version"], *numbers) == case["max"]


@pytest.mark.parametrize("case", yaml.safe_load((CASES / "owners.yml").read_text()), ids=str)
def test_owner(case):
    said = conntrack.doubly_owned(case["owner"], {key_path(key) for key in case["settings"]}, case["block"])
    assert len(said) == len(case["both"])
    for word, sentence in zip(case["both"], said):
        assert word in sentence


def wanted(cores: int = 2, **options) -> dict[str, tuple[str, str]]:
    tree = "net/netfilter/nf_conntrack_"
    return {setting.path.removeprefix(tree): (setting.value, setting.compare)
            for setting in conntrack.settings(conntrack.wish({"kubernetes_version": "1.37.2", **options}), cores)}


def test_settings_as_kube_proxy_computes_them_are_floors():
    assert wanted() == {"max": ("131072", "at_least"), "buckets": ("32768", "at_least"),
                        "tcp_timeout_established": ("86400", "exact"), "tcp_timeout_close_wait": ("3600", "exact")}


def test_settings_that_were_given_are_exact_and_rounded_as_the_kernel_does():
    assert wanted(max=500_000, buckets=100_000, udp=20, udp_stream=90, tcp_be_liberal=True, tcp_close_wait=0) == {
        "max": ("500000", "exact"), "buckets": ("100352", "exact"), "tcp_timeout_established": ("86400", "exact"),
        "udp_timeout": ("20", "exact"), "udp_timeout_stream": ("90", "exact"), "tcp_be_liberal": ("1", "exact")}


def test_no_size_leaves_the_table_alone():
    assert set(wanted(max_per_core=0)) == {"tcp_timeout_established", "tcp_timeout_close_wait"}


@pytest.mark.parametrize(("options", "words"), [
    ({"max": -1}, r"conntrack\.max=-1"), ({"max": 2**31}, r"conntrack\.max"), ({"udp": -5}, r"conntrack\.udp"),
    ({"max": 1000, "buckets": 2000}, r"conntrack\.buckets=2000.*above max=1000")])
def test_numbers_that_no_table_has(options, words):
    with pytest.raises(FairleadError, match=words):
        conntrack.wish(options)


def test_a_version_that_is_none():
    with pytest.raises(FairleadError, match="kube_proxy_kubernetes_version"):
        conntrack.kube_proxy_max("latest", 64)


@pytest.mark.parametrize(("gib", "size"), [(0.5, "4096"), (1, "8192"), (1.5, "65536"), (4, "65536"), (4.1, "262144")])
def test_first_values(gib, size):
    first = conntrack.initial(int(gib * 2**30))
    assert (first[conntrack.MAX], first[conntrack.BUCKETS]) == (size, size)


def test_memory():
    assert conntrack.parse_slab(SLAB) == 256
    assert conntrack.parse_slab("") is None
    assert conntrack.memory_mib(131072, 32768) == 48.2
    assert conntrack.memory_mib(1048576, 262144, 320) == 450.0


@pytest.mark.parametrize(("text", "cores"), [("0\n", 1), ("0-3", 4), ("0-3,8-11", 8), ("0,2,4-5", 4)])
def test_cores(text, cores):
    assert conntrack.parse_cpus(text) == cores


def test_the_size_by_kube_proxys_block():
    assert conntrack.size_by_block("1.37.2", 8, {}) == 262144
    assert conntrack.size_by_block("1.37.2", 8, {"maxPerCore": 0}) == 0
    assert conntrack.size_by_block("1.37.2", 8, {"maxPerCore": None, "min": 500000}) == 500000
    assert conntrack.block_of({"conntrack": [1]}) == {}
