"""Parameters of modules, and what a kernel's configuration says of built-in ones."""
from __future__ import annotations

import zlib
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead import kernel_modules_config as config
from ansible.module_utils.fairlead import kernel_modules_parameters as parameters
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_observe import observe_kernel, parse_users

CASES = yaml.safe_load((Path(__file__).parent / "cases/kernel_modules/parameters.yml").read_text())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same(case):
    assert parameters.same(case["module"], case["name"], case["wanted"], case["found"]) is case["same"]


def test_parse():
    given = {"nf-conntrack": {"hashsize": 65536, "acct": True}, "ip_vs": {"conn-tab-bits": "20"}}
    assert parameters.parse(given) == {
        "nf_conntrack": {"hashsize": "65536", "acct": "Y"}, "ip_vs": {"conn_tab_bits": "20"}}


@pytest.mark.parametrize(("given", "words"), [
    ({"a": 1}, "as a dictionary"), ({"a": {}}, "as a dictionary"), ({"a": {"b": "1 c=2"}}, "without blanks"),
    ({"a": {"b": None}}, "without blanks"), ({"a": {"b c": 1}}, "not the name of a parameter"),
    ({"/x": {"b": 1}}, "name of a kernel"),
    ({"a": {"b": "1\nblacklist c"}}, "without blanks")])
def test_what_is_no_parameter(given, words):
    with pytest.raises(FairleadError, match=words):
        parameters.parse(given)


def test_the_file():
    assert parameters.file_text({}) is None
    lines = parameters.file_text({"b": {"y": "2", "x": "1"}, "a": {"z": "3"}}).splitlines()
    assert lines[2:] == ["options a z=3", "options b x=1 y=2"]


def test_observe(tmp_path):
    place = tmp_path / "sys/module/a/parameters"
    place.mkdir(parents=True)
    for name, mode in (("open", 0o644), ("closed", 0o444)):
        (place / name).write_text("5\n")
        (place / name).chmod(mode)
    names = {"a": ("open", "closed", "none"), "b": ("x",)}
    assert parameters.observe(["a", "b"], names, str(tmp_path)) == {"a": {
        "open": parameters.Found("5", True), "closed": parameters.Found("5", False),
        "none": parameters.Found(None, False)}}


def test_users():
    text = ("ip_vs 1 3 ip_vs_rr,xt_ipvs, Live 0x0\nxt_mark 1 0 - Live 0x0\nrcu 1 - - Live 0x0\n"
            "forced 1 1 [permanent], Live 0x0\n")
    assert parse_users(text) == {"ip_vs": (3, {"ip_vs_rr", "xt_ipvs"}), "xt_mark": (0, frozenset()),
                                 "forced": (1, {"[permanent]"})}


def test_a_kernel_that_only_its_configuration_speaks_for(tmp_path):
    """As in a virtual machine whose kernel has everything built in and no /lib/modules."""
    text = ("CONFIG_NF_CONNTRACK=y\nCONFIG_NETFILTER_XT_MATCH_RECENT=y\nCONFIG_IP_VS=m\n# CONFIG_DUMMY is not set\n"
            "CONFIG_NFT_NAT=y\n")
    (tmp_path / "proc").mkdir()
    packer = zlib.compressobj(wbits=31)
    (tmp_path / "proc/config.gz").write_bytes(packer.compress(text.encode()) + packer.flush())
    found = observe_kernel(["nf_conntrack", "xt_recent", "ip_vs", "dummy", "nft_chain_nat"], str(tmp_path), "9.9").found
    assert {name: module.state for name, module in found.items()} == {
        "nf_conntrack": "builtin", "xt_recent": "builtin", "ip_vs": "missing", "dummy": "missing",
        "nft_chain_nat": "builtin"}


def test_a_configuration_in_boot(tmp_path):
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/config-9.9").write_text("CONFIG_BRIDGE_NETFILTER=y\n")
    assert observe_kernel(["br_netfilter"], str(tmp_path), "9.9").found["br_netfilter"].state == "builtin"


@pytest.mark.parametrize(("name", "option"), [
    ("br_netfilter", "BRIDGE_NETFILTER"), ("xt_ipvs", "NETFILTER_XT_MATCH_IPVS"), ("ip_vs_lblcr", "IP_VS_LBLCR"),
    ("xt_MASQUERADE", "NETFILTER_XT_TARGET_MASQUERADE"), ("nft_fib_ipv6", "NFT_FIB_IPV6")])
def test_option(name, option):
    assert config.option(name) == option
