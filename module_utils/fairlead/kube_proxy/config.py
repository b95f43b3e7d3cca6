"""The configuration file of kube-proxy: KubeProxyConfiguration, kubeproxy.config.k8s.io/v1alpha1.

kube-proxy decodes it strictly first and, when that fails, leniently with a log line: a misspelt field is then silently
without effect. So unknown fields are refused here. The text is JSON under a comment, which is YAML: nodes need no YAML
library, and the same input gives the same bytes.
"""
from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead import conntrack
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import OWNER_LINE

# Top-level fields of v1alpha1 in 1.29 to 1.37; source: k8s.io/kube-proxy config/v1alpha1/types.go.
FIELDS = (
    "apiVersion", "bindAddress", "bindAddressHardFail", "clientConnection", "clusterCIDR", "configSyncPeriod",
    "conntrack", "detectLocal", "detectLocalMode", "enableProfiling", "featureGates", "healthzBindAddress",
    "hostnameOverride", "iptables", "ipvs", "kind", "logging", "metricsBindAddress", "mode", "nftables",
    "nodePortAddresses", "oomScoreAdj", "portRange", "showHiddenMetricsForVersion", "windowsRunAsService", "winkernel",
)
# Fields that have a variable of their own; setting them twice would leave open which one counts.
OWNED = {
    "apiVersion": "nothing, it is always v1alpha1", "kind": "nothing", "mode": "kube_proxy_mode",
    "clusterCIDR": "kube_proxy_cluster_cidrs", "hostnameOverride": "kube_proxy_hostname_override",
    "nodePortAddresses": "kube_proxy_node_port_addresses",
}
UNDO = {
    "systemd": "# To undo: systemctl disable --now kube-proxy, then remove this file and kube-proxy.service.",
    "daemonset": "# To undo: take the label fairlead.dev/kube-proxy-mode from the nodes; kubeadm's pods return.",
}


@dataclass(frozen=True)
class Settings:
    """What the user wishes of one kube-proxy.

    kubeconfig: path where kube-proxy reads it; "" only under test
    scheduler:  ipvs only; "" leaves kube-proxy's own default, rr
    extra:      further fields of v1alpha1, as the API spells them
    conntrack_owner: who sizes the connection table (conntrack.OWNERS)
    """

    mode: str
    kubeconfig: str
    cluster_cidrs: tuple[str, ...] = ()
    hostname_override: str = ""
    node_port_addresses: tuple[str, ...] = ()
    scheduler: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    conntrack_owner: str = conntrack.KUBE_PROXY


def document(settings: Settings) -> dict[str, Any]:
    """The configuration as data: the mode always, of the rest only what differs from kube-proxy's defaults."""
    check_extra(settings.extra)
    config: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        # always written: unset means iptables today and nftables from 1.40
        "mode": settings.mode,
        **settings.extra,
    }
    config["clientConnection"] = {**config.get("clientConnection", {}), "kubeconfig": settings.kubeconfig}
    if settings.cluster_cidrs:
        config["clusterCIDR"] = ",".join(settings.cluster_cidrs)
    if settings.hostname_override:
        config["hostnameOverride"] = settings.hostname_override
    if settings.node_port_addresses:
        config["nodePortAddresses"] = list(settings.node_port_addresses)
    if settings.scheduler and settings.mode == "ipvs":
        config["ipvs"] = {**config.get("ipvs", {}), "scheduler": settings.scheduler}
    if settings.conntrack_owner == conntrack.NODE:
        conntrack.check_owner(settings.conntrack_owner, (), settings.extra)
        config["conntrack"] = {**config.get("conntrack", {}), **conntrack.zero_block()}
    return config


def render(settings: Settings, deployment: str) -> str:
    """The file's text: same settings, same bytes."""
    return f"{OWNER_LINE}\n{UNDO[deployment]}\n{json.dumps(document(settings), indent=2, sort_keys=True)}\n"


def check_extra(extra: dict[str, Any]) -> None:
    """Refuse fields that v1alpha1 does not have and those that have a variable of their own."""
    for name in sorted(extra):
        if name in OWNED:
            raise FairleadError(f"kube_proxy_config.{name}", f"is set by {OWNED[name]}", "remove it here")
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, 1)
            raise FairleadError(f"kube_proxy_config.{name}", "is not a field of KubeProxyConfiguration v1alpha1",
                                f"write {near[0]}" if near else "remove it")
