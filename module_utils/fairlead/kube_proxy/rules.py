"""What stands in a node's kernel of kube-proxy's: asked of the kernel, whatever kube-proxy says. Reads only; what is to
be removed is decided in leftovers.py.

The iptables programs exist twice, over nf_tables and over the legacy tables, and either may hold rules. Virtual servers
are read from /proc, since ipvsadm need not be there.
"""
from __future__ import annotations

import ipaddress
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kube_proxy import userspace

TABLE, DUMMY = "kube-proxy", "kube-ipvs0"
SECONDS = 60.0
IP_SET = "/sys/module/ip_set"
PROGRAMS = {
    ("IPv4", "nft"): "iptables-nft", ("IPv6", "nft"): "ip6tables-nft",
    ("IPv4", "legacy"): "iptables-legacy", ("IPv6", "legacy"): "ip6tables-legacy",
}
# The legacy programs load the legacy tables when they look at them: a table that is not there holds nothing.
LEGACY_NAMES = {"IPv4": "/proc/net/ip_tables_names", "IPv6": "/proc/net/ip6_tables_names"}
PROTOCOLS = ("TCP", "UDP", "SCTP")


@dataclass(frozen=True)
class Server:
    """An IPVS virtual server; address and port are "" and 0 for one by firewall mark."""

    protocol: str
    address: str
    port: int
    scheduler: str


@dataclass(frozen=True)
class Kernel:
    """What was found.

    saved: (family, backend) -> what iptables-save printed; nft: families with kube-proxy's table
    addresses: those on kube-ipvs0, None without that device; sets: names of all ipsets
    """

    saved: dict[tuple[str, str], str] = field(default_factory=dict)
    nft: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    addresses: tuple[str, ...] | None = None
    sets: tuple[str, ...] = ()


def observe(commands: Commands, which: Callable[[str], str | None] = shutil.which) -> Kernel:
    """A program that is not installed has written nothing."""
    saved = {}
    for (family, backend), program in PROGRAMS.items():
        if which(f"{program}-save") and (backend == "nft" or (read_text(LEGACY_NAMES[family]) or "").strip()):
            # On a kernel without the tables of its backend the program fails: then it has no rules there.
            saved[family, backend] = commands.run([f"{program}-save"], timeout=SECONDS).stdout
    tables = commands.run(["nft", "list", "tables"], timeout=SECONDS).stdout.splitlines() if which("nft") else []
    nft = [family for family, word in (("IPv4", "ip"), ("IPv6", "ip6")) if f"table {word} {TABLE}" in tables]
    # ipset would load the module in order to look; the module has parameters, so it shows here even when built in.
    sets = commands.run(["ipset", "list", "-name"]).stdout.split() if which("ipset") and os.path.isdir(IP_SET) else []
    ipvs = observe_ipvs(commands)
    return Kernel(saved, tuple(nft), ipvs.servers, ipvs.addresses, tuple(sorted(sets)))


def observe_ipvs(commands: Commands) -> Kernel:
    """IPVS alone, without the time that iptables-save takes."""
    shown = commands.run(["ip", "--json", "address", "show", "dev", DUMMY])
    return Kernel(servers=parse_servers(read_text("/proc/net/ip_vs") or ""),
                  addresses=parse_addresses(shown.stdout) if shown.ok else None)


def parse_addresses(shown: str) -> tuple[str, ...]:
    """What `ip --json address show dev` prints; link-local ones are the kernel's own."""
    infos = [info["local"] for link in json.loads(shown or "[]") for info in link.get("addr_info", [])]
    return tuple(sorted(local for local in infos if not ipaddress.ip_address(local).is_link_local))


def parse_servers(text: str) -> tuple[Server, ...]:
    """/proc/net/ip_vs: "TCP  0A600001:01BB rr", "TCP  [fd00:0096:...]:01BB rr" and "FWM  00000001 rr"."""
    found = []
    for row in (line.split() for line in text.splitlines()):
        if row and row[0] == "FWM":
            found.append(Server("FWM", "", 0, row[2]))
        elif row and row[0] in PROTOCOLS:
            host, _colon, port = row[1].rpartition(":")
            address = ipaddress.ip_address(host.strip("[]") if host.startswith("[") else int(host, 16))
            found.append(Server(row[0], str(address), int(port, 16), row[2]))
    return tuple(found)


def chains(saved: str) -> dict[str, list[str]]:
    """Table -> its chains, from iptables-save's text."""
    found: dict[str, list[str]] = {}
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            found.setdefault(table, []).append(line[1:].split(" ", 1)[0])
    return found


def present(kernel: Kernel) -> dict[str, bool]:
    """Which modes' rules stand there. ipvs mode uses a few iptables chains of its own beside the virtual servers, so
    only per-Service chains that a rule leads to count for iptables mode."""
    return {"iptables": any(map(has_service_chains, kernel.saved.values())),
            "userspace": any(map(userspace.has_rules, kernel.saved.values())),
            "ipvs": any(server.protocol in PROTOCOLS for server in kernel.servers), "nftables": bool(kernel.nft)}


def has_service_chains(saved: str) -> bool:
    """Whether iptables-save's output holds per-Service chains that a rule leads to."""
    return any(line.startswith("-A KUBE-SERVICES ") and " -j KUBE-SVC-" in line for line in saved.splitlines())
