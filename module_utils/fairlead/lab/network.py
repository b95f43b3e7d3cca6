"""The lab's network as data, and the ip(8) calls that make it.

Desired network:
    {"namespaces": [{"name", "forward": bool, "masquerade": "interface" or None,
                     "links": [{"name", "kind": "bridge" | "tap" | "veth", "bridge": name of its bridge or None,
                                "addresses": ["198.18.0.1/24", ...], "peer": [namespace, link] for a veth}],
                     "routes": [{"to": CIDR or "default", "via": ADDRESS}]}]}
The namespace "" is the machine's own. Of a veth pair, the end that comes first names the peer; the other end has none.
"""
from __future__ import annotations

import ipaddress
import json
from typing import Any

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.plan import Plan, Step

FORWARD = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")


def observe(network: dict[str, Any], commands: Commands) -> dict[str, Any]:
    """Per existing namespace: its links {name: {"addresses", "bridge", "up"}}, routes, forward, masquerade."""
    listed = json.loads(commands.check(["ip", "-json", "netns", "list"]).stdout or "[]")
    existing = {entry["name"] for entry in listed} | {""}
    return {spec["name"]: _observe_namespace(spec, commands)
            for spec in network["namespaces"] if spec["name"] in existing}


def _observe_namespace(spec: dict[str, Any], commands: Commands) -> dict[str, Any]:
    ip = _ip(spec["name"])
    links = {}
    for link in json.loads(commands.check([*ip, "-json", "addr", "show"]).stdout or "[]"):
        links[link["ifname"]] = {
            "addresses": {ipaddress.ip_interface(f"{a['local']}/{a['prefixlen']}")
                          for a in link["addr_info"] if "local" in a},
            "bridge": link.get("master"), "up": "UP" in link["flags"]}
    routes = set()
    for family in ("-4", "-6"):
        for route in json.loads(commands.check([*ip, "-json", family, "route", "show"]).stdout or "[]"):
            if "gateway" in route:
                routes.add(_route(route["dst"], route["gateway"]))
    forward = masquerade = False
    if spec.get("forward"):
        shown = commands.check([*_inside(spec["name"]), "sysctl", "-n", *[s.split("=")[0] for s in FORWARD]]).stdout
        forward = shown.split() == ["1", "1"]
    if spec.get("masquerade"):
        masquerade = commands.run([*_inside(spec["name"]), "nft", "list", "table", "inet", "lab_nat"]).ok
    return {"links": links, "routes": routes, "forward": forward, "masquerade": masquerade}


def plan(network: dict[str, Any], observed: dict[str, Any]) -> Plan:
    """The missing calls, in an order in which each finds what it needs."""
    steps: list[Step] = []
    blank: dict[str, Any] = {"links": {}, "routes": set(), "forward": False, "masquerade": False}
    for spec in network["namespaces"]:
        if spec["name"] not in observed:
            steps.append(_step("create", f"namespace {spec['name']}", [["ip", "netns", "add", spec["name"]]]))
    for spec in network["namespaces"]:
        have = observed.get(spec["name"], blank)
        for link in [{"name": "lo", "kind": "loopback"}, *spec["links"]] if spec["name"] else spec["links"]:
            steps += _plan_link(spec["name"], link, have["links"].get(link["name"]))
    for spec in network["namespaces"]:  # a gateway answers only when both ends of every cable are up
        have = observed.get(spec["name"], blank)
        for route in spec.get("routes", []):
            if _route(route["to"], route["via"]) not in have["routes"]:
                steps.append(_step("route", f"{route['to']} via {route['via']} in {spec['name'] or 'this machine'}",
                                   [[*_ip(spec["name"]), "route", "replace", route["to"], "via", route["via"]]]))
        if spec.get("forward") and not have["forward"]:
            steps.append(_step("forward", f"packets in {spec['name']}",
                               [[*_inside(spec["name"]), "sysctl", "-q", "-w", *FORWARD]]))
        if spec.get("masquerade") and not have["masquerade"]:
            rule = (f"table inet lab_nat {{\nchain postrouting {{\ntype nat hook postrouting priority srcnat\n"
                    f"oifname {spec['masquerade']} masquerade\n}}\n}}")
            steps.append(_step("masquerade", f"in {spec['name']}", [[*_inside(spec["name"]), "nft", rule]]))
    return Plan(tuple(steps), unchanged="the network stands")


def _plan_link(namespace: str, link: dict[str, Any], have: dict[str, Any] | None) -> list[Step]:
    ip, name = _ip(namespace), link["name"]
    calls: list[list[str]] = []
    if have is None and link["kind"] == "bridge":
        calls.append([*ip, "link", "add", name, "type", "bridge"])
    elif have is None and link["kind"] == "tap":
        calls.append([*ip, "tuntap", "add", name, "mode", "tap"])
    elif have is None and link.get("peer"):
        there, peer = link["peer"]
        calls.append([*ip, "link", "add", name, "type", "veth", "peer", "name", peer,
                      *(["netns", there] if there else ["netns", "1"])])
    have = have or {"addresses": set(), "bridge": None, "up": False}
    if link.get("bridge") and have["bridge"] != link["bridge"]:
        calls.append([*ip, "link", "set", name, "master", link["bridge"]])
    for address in link.get("addresses", []):
        if ipaddress.ip_interface(address) not in have["addresses"]:
            # nodad: nobody else is there, and a tentative address refuses to serve for its first seconds
            calls.append([*ip, "addr", "add", address, "dev", name, *(["nodad"] if ":" in address else [])])
    if not have["up"]:
        calls.append([*ip, "link", "set", name, "up"])
    return [_step("set up", f"link {name} in {namespace or 'this machine'}", calls)] if calls else []


def apply(step: Step, commands: Commands) -> None:
    for argv in step.data:
        commands.check(argv)


def remove(namespaces: list[str], commands: Commands) -> list[str]:
    """Delete the named namespaces, and with them every link in them and the other ends of their cables."""
    listed = json.loads(commands.check(["ip", "-json", "netns", "list"]).stdout or "[]")
    gone = [name for name in namespaces if name in {entry["name"] for entry in listed}]
    for name in gone:
        commands.check(["ip", "netns", "delete", name])
    return gone


def _route(to: str, via: str) -> tuple[Any, Any]:
    """A route in a form in which spellings of an address do not matter."""
    gateway = ipaddress.ip_address(via)
    anywhere = "0.0.0.0/0" if gateway.version == 4 else "::/0"
    return ipaddress.ip_network(anywhere if to == "default" else to), gateway


def _step(action: str, target: str, calls: list[list[str]]) -> Step:
    return Step(action, target, after="\n".join(" ".join(call) for call in calls), data=calls)


def _ip(namespace: str) -> list[str]:
    return ["ip", "-n", namespace] if namespace else ["ip"]


def _inside(namespace: str) -> list[str]:
    return ["ip", "netns", "exec", namespace]
