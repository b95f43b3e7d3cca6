"""Load balancers in layer-2 mode beside kube-proxy in ipvs mode.

In ipvs mode every node has every load balancer's address on its device kube-ipvs0, and a Linux host answers ARP on any
device for an address of any other. So all of these nodes would answer, not the one that the load balancer chose.
strictARP makes kube-proxy set arp_ignore and arp_announce, which ends that.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

METALLB = "/apis/metallb.io/v1beta1"
FIELD = "kube_proxy_config.ipvs.strictARP"


def found(get: Callable[[str], dict[str, Any]]) -> list[str]:
    """`get` is the API server's answer at a path, empty where it knows none.

    Everybody may ask which groups there are, but not list the objects of one, be it there or not.
    """
    listed = get(f"{METALLB}/l2advertisements").get("items") or [] if get(METALLB) else []
    places = sorted(f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in listed)
    return [f"MetalLB's L2Advertisement {place}" for place in places]


def fault(mode: str, config: Mapping[str, Any], announcers: Sequence[str]) -> str:
    """Why such a node would answer ARP for what another announces, and what to do; empty when it would not."""
    block = config.get("ipvs")
    value = block.get("strictARP") if isinstance(block, Mapping) else None
    if mode != "ipvs" or not announcers or value is True:
        return ""
    shown = "not set" if value is None else str(value).lower()
    return (f"it is {shown}, so this node too would answer ARP for every address of {', '.join(announcers)}; "
            "set kube_proxy_config: {ipvs: {strictARP: true}}")
