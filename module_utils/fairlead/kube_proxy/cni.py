"""Pod networks that depend on kube-proxy's mode, known by the plugin that the node's container runtime calls.

Sources: docs.tigera.io, "Calico nftables data plane" and "Use IPVS kube-proxy"; docs.cilium.io, "Kubernetes Without
kube-proxy"; kube-router's user guide (--run-service-proxy). Other plugins work with every mode.
"""
from __future__ import annotations

import json
import os
from collections.abc import Iterator

from ansible.module_utils.fairlead.files import read_text

DIRECTORY = "etc/cni/net.d"
_ENDS = (".conf", ".conflist", ".json")  # what containerd and CRI-O look at; the first by name counts
CALICO, CILIUM, KUBE_ROUTER = "calico", "cilium-cni", "kube-router"


def observe(root: str = "/") -> tuple[str, ...]:
    """Plugin types of the configuration in use, and kube-router where its own file is there: it calls "bridge"."""
    place = os.path.join(root, DIRECTORY)
    names = sorted(name for name in (os.listdir(place) if os.path.isdir(place) else []) if name.endswith(_ENDS))
    if not names:
        return ()
    try:
        config = json.loads(read_text(os.path.join(place, names[0])) or "{}")
        plugins = config.get("plugins", [config])
        types = [str(plugin["type"]) for plugin in plugins if "type" in plugin]
    except (ValueError, AttributeError, TypeError):
        types = []
    return (*types, *([KUBE_ROUTER] if KUBE_ROUTER in names[0] else []))


def judge(mode: str, types: tuple[str, ...], running: str = "") -> Iterator[str]:
    """What to look at before this mode runs beside the plugin. running: the mode of now, "" when unknown."""
    if CALICO in types and mode == "nftables":
        yield ("Calico in its default data plane does not work beside nftables mode; set nftablesMode of its "
               "FelixConfiguration to Enabled (Calico 3.29 and later) together with the change")
    if CALICO in types and mode != "nftables" and running == "nftables":
        yield ("Calico's nftables data plane needs kube-proxy in nftables mode; set nftablesMode of its "
               "FelixConfiguration to Disabled together with the change")
    if CALICO in types and running and "ipvs" in (mode, running) and mode != running:
        yield "Calico looks for ipvs mode only when calico-node starts; restart calico-node after the change"
    if CILIUM in types:
        yield ("Cilium can replace kube-proxy, and with kubeProxyReplacement a second one must not run; look at its "
               "configuration first")
    if KUBE_ROUTER in types:
        yield ("kube-router with --run-service-proxy serves Services by IPVS itself, and a start of kube-proxy in "
               "nftables mode flushes them; run one of the two")
