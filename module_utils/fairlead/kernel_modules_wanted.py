"""Which kernel modules a node needs for a mode of kube-proxy: tables and the pure function that reads them.

The lists follow the rules that kube-proxy 1.37 writes (pkg/proxy/{iptables,ipvs,nftables}/proxier.go), and
every name is one of a stock 6.12 kernel; userspace mode's are those of 1.20. Two things are left out on purpose:

* The legacy tables (ip_tables, iptable_nat, iptable_filter and their IPv6 twins). Debian and RHEL have made
  iptables a front end of nf_tables, which reaches matches and targets (xt_*) through nft_compat. Loading the
  legacy tables next to it gives a second, empty rule set and a warning in every iptables-save. A node that
  really uses iptables-legacy loads them itself on first use, or names them in `extra`.
* xt_nfacct and nfnetlink_acct: kube-proxy counts with them where they exist and does without where they do
  not.

No list holds a module that would answer for another mode: ip_vs stands in the ipvs list only.
"""
from __future__ import annotations

import re
from collections.abc import Iterable

from ansible.module_utils.fairlead.errors import FairleadError

MODES = ("iptables", "ipvs", "nftables", "userspace")

# ip_vs_<scheduler>; what kube-proxy takes for ipvs.scheduler and a 6.12 kernel carries.
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "sed", "nq", "mh")

EVERY_MODE = (
    "br_netfilter",  # else answers between two pods on one bridge go past conntrack, untranslated
    "nf_conntrack",  # every mode translates addresses by it; brings net.netfilter.nf_conntrack_*
    "nf_conntrack_netlink",  # kube-proxy deletes stale UDP entries through netlink
)

# These modes write rules with the iptables programs.
_IPTABLES_PROGRAMS = (
    "nf_tables",
    "nft_chain_nat",  # the nat chains
    "nft_compat",  # lets nf_tables call xt_* matches and targets
    "xt_MASQUERADE",
    "xt_addrtype",  # --dst-type LOCAL: is it an address of this node?
    "xt_comment",
    "xt_conntrack",
    "xt_mark",  # the match and the MARK target
)

BY_MODE = {
    "iptables": (
        *_IPTABLES_PROGRAMS,
        "ip6t_REJECT",  # Services without endpoints
        "ipt_REJECT",
        "xt_nat",  # DNAT
        "xt_recent",  # session affinity
        "xt_statistic",  # random choice of the endpoint
        "xt_tcpudp",
    ),
    "userspace": (  # up to Kubernetes 1.25
        *_IPTABLES_PROGRAMS,
        "xt_REDIRECT",  # to the port on which kube-proxy itself listens
        "xt_nat",
        "xt_state",
        "xt_tcpudp",
    ),
    "ipvs": (
        *_IPTABLES_PROGRAMS,
        "dummy",  # kube-ipvs0, which carries the Service addresses
        "ip_set",
        "ip_set_bitmap_port",  # the set types kube-proxy creates
        "ip_set_hash_ip",
        "ip_set_hash_ipport",
        "ip_set_hash_ipportip",
        "ip_set_hash_ipportnet",
        "ip_vs",
        "ip_vs_rr",  # kube-proxy's default; wrr and sh are the ones its documentation asks for next to it
        "ip_vs_sh",
        "ip_vs_wrr",
        "xt_ipvs",
        "xt_physdev",  # keeps bridged packets out of masquerading
        "xt_set",
    ),
    "nftables": (
        "nf_tables",
        "nft_chain_nat",
        "nft_ct",
        "nft_fib_ipv4",  # fib daddr type local: the NodePorts
        "nft_fib_ipv6",
        "nft_masq",
        "nft_nat",  # dnat
        "nft_numgen",  # random choice of the endpoint
        "nft_reject_ipv4",  # Services without endpoints
        "nft_reject_ipv6",
    ),
}

_NAME = re.compile(r"[A-Za-z0-9_-]{1,55}")  # the kernel keeps 56 bytes for a name


def normalise(name: str) -> str:
    """The kernel's own spelling: '-' and '_' are one character to it."""
    return name.replace("-", "_")


def check_names(names: Iterable[str], field: str) -> None:
    """Raises FairleadError for what cannot be the name of a module; field: where the user wrote it."""
    wrong = [name for name in names if not _NAME.fullmatch(str(name))]
    if wrong:
        raise FairleadError(field, "not the name of a kernel module",
                            "write bare names such as ip_vs_ovf, without path and .ko", wrong)


def wanted(mode: str, scheduler: str, extra: Iterable[str]) -> tuple[str, ...]:
    """The sorted names of all modules that a node in this mode needs."""
    extra = list(extra)
    check_names(extra, "extra")
    names = {*EVERY_MODE, *BY_MODE[mode], *map(normalise, extra)}
    if mode == "ipvs":
        names.add(f"ip_vs_{scheduler}")
    return tuple(sorted(names))
