"""What the bridge has to know of the node and of the kube-proxy that it stands in for. Pure."""
from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError

MARK = 0x2000  # packets that leave masqueraded; 0x4000 and 0x8000 are kube-proxy's and kubelet's
ZONE = "topology.kubernetes.io/zone"


@dataclass(frozen=True)
class Family:
    """One address family of a node.

    pods: how traffic of the cluster's own pods is told, as an nftables match ("ip saddr 10.244.0.0/16"); "" for not at
    all. strangers: its opposite
    node_ports: addresses or ranges that answer on node ports; None: every local address
    loopback: whether 127.0.0.1 answers on node ports too
    """

    name: str
    pods: str = ""
    strangers: str = ""
    node_ports: tuple[str, ...] | None = None
    loopback: bool = False

    @property
    def ip(self) -> str:
        return "ip" if self.name == "IPv4" else "ip6"

    @property
    def type(self) -> str:
        return "ipv4_addr" if self.name == "IPv4" else "ipv6_addr"


@dataclass(frozen=True)
class NodeFacts:
    """name: of the Node object; addresses: of its links; families: those that kube-proxy serves;
    reject_addresses: whether traffic to an unknown port of a cluster address is rejected, as nftables mode does."""

    name: str
    zone: str
    addresses: tuple[str, ...]
    families: tuple[Family, ...]
    masquerade_all: bool = False
    reject_addresses: bool = False


def facts(mode: str, config: dict[str, Any], node: dict[str, Any], addresses: tuple[str, ...]) -> NodeFacts:
    """From the mode that runs, its configuration (as /configz prints it), the Node object, and the links' addresses."""
    block = config.get(mode) or {}
    families = tuple(_family(name, mode, config, node, addresses) for name in ("IPv4", "IPv6"))
    labels = node["metadata"].get("labels") or {}
    return NodeFacts(node["metadata"]["name"], labels.get(ZONE, ""), addresses, families,
                     bool(block.get("masqueradeAll")), mode == "nftables")


def _family(name: str, mode: str, config: dict[str, Any], node: dict[str, Any], addresses: tuple[str, ...]) -> Family:
    pods, strangers = _detector(name, config, node)
    own = [each for each in addresses if _of(name, each)]
    wanted = config.get("nodePortAddresses") or (["primary"] if mode == "nftables" else [])
    wanted = [word for word in wanted if word != "localhost"]
    loopback = name == "IPv4" and mode == "iptables" and bool((config.get("iptables") or {}).get("localhostNodePorts",
                                                                                                True))
    ranges = [word for word in wanted if word not in ("primary", "all")]
    if not wanted or "all" in wanted or any(ipaddress.ip_network(word).prefixlen == 0 and _of(name, word)
                                            for word in ranges):
        return Family(name, pods, strangers, None, loopback)
    chosen = {each for each in own for word in ranges
              if _of(name, word) and ipaddress.ip_address(each) in ipaddress.ip_network(word)}
    if "primary" in wanted:
        chosen.update(entry["address"] for entry in (node.get("status") or {}).get("addresses") or ()
                      if entry["type"] == "InternalIP" and _of(name, entry["address"]))
    return Family(name, pods, strangers, tuple(sorted(chosen)),
                  loopback and any(ipaddress.ip_address("127.0.0.1") in ipaddress.ip_network(word)
                                   for word in ranges if _of(name, word)))


def _detector(name: str, config: dict[str, Any], node: dict[str, Any]) -> tuple[str, str]:
    """kube-proxy's detectLocalMode as two opposite matches."""
    ip = "ip" if name == "IPv4" else "ip6"
    mode = config.get("detectLocalMode") or "ClusterCIDR"
    local = config.get("detectLocal") or {}
    if mode == "BridgeInterface":
        return f'iifname "{local["bridgeInterface"]}"', f'iifname != "{local["bridgeInterface"]}"'
    if mode == "InterfaceNamePrefix":
        return f'iifname "{local["interfaceNamePrefix"]}*"', f'iifname != "{local["interfaceNamePrefix"]}*"'
    spec = node.get("spec") or {}
    ranges = (config.get("clusterCIDR") or "").split(",") if mode == "ClusterCIDR" else spec.get("podCIDRs") or []
    for each in ranges:
        if each and _of(name, each):
            return f"{ip} saddr {each}", f"{ip} saddr != {each}"
    return "", ""


def _of(family: str, address: str) -> bool:
    """Whether an address or range is of this family."""
    try:
        return ipaddress.ip_network(address, strict=False).version == (4 if family == "IPv4" else 6)
    except ValueError as error:
        raise FairleadError("kube-proxy's configuration", "holds something that is no address or range",
                            "correct it", address) from error
