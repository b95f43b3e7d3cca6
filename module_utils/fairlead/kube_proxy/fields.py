"""Every field of KubeProxyConfiguration v1alpha1: type, default, first release, and the modes that look at it. A table.

Sources: k8s.io/kube-proxy config/v1alpha1/types.go (all releases from 1.27 to 1.37 compared), pkg/proxy/apis/config
v1alpha1/defaults.go, k8s.io/component-base config/v1alpha1 and logs/api/v1. The types are those of Go, since kube-proxy
decodes into them: "duration?" and "int32?" are pointers, for which null means unset.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

API_VERSION, KIND = "kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"

STRING, BOOL, OPTIONAL_BOOL = "string", "bool", "bool?"
INT32, OPTIONAL_INT32, UINT32, FLOAT32 = "int32", "int32?", "uint32", "float32"
# A duration is "1h30m". One of logging may be a number of nanoseconds too, and null.
DURATION, OPTIONAL_DURATION, TIME_OR_DURATION = "duration", "duration?", "duration or nanoseconds"
QUANTITY = "quantity"

ALL_MODES = ("iptables", "ipvs", "nftables")
IPTABLES_BASED = ("iptables", "ipvs")  # pkg/proxy/ipvs reads masqueradeBit and masqueradeAll of the iptables block
WINDOWS: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """One value.

    kind:    one of the types above
    default: what kube-proxy puts in for an unset or zero value, as it is written; None where there is nothing to put in
    modes:   modes on Linux that look at it
    since:   release that brought it, for those newer than 1.27
    """

    kind: str
    default: Any = None
    modes: tuple[str, ...] = ALL_MODES
    since: tuple[int, int] = (1, 20)


class ListOf:
    def __init__(self, of: Shape, modes: tuple[str, ...] = ALL_MODES) -> None:
        self.of, self.modes = of, modes


class MapOf:
    """Free keys."""

    def __init__(self, of: Field) -> None:
        self.of = of


Shape = Union[Field, ListOf, MapOf, dict]

_ROUTING = {"splitStream": Field(BOOL), "infoBufferSize": Field(QUANTITY)}

ROOT: dict[str, Shape] = {
    "apiVersion": Field(STRING),
    "kind": Field(STRING),
    "featureGates": MapOf(Field(BOOL)),
    "clientConnection": {
        "kubeconfig": Field(STRING),
        "acceptContentTypes": Field(STRING),
        "contentType": Field(STRING, "application/vnd.kubernetes.protobuf"),
        "qps": Field(FLOAT32, 5),
        "burst": Field(INT32, 10),
    },
    "logging": {
        "format": Field(STRING, "text", since=(1, 28)),
        "flushFrequency": Field(TIME_OR_DURATION, "5s", since=(1, 28)),
        "verbosity": Field(UINT32, since=(1, 28)),
        "vmodule": ListOf({"filePattern": Field(STRING), "verbosity": Field(UINT32)}),
        "options": {"text": _ROUTING, "json": _ROUTING},
    },
    "hostnameOverride": Field(STRING),
    "bindAddress": Field(STRING, "0.0.0.0"),
    "healthzBindAddress": Field(STRING),  # its default follows bindAddress, as that of the next
    "metricsBindAddress": Field(STRING),
    "bindAddressHardFail": Field(BOOL),
    "enableProfiling": Field(BOOL),
    "showHiddenMetricsForVersion": Field(STRING),
    "mode": Field(STRING),
    "iptables": {
        "masqueradeBit": Field(OPTIONAL_INT32, 14, IPTABLES_BASED),
        "masqueradeAll": Field(BOOL, None, IPTABLES_BASED),
        "localhostNodePorts": Field(OPTIONAL_BOOL, True, ("iptables",)),
        "syncPeriod": Field(DURATION, "30s", ("iptables",)),
        "minSyncPeriod": Field(DURATION, "1s", ("iptables",)),
    },
    "ipvs": {
        "syncPeriod": Field(DURATION, "30s", ("ipvs",)),
        "minSyncPeriod": Field(DURATION, None, ("ipvs",)),
        "scheduler": Field(STRING, None, ("ipvs",)),
        "excludeCIDRs": ListOf(Field(STRING), ("ipvs",)),
        "strictARP": Field(BOOL, None, ("ipvs",)),
        "tcpTimeout": Field(DURATION, None, ("ipvs",)),
        "tcpFinTimeout": Field(DURATION, None, ("ipvs",)),
        "udpTimeout": Field(DURATION, None, ("ipvs",)),
    },
    "nftables": {
        "masqueradeBit": Field(OPTIONAL_INT32, 14, ("nftables",), (1, 29)),
        "masqueradeAll": Field(BOOL, None, ("nftables",), (1, 29)),
        "syncPeriod": Field(DURATION, "30s", ("nftables",), (1, 29)),
        "minSyncPeriod": Field(DURATION, "1s", ("nftables",), (1, 29)),
    },
    "winkernel": {
        "networkName": Field(STRING, None, WINDOWS),
        "sourceVip": Field(STRING, None, WINDOWS),
        "enableDSR": Field(BOOL, None, WINDOWS),
        "rootHnsEndpointName": Field(STRING, None, WINDOWS),
        "forwardHealthCheckVip": Field(BOOL, None, WINDOWS),
    },
    "detectLocalMode": Field(STRING),
    "detectLocal": {"bridgeInterface": Field(STRING), "interfaceNamePrefix": Field(STRING)},
    "clusterCIDR": Field(STRING),
    "nodePortAddresses": ListOf(Field(STRING)),
    "oomScoreAdj": Field(OPTIONAL_INT32, -999),
    "conntrack": {
        "maxPerCore": Field(OPTIONAL_INT32, 32768),
        "min": Field(OPTIONAL_INT32, 131072),
        "tcpEstablishedTimeout": Field(OPTIONAL_DURATION, "24h"),
        "tcpCloseWaitTimeout": Field(OPTIONAL_DURATION, "1h"),
        "tcpBeLiberal": Field(BOOL, since=(1, 29)),
        "udpTimeout": Field(DURATION, since=(1, 29)),
        "udpStreamTimeout": Field(DURATION, since=(1, 29)),
    },
    "configSyncPeriod": Field(DURATION, "15m"),
    "portRange": Field(STRING, None, WINDOWS),  # of userspace mode; nothing reads it now
    "windowsRunAsService": Field(BOOL, None, WINDOWS, (1, 31)),
}

# Fields that older releases had: what to do about them.
GONE = {"udpIdleTimeout": "remove it: it went with userspace mode in Kubernetes 1.26"}


def field_at(path: str) -> Shape | None:
    """The field of a dotted path such as "iptables.masqueradeBit"."""
    shape: Any = ROOT
    for name in path.split("."):
        shape = shape.get(name) if isinstance(shape, dict) else None
    return shape
