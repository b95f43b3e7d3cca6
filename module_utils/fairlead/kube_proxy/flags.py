"""A configuration as kube-proxy's command line says it, for k3s and rke2, which start kube-proxy by flags. Pure.

Sources: cmd/kube-proxy/app/options.go of 1.37 and component-base/logs/api/v1/options.go; tests/parity holds what
kube-proxy makes of the flags against what it makes of the file. Flags and fields are not quite the same: one pair of
periods and one masqueradeAll serve two modes, so those of a mode that does not run must not become flags.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.decode import PORTS, default_host, is_default, with_port

# Fields of every mode.
_COMMON = {
    "mode": "proxy-mode",
    "featureGates": "feature-gates",
    "clientConnection.contentType": "kube-api-content-type",
    "clientConnection.qps": "kube-api-qps",
    "clientConnection.burst": "kube-api-burst",
    "logging.format": "logging-format",
    "logging.flushFrequency": "log-flush-frequency",
    "logging.verbosity": "v",
    "logging.vmodule": "vmodule",
    "logging.options.text.splitStream": "log-text-split-stream",
    "logging.options.text.infoBufferSize": "log-text-info-buffer-size",
    "logging.options.json.splitStream": "log-json-split-stream",
    "logging.options.json.infoBufferSize": "log-json-info-buffer-size",
    "bindAddress": "bind-address",
    "healthzBindAddress": "healthz-bind-address",
    "metricsBindAddress": "metrics-bind-address",
    "bindAddressHardFail": "bind-address-hard-fail",
    "enableProfiling": "profiling",
    "showHiddenMetricsForVersion": "show-hidden-metrics-for-version",
    "detectLocalMode": "detect-local-mode",
    "detectLocal.bridgeInterface": "pod-bridge-interface",
    "detectLocal.interfaceNamePrefix": "pod-interface-name-prefix",
    "nodePortAddresses": "nodeport-addresses",
    "oomScoreAdj": "oom-score-adj",
    "conntrack.maxPerCore": "conntrack-max-per-core",
    "conntrack.min": "conntrack-min",
    "conntrack.tcpEstablishedTimeout": "conntrack-tcp-timeout-established",
    "conntrack.tcpCloseWaitTimeout": "conntrack-tcp-timeout-close-wait",
    "conntrack.tcpBeLiberal": "conntrack-tcp-be-liberal",
    "conntrack.udpTimeout": "conntrack-udp-timeout",
    "conntrack.udpStreamTimeout": "conntrack-udp-timeout-stream",
    "configSyncPeriod": "config-sync-period",
}
_BIT_AND_ALL = {"iptables.masqueradeBit": "iptables-masquerade-bit", "iptables.masqueradeAll": "masquerade-all"}
_OF_MODE = {
    "iptables": {**_BIT_AND_ALL, "iptables.localhostNodePorts": "iptables-localhost-nodeports",
                 "iptables.syncPeriod": "iptables-sync-period", "iptables.minSyncPeriod": "iptables-min-sync-period"},
    "ipvs": {**_BIT_AND_ALL, "ipvs.syncPeriod": "ipvs-sync-period", "ipvs.minSyncPeriod": "ipvs-min-sync-period",
             "ipvs.scheduler": "ipvs-scheduler", "ipvs.excludeCIDRs": "ipvs-exclude-cidrs",
             "ipvs.strictARP": "ipvs-strict-arp", "ipvs.tcpTimeout": "ipvs-tcp-timeout",
             "ipvs.tcpFinTimeout": "ipvs-tcpfin-timeout", "ipvs.udpTimeout": "ipvs-udp-timeout"},
    "nftables": {"nftables.masqueradeAll": "masquerade-all", "nftables.syncPeriod": "iptables-sync-period",
                 "nftables.minSyncPeriod": "iptables-min-sync-period"},
}
# Before 1.37 these flags were read into the iptables block only.
_NFTABLES_SINCE = (1, 37)
# What k3s and rke2 set themselves (k3s pkg/daemons/agent/agent_linux.go, kubeProxyArgs): where it is set there.
# Where their own flags differ from kube-proxy's defaults, so that a default has to be said too.
_SAID = {"mode", "healthzBindAddress", "conntrack.maxPerCore", "conntrack.tcpEstablishedTimeout",
         "conntrack.tcpCloseWaitTimeout"}
OWNED = {
    "apiVersion": "", "kind": "",
    "clientConnection.kubeconfig": "the file that it makes itself", "hostnameOverride": "its option node-name",
    "clusterCIDR": "its option cluster-cidr",
}


def arguments(document: dict[str, Any], release: tuple[int, int]) -> list[str]:
    """["proxy-mode=nftables", ...], sorted, as kube-proxy-arg takes them. document: as config.document() makes it.

    Blocks of modes that do not run are left out, as kube-proxy passes them over, and so is what equals a default: an
    empty value or 0 means the default in the file, and itself as a flag. Raises FairleadError for a field that no flag
    can say.
    """
    mode = document["mode"]
    known = {**_COMMON, **_OF_MODE[mode]}
    others = {block for block in _OF_MODE if block != mode}
    # The flags' defaults are those of iptables mode, whatever the mode is (1.37: newKubeProxyConfiguration).
    least = (document.get("ipvs") or {}).get("minSyncPeriod") or "0s"
    found = ["ipvs-min-sync-period=0s"] if mode == "ipvs" and is_default("ipvs.minSyncPeriod", least) else []
    for path, value in [*_leaves(document), *_hosts(document)]:
        block = path.partition(".")[0]
        if value == "" or (path not in _SAID and is_default(path, value)):
            continue
        if path in known:
            if block == "nftables" and release < _NFTABLES_SINCE:
                raise _no_flag(path, f"has no flag in Kubernetes {release[0]}.{release[1]}, only from 1.37 on")
            found.append(f"{known[path]}={_text(path, value)}")
        elif block not in others and path not in ("apiVersion", "kind"):
            raise _no_flag(path, f"is set by {OWNED[path]}" if path in OWNED else "has no flag of kube-proxy")
    return sorted(found)


def _hosts(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Addresses that follow bindAddress in the file, and not among the flags."""
    bind = document.get("bindAddress") or "0.0.0.0"
    for path in PORTS:
        if not document.get(path) and default_host(path, bind) != default_host(path, "0.0.0.0"):
            yield path, default_host(path, bind)


def _no_flag(path: str, problem: str) -> FairleadError:
    return FairleadError(f"kube_proxy_config.{path}", f"{problem}, and k3s and rke2 start kube-proxy by flags",
                         "remove it here")


def _leaves(value: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Values with their dotted paths; the gates and lists are one value each."""
    for name, below in value.items():
        place = f"{path}.{name}" if path else name
        if isinstance(below, dict) and place != "featureGates":
            yield from _leaves(below, place)
        elif below is not None:  # null is the default
            yield place, below


def _text(path: str, value: Any) -> str:
    """A value as the flag takes it."""
    if path in PORTS:
        return with_port(value, PORTS[path]).replace(":+", ":")  # the file's reader takes a port of "+80"
    if path == "logging.flushFrequency" and isinstance(value, int):
        return f"{value}ns"  # a bare number is one of nanoseconds, in the file only
    return _plain(value)


def _plain(value: Any) -> str:
    """A value as Go's flag package reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ",".join(f"{name}={_plain(below)}" for name, below in sorted(value.items()))
    if isinstance(value, list):
        return ",".join(f"{one['filePattern']}={one.get('verbosity') or 0}" if isinstance(one, dict) else str(one)
                        for one in value)
    return str(value)
