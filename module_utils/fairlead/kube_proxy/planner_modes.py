"""What differs between two modes for a configuration and these Services: (effect, subject, what, fix, source). Pure."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.kube_proxy import values
from ansible.module_utils.fairlead.verify.words import listed

Line = tuple[str, str, str, str, str]

BREAKS, CHANGES, NOTICE = "breaks", "changes", "notice"
_NFTABLES_KEP = "kubernetes/enhancements keps/sig-network/3866-nftables-proxy"
IPVS_SHORTEST_AFFINITY = 120  # seconds; a template lives as long as its last connection is in TIME_WAIT


def mode_changes(old: str, new: str, held: dict[str, Any], services: list[dict[str, Any]]) -> Iterator[Line]:
    """held: the configuration with its defaults, as decode() returns it."""
    node_ports = [name(service) for service in services if has_node_ports(service)]
    yield (CHANGES, f"mode {old} to {new}", "a restart loses every new connection of the node until the first sync, "
           "and session affinity starts anew", "one node at a time; kube_proxy_mode_change=restart accepts it",
           "cmd/kube-proxy/app/server_linux.go platformCleanup")
    if new == "nftables":
        yield from _to_nftables(old, held, node_ports)
    if old == "nftables":
        yield from _from_nftables(new, held, node_ports)
    if old == "ipvs":
        yield from _from_ipvs(new, held, services)
    if new == "ipvs":
        yield from _to_ipvs(services)


def _to_nftables(old: str, held: dict[str, Any], node_ports: list[str]) -> Iterator[Line]:
    yield (NOTICE, "the node", "needs kernel 5.13 and nft 1.0.1", "look with playbooks/preflight.yml",
           "pkg/proxy/nftables/supported.go")
    if not held.get("nodePortAddresses"):
        yield (BREAKS, f"node ports of {listed(node_ports) or 'every Service'}", "answer on the node's primary "
               "addresses only, no longer on all: not on virtual, secondary or loopback addresses",
               "write nodePortAddresses, or let clients use the primary addresses", _NFTABLES_KEP)
    if old == "iptables" and held["iptables.localhostNodePorts"] and _has_loopback(held):
        yield (BREAKS, f"node ports of {listed(node_ports) or 'every Service'} on 127.0.0.1", "are not answered "
               "(kubeproxy_iptables_localhost_nodeports_accepted_packets_total tells whether anybody uses them)",
               "use a node address; from 1.37 the gate KubeProxyNFTablesLocalhostNodePorts with nodePortAddresses "
               "[primary, localhost] answers TCP", f"{_NFTABLES_KEP}; 6032-nftables-localhost-nodeport-userspace-proxy")
    if old in ("iptables", "ipvs"):
        yield (CHANGES, "host firewalls", "kube-proxy no longer accepts Service traffic for them: a FORWARD policy "
               "of drop, firewalld or ufw now counts", "allow the pod and Service ranges there", _NFTABLES_KEP)
    if old == "iptables" and not held["conntrack.tcpBeLiberal"]:
        yield (CHANGES, "INVALID packets", "are not dropped any more: before kernel 6.1 a late packet can reset a "
               "connection (kubeproxy_iptables_ct_state_invalid_dropped_packets_total tells how often)",
               "set conntrack.tcpBeLiberal: true on such kernels", _NFTABLES_KEP)


def _from_nftables(new: str, held: dict[str, Any], node_ports: list[str]) -> Iterator[Line]:
    if not held.get("nodePortAddresses"):
        yield (CHANGES, f"node ports of {listed(node_ports) or 'every Service'}", "answer on every address of the "
               "node, no longer on the primary ones alone", "write nodePortAddresses: [primary]", _NFTABLES_KEP)
    if new == "iptables" and held["iptables.localhostNodePorts"] and _has_loopback(held):
        yield (CHANGES, "net.ipv4.conf.all.route_localnet", "is set to 1, so neighbours can reach what listens on "
               "loopback where no rule stops them (CVE-2020-8558)", "set iptables.localhostNodePorts: false",
               "pkg/proxy/iptables/proxier.go")


def _from_ipvs(new: str, held: dict[str, Any], services: list[dict[str, Any]]) -> Iterator[Line]:
    yield (CHANGES, f"scheduler {held['ipvs.scheduler'] or 'rr'}", f"{new} mode has none: the endpoint of a "
           "connection is drawn at random", "nothing gives the choice back", "kubernetes/kubernetes#121591, #122355")
    if held["ipvs.strictARP"]:
        yield (CHANGES, "ipvs.strictARP", "has no effect: no Service address is on kube-ipvs0 any more; "
               "arp_ignore=1 and "
               "arp_announce=2 stay until somebody sets them back", "set them back when nothing else needs them",
               "pkg/proxy/ipvs/proxier.go")
    for option in ("tcpTimeout", "tcpFinTimeout", "udpTimeout"):
        if held[f"ipvs.{option}"]:
            yield (CHANGES, f"ipvs.{option}", f"{values.shown_duration(held[f'ipvs.{option}'])} has no effect: "
                   "connections live as long as conntrack keeps them", "use the conntrack block",
                   "k8s.io/kube-proxy config/v1alpha1/types.go")
    if held.get("ipvs.excludeCIDRs"):
        yield (BREAKS, "ipvs.excludeCIDRs", "does not protect virtual servers that are not kube-proxy's: its start in "
               f"{new} mode {'flushes every virtual server of the node' if new == 'nftables' else 'leaves them alone'}",
               "move them off this node before", "pkg/proxy/ipvs CleanupLeftovers")
    elif new == "nftables":
        yield (NOTICE, "foreign virtual servers", "every virtual server of the node is flushed at the first start "
               "in nftables "
               "mode, also those of keepalived", "look for them with kube_proxy_info", "pkg/proxy/ipvs "
               "CleanupLeftovers")
    if new == "iptables":
        yield (CHANGES, "leftovers", "virtual servers, kube-ipvs0 and ipsets stay, and old connections with them",
               "remove them after the change: kube_proxy_leftovers", "cmd/kube-proxy/app/server_linux.go "
               "platformCleanup")
    yield (CHANGES, "host ports on cluster addresses", "what listens on all addresses of the node is no longer "
           "reachable "
           "at cluster addresses, which were on kube-ipvs0", "use the node's addresses", "kubernetes/kubernetes#72236")
    for service in services:
        seconds = affinity_seconds(service)
        if seconds and seconds < IPVS_SHORTEST_AFFINITY:
            yield (CHANGES, f"affinity of {name(service)}", f"ends after {seconds} s as written; ipvs keeps it for "
                   "about "
                   f"{IPVS_SHORTEST_AFFINITY} s", "write the time that is meant", "kubernetes/kubernetes#89358")


def _to_ipvs(services: list[dict[str, Any]]) -> Iterator[Line]:
    yield (CHANGES, "host ports on cluster addresses", "cluster addresses stand on kube-ipvs0: what listens on all "
           "addresses of the node is reachable there wherever no rule stops it", "bind to one address",
           "kubernetes/kubernetes#72236")
    for service in services:
        seconds = affinity_seconds(service)
        if seconds and seconds < IPVS_SHORTEST_AFFINITY:
            yield (CHANGES, f"affinity of {name(service)}", f"{seconds} s is not honoured: ipvs keeps it for about "
                   f"{IPVS_SHORTEST_AFFINITY} s", f"write at least {IPVS_SHORTEST_AFFINITY}",
                   "kubernetes/kubernetes#89358")


def has_node_ports(service: dict[str, Any]) -> bool:
    spec = service.get("spec") or {}
    return spec.get("type") == "NodePort" or (
        spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False)


def affinity_seconds(service: dict[str, Any]) -> int:
    """0 without affinity; the API server's default is 10800."""
    spec = service.get("spec") or {}
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    return ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds") or 10800


def name(service: dict[str, Any]) -> str:
    metadata = service.get("metadata") or {}
    return f"{metadata.get('namespace') or 'default'}/{metadata.get('name') or '?'}"


def _has_loopback(held: dict[str, Any]) -> bool:
    entries = held.get("nodePortAddresses") or []
    return not entries or any(entry in ("localhost", "all", "0.0.0.0/0") or entry.startswith("127.")
                              for entry in entries)
