"""The kernel's own list of what was built in: its configuration, for kernels that come without /lib/modules and for
modules without parameters, which no other file names there.

Source: the Kconfig and Makefiles of Linux 6.12 under net/ and drivers/net.
"""
from __future__ import annotations

import os
import zlib

from ansible.module_utils.fairlead.files import read_text

# Module to option, where it is not just NAME in capitals.
OPTIONS = {
    "br_netfilter": "BRIDGE_NETFILTER",
    "ip6t_REJECT": "IP6_NF_TARGET_REJECT",
    "ipt_REJECT": "IP_NF_TARGET_REJECT",
    "nf_conntrack_netlink": "NF_CT_NETLINK",
    "nft_chain_nat": "NFT_NAT",
    "xt_MASQUERADE": "NETFILTER_XT_TARGET_MASQUERADE",
    "xt_mark": "NETFILTER_XT_MARK",
    "xt_nat": "NETFILTER_XT_NAT",
    "xt_set": "NETFILTER_XT_SET",
    "xt_tcpudp": "NETFILTER_XTABLES",
}
_GZIP = 31  # zlib's number for a stream with gzip's header
_MATCH = "NETFILTER_XT_MATCH_"


def option(name: str) -> str:
    """CONFIG_ without the prefix: xt_recent is NETFILTER_XT_MATCH_RECENT, ip_vs is IP_VS."""
    return OPTIONS.get(name) or (_MATCH + name[3:].upper() if name.startswith("xt_") else name.upper())


def builtin(names: list[str], text: str) -> set[str]:
    """Those of the names that this configuration builds in."""
    lines = set(text.splitlines())
    return {name for name in names if f"CONFIG_{option(name)}=y" in lines}


def read_config(root: str, release: str) -> str:
    """The running kernel's configuration, or "" when it keeps it to itself."""
    try:
        with open(os.path.join(root, "proc/config.gz"), "rb") as stream:
            return zlib.decompress(stream.read(), _GZIP).decode(errors="replace")
    except (OSError, zlib.error):
        return read_text(os.path.join(root, "boot", f"config-{release}")) or ""
