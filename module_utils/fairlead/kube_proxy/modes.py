"""The modes of kube-proxy, and which releases have them.

Sources: kubernetes/enhancements keps/sig-network/5495 (ipvs), 3866 (nftables); userspace was removed in 1.26.
"""
from __future__ import annotations

from ansible.module_utils.fairlead.errors import FairleadError

MODES = ("iptables", "ipvs", "nftables")
IPVS_WARNING = ("ipvs mode is deprecated since Kubernetes 1.35; kube-proxy is planned to refuse to start in it from "
                "1.40 and to lose it in 1.43. Plan the change to nftables")


def release(version: str) -> tuple[int, int]:
    """"1.37.2" or "v1.37" -> (1, 37)."""
    parts = version.lstrip("v").split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError) as error:
        raise FairleadError("kube_proxy_kubernetes_version", "is not a release of Kubernetes", "write it like 1.37.2",
                            version) from error


def check(mode: str, version: str) -> list[str]:
    """Warnings for a mode in a release; raises when the release cannot run it."""
    if mode == "userspace":
        raise FairleadError("kube_proxy_mode", "was removed in Kubernetes 1.26", "write nftables or iptables", mode)
    if mode == "nftables" and release(version) < (1, 29):
        raise FairleadError("kube_proxy_mode", f"does not exist in Kubernetes {version}, only from 1.29 on",
                            "write iptables, or upgrade", mode)
    if mode == "ipvs" and release(version) >= (1, 40):
        raise FairleadError("kube_proxy_mode", f"is refused by kube-proxy {version} (off by default from 1.40)",
                            "write nftables", mode)
    return [IPVS_WARNING] if mode == "ipvs" and release(version) >= (1, 35) else []
