"""What else on a node decides whether a mode of kube-proxy works there: firewalls, mixed iptables, servers of others,
the connection table. An observer that reads only, and pure rules. Each line says what to do.

In iptables and ipvs mode kube-proxy accepts Service traffic in the FORWARD chain; in nftables mode it cannot, since an
accept in one table does not stop a drop in a later one (KEP-3866).
"""
from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kube_proxy import leftovers, measured, rules
from ansible.module_utils.fairlead.kube_proxy.inspect_node import node_addresses

FIREWALLS = ("firewalld", "ufw")
FULL = 0.7  # of the connection table; a change of mode adds entries for a while
_POLICY = re.compile(r"^:FORWARD (DROP|REJECT)", re.MULTILINE)
_KUBERNETES = re.compile(r"^:(KUBE-[A-Z-]+) ", re.MULTILINE)
# Their own chains at hooks where Service traffic passes; those of kube-proxy and of iptables are judged elsewhere.
_HOOKS = ("forward", "prerouting", "postrouting")


@dataclass(frozen=True)
class Surroundings:
    """What was found.

    kernel: as rules.observe() finds it; local: addresses of the node
    drops:  "family table chain" of nft chains whose policy is drop; active: firewall services that run
    connections, limit: of the connection table, 0 when unknown
    """

    kernel: rules.Kernel
    local: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    connections: int = 0
    limit: int = 0


def observe(commands: Commands, root: str = "/", which: Callable[[str], str | None] = shutil.which) -> Surroundings:
    chains = commands.run(["nft", "--json", "list", "chains"], timeout=rules.SECONDS).stdout if which("nft") else ""
    active = [name for name in FIREWALLS if which("systemctl")
              and commands.run(["systemctl", "is-active", "--quiet", f"{name}.service"]).ok]
    return Surroundings(rules.observe(commands, which), node_addresses(commands), dropping(chains), tuple(active),
                        _number(root, "nf_conntrack_count"), _number(root, "nf_conntrack_max"))


def dropping(listed: str) -> tuple[str, ...]:
    """Chains of `nft --json list chains` that drop what no rule accepts, at hooks where Service traffic passes.

    iptables keeps its own in tables named filter, nat and so on of the families ip and ip6.
    """
    try:
        items = json.loads(listed)["nftables"] if listed else []
    except (ValueError, KeyError):
        return ()
    chains = [item["chain"] for item in items if "chain" in item]
    return tuple(f"{chain['family']} {chain['table']} {chain['name']}" for chain in chains
                 if chain.get("policy") == "drop" and chain.get("hook") in _HOOKS
                 and not (chain["family"] in ("ip", "ip6") and chain["table"] in ("filter", "mangle", "nat", "raw")))


def judge(mode: str, seen: Surroundings) -> Iterator[tuple[str, str]]:
    """(subject, what is wrong and what to do) of everything that deserves a warning."""
    yield from _firewalls(mode, seen)
    split = backends(seen.kernel.saved)
    if split:
        yield "iptables", (f"Kubernetes' chains stand in both backends ({'; '.join(split)}): translations of both "
        "count; use one backend for kubelet, kube-proxy and the CNI plugin")
    others = leftovers.foreign(seen.kernel, seen.local)
    if others:
        named = ", ".join(f"{one.protocol} {one.address}:{one.port}" for one in others[:4])
        loss = ("kube-proxy flushes them when it starts in nftables mode; move them off this node"
                if mode == "nftables" else "a later change to nftables mode flushes them; plan for it")
        yield "virtual servers", f"{named} {'is' if len(others) == 1 else 'are'} not kube-proxy's: {loss}"
    if seen.limit and seen.connections > FULL * seen.limit:
        yield "connection table", (f"{seen.connections} of {seen.limit} entries are used: new connections are "
        "dropped when it is full; raise the limit before a change of mode")


def _firewalls(mode: str, seen: Surroundings) -> Iterator[tuple[str, str]]:
    if seen.active:
        yield "firewall", (f"{' and '.join(seen.active)} runs: it must let pass the pod and Service ranges and the "
        "node ports, and its reload must not remove kube-proxy's rules")
    policies = [f"{family} {backend}" for (family, backend), saved in seen.kernel.saved.items()
                if _POLICY.search(saved)]
    if policies and mode == "nftables":
        yield "FORWARD policy", (f"{', '.join(policies)}: traffic to pods is dropped, and nftables mode cannot "
        "accept it there; set the policy to ACCEPT, or accept the pod range")
    if seen.drops:
        yield "nftables chains", (f"{', '.join(seen.drops)}: what no rule of them accepts is dropped, whatever "
        "kube-proxy says; accept the pod and Service ranges there")


def backends(saved: dict[tuple[str, str], str]) -> list[str]:
    """Families whose Kubernetes chains stand in both backends, with how many in each."""
    found = []
    for family in ("IPv4", "IPv6"):
        count = {backend: len(set(_KUBERNETES.findall(saved.get((family, backend), "")))) for backend in ("nft",
        "legacy")}
        if all(count.values()):
            found.append(f"{family}: {count['nft']} in nft, {count['legacy']} in legacy")
    return found


def recommended(unfit: dict[str, str], kubernetes: tuple[int, ...], services: int = 0) -> tuple[str, str]:
    """(mode, why). unfit: mode -> the reason for which this node cannot run it; services: of the cluster, 0 unknown."""
    if "nftables" not in unfit and (not kubernetes or kubernetes >= (1, 33)):
        return "nftables", ("upstream's successor of both others, stable since 1.33 and planned as the default of "
        f"1.40; {measured.cite(services, 'nftables', 'iptables')}")
    why = unfit.get("nftables") or "nftables mode is stable from 1.33 on only"
    return "iptables", f"{why}; ipvs is deprecated since 1.35 and planned to be off in 1.40"


def _number(root: str, name: str) -> int:
    text = (read_text(os.path.join(root, "proc/sys/net/netfilter", name)) or "").strip()
    return int(text) if text.isdecimal() else 0
