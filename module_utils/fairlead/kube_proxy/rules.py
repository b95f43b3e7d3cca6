"""Which modes' rules stand in a node's kernel: asked of the kernel, whatever kube-proxy says.

kubelet's own chains (KUBE-KUBELET-CANARY, KUBE-IPTABLES-HINT, KUBE-FIREWALL) are in every node and no mode's. ipvs mode
uses a few iptables chains of its own beside the virtual servers, so only per-Service chains count for iptables mode.
"""
from __future__ import annotations

import shutil

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.files import read_text


def present(commands: Commands) -> dict[str, bool]:
    """{"iptables": ..., "ipvs": ..., "nftables": ...}; a tool that is not installed has written no rules."""
    nat = commands.run(["iptables-save", "-t", "nat"]).stdout if shutil.which("iptables-save") else ""
    servers = (read_text("/proc/net/ip_vs") or "").splitlines()
    return {
        "iptables": has_service_chains(nat),
        "ipvs": any(line.startswith(("TCP", "UDP", "SCTP")) for line in servers),
        "nftables": bool(shutil.which("nft")) and commands.run(["nft", "list", "table", "ip", "kube-proxy"]).ok,
    }


def has_service_chains(saved: str) -> bool:
    """Whether iptables-save's output holds per-Service chains that a rule leads to."""
    return any(line.startswith("-A KUBE-SERVICES ") and " -j KUBE-SVC-" in line for line in saved.splitlines())
