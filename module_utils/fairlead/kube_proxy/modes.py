"""The modes of kube-proxy, and which releases have them.

Sources: kubernetes/enhancements keps/sig-network/5495 (ipvs), 3866 and 5343 (nftables); userspace was removed in 1.26.
Releases after 1.37 are upstream's plan.
"""
from __future__ import annotations

from ansible.module_utils.fairlead.errors import FairleadError

MODES = ("iptables", "ipvs", "nftables")
USERSPACE = "userspace"
USERSPACE_GONE, NFTABLES_SINCE = (1, 26), (1, 29)
IPVS_DEPRECATED, IPVS_OFF, IPVS_GONE, NFTABLES_DEFAULT = (1, 35), (1, 40), (1, 43), (1, 40)
IPVS_WARNING = ("ipvs mode is deprecated since Kubernetes 1.35; kube-proxy is planned to refuse to start in it from "
                "1.40 and to lose it in 1.43. Plan the change to nftables")
USERSPACE_WARNING = ("userspace mode copies every connection through kube-proxy's process, and ends with Kubernetes "
                     "1.25. Plan the change to iptables")


def release(version: str) -> tuple[int, int]:
    """"1.37.2" or "v1.37" -> (1, 37)."""
    parts = str(version).lstrip("v").split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError) as error:
        raise FairleadError("kube_proxy_kubernetes_version", "is not a release of Kubernetes", "write it like 1.37.2",
                            version) from error


def check(mode: str, version: str) -> list[str]:
    """Warnings for a mode in a release; raises when the release cannot run it."""
    of = release(version)
    if mode == USERSPACE and of >= USERSPACE_GONE:
        raise FairleadError("kube_proxy_mode", "was removed in Kubernetes 1.26", instead(mode, of), mode)
    if mode == "nftables" and of < NFTABLES_SINCE:
        raise FairleadError("kube_proxy_mode", f"does not exist in Kubernetes {version}, only from 1.29 on",
                            f"{instead(mode, of)}, or upgrade", mode)
    if mode == "ipvs" and of >= IPVS_OFF:
        raise FairleadError("kube_proxy_mode", f"is refused by kube-proxy {version} (off by default from 1.40)",
                            instead(mode, of), mode)
    if mode == USERSPACE:
        return [USERSPACE_WARNING]
    return [IPVS_WARNING] if mode == "ipvs" and of >= IPVS_DEPRECATED else []


def check_systemd_only(mode: str) -> None:
    """Raises for a mode that runs under systemd alone."""
    if mode == USERSPACE:
        raise FairleadError("kube_proxy_mode", "is taken under systemd only",
                            "write iptables, or set kube_proxy_deployment: systemd", mode)


def instead(mode: str, of: tuple[int, int]) -> str:
    """What to write where a release cannot run a mode."""
    if mode == "nftables" or of < NFTABLES_SINCE:
        return "write iptables"
    return "write nftables or iptables" if mode == USERSPACE else "write nftables"
