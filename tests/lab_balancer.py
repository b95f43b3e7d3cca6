"""What tests of the load balancer share: a Service's addresses, and which node answers for them by ARP and NDP.

Asked of the network from a client machine beside the nodes, never of MetalLB.
"""
from __future__ import annotations

import json
import re

from lab_tools import Lab

NAMESPACE = "walkthrough"
ARP_ANSWER = re.compile(r"reply from \S+ \[([0-9a-f:]+)\]")


def addresses(lab: Lab, service: str) -> list[str]:
    """IPv4, then IPv6; none while it is pending."""
    status = lab.get("service", "--namespace", NAMESPACE, service)["status"]
    return sorted((entry["ip"] for entry in status["loadBalancer"].get("ingress", [])), key=lambda ip: ":" in ip)


def in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def answering_arp(lab: Lab, address: str, client: str = "client1") -> set[str]:
    """Every node that answers ARP for an IPv4 address; a second one would answer each question beside the first."""
    said = lab.machine(client).run(f"busybox arping -b -c 3 -w 5 -I eth0 {address}").stdout
    return {lab.node_of(mac) for mac in ARP_ANSWER.findall(said)}


def neighbour(lab: Lab, address: str, client: str = "client1") -> str:
    """The node that the client sends to, after it has asked anew."""
    machine = lab.machine(client)
    machine.run(f"ip neigh flush to {address}")
    machine.run(f"curl -s -o /dev/null --globoff --max-time 10 http://{in_url(address)}/hostname")
    entries = json.loads(machine.check_output(f"ip -json neigh show {address}"))
    macs = [entry["lladdr"] for entry in entries if "lladdr" in entry]
    assert macs, f"nobody answers {client} for {address}: {entries}"
    return lab.node_of(macs[0])
