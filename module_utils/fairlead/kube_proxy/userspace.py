"""userspace mode, which kube-proxy had up to 1.25: the fields that it reads, and how it is seen to have begun. Pure.

Source: cmd/kube-proxy/app/server_others.go, pkg/proxy/userspace and kube-proxy/config/v1alpha1/types.go of 1.20.2.
Whatever else v1alpha1 got since then, this mode does not look at, in no release that has it.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.kube_proxy import values
from ansible.module_utils.fairlead.services.findings import ADVICE, Finding, invalid

IDLE = "udpIdleTimeout"  # left v1alpha1 together with this mode
READ = {
    "apiVersion", "kind", "mode", "featureGates", "bindAddress", "healthzBindAddress", "metricsBindAddress",
    "bindAddressHardFail", "enableProfiling", "showHiddenMetricsForVersion", "hostnameOverride", "clientConnection",
    "iptables.syncPeriod", "iptables.minSyncPeriod", "oomScoreAdj", "portRange", IDLE, "conntrack.maxPerCore",
    "conntrack.min", "conntrack.tcpEstablishedTimeout", "conntrack.tcpCloseWaitTimeout", "configSyncPeriod",
    "nodePortAddresses",
}
# This mode takes Endpoints, not EndpointSlices; up to 1.21 kube-proxy has to be told so.
SLICES, SLICES_GATE_GONE = "EndpointSliceProxying", (1, 22)
# A rule in this chain of the nat table is the sign of a first sync: the mode has no metrics, and nothing before it
# writes rules there. The cluster always has the Service kubernetes.
PORTALS = "KUBE-PORTALS-CONTAINER"
CHAINS = {("nat", PORTALS), ("nat", "KUBE-PORTALS-HOST"), ("nat", "KUBE-NODEPORT-CONTAINER"),
          ("nat", "KUBE-NODEPORT-HOST"), ("filter", "KUBE-NODEPORT-NON-LOCAL")}
# Comments of the rules that lead there from the kernel's own chains.
COMMENTS = ("handle ClusterIPs; NOTE", "handle service NodePorts; NOTE", "Ensure that non-local NodePort traffic")


def reshape(document: dict[str, Any], release: tuple[int, int]) -> tuple[dict[str, Any], list[str]]:
    """(the document with what this mode reads and nothing else, the fields that were left out)."""
    kept, out = {}, []
    for name, value in document.items():
        if name in READ:
            kept[name] = value
        elif isinstance(value, dict):
            below = {key: one for key, one in value.items() if f"{name}.{key}" in READ}
            out += [f"{name}.{key}" for key in value if key not in below]
            kept.update({name: below} if below else {})
        else:
            out.append(name)
    if release < SLICES_GATE_GONE:
        kept["featureGates"] = {SLICES: False, **(document.get("featureGates") or {})}
    return kept, sorted(out)


def wrong(document: dict[str, Any]) -> Iterator[Finding]:
    """What this mode's kube-proxy refuses, or a person would want to know, beyond the rules of all modes."""
    idle = document.get(IDLE)
    read = values.duration(idle) if isinstance(idle, str) else None
    if IDLE in document and (read is None or read <= 0):
        yield invalid(IDLE, idle, "must be a duration greater than 0", 'write a duration such as "250ms"')
    for index, text in enumerate(document.get("nodePortAddresses") or []):
        if isinstance(text, str) and values.cidr(text) is None:
            yield invalid(f"nodePortAddresses[{index}]", text, "must be a CIDR: no release with userspace mode has "
                          "keywords", "write it like 192.0.2.0/24")
    for path in reshape(document, SLICES_GATE_GONE)[1]:
        yield Finding(path, "Ignored", "userspace mode does not look at it", "remove it", ADVICE)


def has_rules(saved: str) -> bool:
    """Whether iptables-save's output holds this mode's rules for Services."""
    return f"-A {PORTALS} " in saved
