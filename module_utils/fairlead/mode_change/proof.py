"""Proof that a kube-proxy that was just started has written all of its rules.

Its own word comes too early: /proxyMode answers one or two seconds before the rules exist, /healthz while it starts. So
the proof is a sync that ended after the start, in every family, and then the rules themselves: every address of every
Service with its endpoints and the masquerade rule, seen twice in a row.
"""
from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ansible.module_utils.fairlead.bridge.layout import Part
from ansible.module_utils.fairlead.bridge.node import Family
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask
from ansible.module_utils.fairlead.mode_change import proof_ipvs

# Between two looks: the bridge serves meanwhile, so the proof leaves the processor to those who are served, and to the
# kube-proxy that it looks at. A look that took long is followed by a pause of some times its length.
POLL_SECONDS, REST, LONGEST_REST = 0.2, 3.0, 3.0
LISTING_SECONDS = 120.0
Parts = dict[tuple[str, str], Part]
# iptables mode: Service address -> chain -> endpoints' chains -> their places. Comments do not help: kube-proxy leaves
# them out from 1,000 endpoints on.
_FRONT = re.compile(r"-A KUBE-SERVICES -d ([^/ ]+)/\d+ -p (\w+) .*--dport (\d+) -j (KUBE-\S+)")
_CHOICE = re.compile(r"-A (KUBE-SV[CL]-\S+) .*-j (KUBE-SEP-\S+)")
_TARGET = re.compile(r"-A (KUBE-SEP-\S+) .*--to-destination (\S+)")
_SERVICE_CHAINS = ("KUBE-SVC-", "KUBE-SVL-")
_VERDICT = re.compile(r"(\S+ \. \S+ \. \d+)(?: comment \"[^\"]*\")? : goto (\S+?)[,\s]")


@dataclass(frozen=True)
class Wanted:
    """What is to be proven. parts: the Services as of now; started: UNIX time right before kube-proxy's start."""

    mode: str
    families: tuple[Family, ...]
    parts: Callable[[], Parts]
    started: float


def wait(wanted: Wanted, timeout: float, commands: Commands, check: Callable[[], None]) -> float:
    """Until it is proven; how many seconds that took. check: may raise to end it.

    Raises FairleadError that names what was missing last.
    """
    begun = time.monotonic()
    seen = 0
    while True:
        check()
        looked = time.monotonic()
        missing = _not_synced(wanted) or missing_rules(wanted.mode, wanted.families, wanted.parts(), commands)
        seen = 0 if missing else seen + 1
        if seen == 2:
            return time.monotonic() - begun
        if time.monotonic() - begun > timeout:
            raise FairleadError("kube-proxy", f"has not written all of its rules in {wanted.mode} mode within "
                                f"{timeout:g} s: {missing}", "read its log on the node")
        time.sleep(min(LONGEST_REST, max(POLL_SECONDS, REST * (time.monotonic() - looked))))


def missing_rules(mode: str, families: tuple[Family, ...], parts: Parts, commands: Commands) -> str:
    """What of the Services' path is not in the kernel; "" for nothing."""
    look = {"iptables": _iptables, "nftables": _nftables, "ipvs": proof_ipvs.missing}[mode]
    for family in families:
        missing = look(family, {name: part for (of, name), part in parts.items() if of == family.name}, commands)
        if missing:
            return f"{family.name}: {missing}"
    return ""


def _not_synced(wanted: Wanted) -> str:
    status, answered = ask.get(ask.METRICS_PORT, "/proxyMode")
    if status != 200:
        return "it does not answer"
    if answered.strip() != wanted.mode:
        raise FairleadError("kube_proxy_mode", f"kube-proxy came up in {answered.strip()} mode instead",
                            "read its log on the node", wanted.mode)
    stamps = dict(ask.SYNCED.findall(ask.get(ask.METRICS_PORT, "/metrics")[1]))
    late = [family.name for family in wanted.families
            if float(stamps.get(family.name, stamps.get("", "0"))) <= wanted.started]
    return f"no complete sync of {' and '.join(late)} since its start" if late else ""


def _iptables(family: Family, parts: dict[str, Part], commands: Commands) -> str:
    program = "iptables-save" if family.name == "IPv4" else "ip6tables-save"
    text = commands.check([program, "-t", "nat"], timeout=LISTING_SECONDS).stdout
    fronts = {" . ".join(found[:3]): found[3] for found in _FRONT.findall(text)}
    places, chains = dict(_TARGET.findall(text)), {}
    for chain, endpoint in _CHOICE.findall(text):
        chains.setdefault(chain, set()).add(places.get(endpoint, ""))
    if "-j MASQUERADE" not in text:
        return "the masquerade rule"
    for name, part in parts.items():
        for front in sorted(_served(part)):
            if front not in fronts:
                return f"{name} at {front}"
            there = chains.get(fronts[front], set())
            absent = [address for address in _inside(part, front) if fronts[front].startswith(_SERVICE_CHAINS)
                      and not any(place.rpartition(":")[0].strip("[]") == address for place in there)]
            if absent:
                return f"{name}'s endpoint {absent[0]}"
    return ""


def _nftables(family: Family, parts: dict[str, Part], commands: Commands) -> str:
    """One listing of the whole table: nft reads all of it for a single chain too, which took seconds for each."""
    listed = commands.run(["nft", "list", "table", family.ip, "kube-proxy"], timeout=LISTING_SECONDS)
    if not listed.ok:
        return "the table kube-proxy"
    blocks = dict(_blocks(listed.stdout))
    fronts = dict(_VERDICT.findall(blocks.get("map service-ips", "")))
    if "masquerade" not in blocks.get("chain masquerading", ""):
        return "the masquerade rule"
    for name, part in parts.items():
        lacking = _served(part) - set(fronts)
        if lacking:
            return f"{name} at {min(lacking)}"
        for front in _served(part):
            rules = blocks.get(f"chain {fronts[front]}", "")
            absent = [address for address in _inside(part, front) if fronts[front].startswith("service-")
                      and address not in rules and address.replace(":", ".") not in rules]
            if absent:
                return f"{name}'s endpoint {absent[0]}"
    return ""


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """("chain NAME", its text) of every chain, map and set of a table as nft prints it."""
    for block in text.split("\n\n"):
        head, _, body = block.strip().removeprefix("table ").partition(" {\n")
        if head.startswith("ip"):  # the first block stands behind the table's own head
            head, _, body = body.partition(" {\n")
            head = head.strip().rpartition("\n")[2]
        yield head.strip(), body


def _served(part: Part) -> set[str]:
    return {key for name, key in part.elements if name == "frontends"}


def _inside(part: Part, front: str) -> list[str]:
    """Addresses of the endpoints behind one front; those of a Service with affinity stand in its sets."""
    if part.pins:
        _address, protocol, number = front.split(" . ")
        behind = {each.removeprefix("goto ") for (name, key), each in part.elements.items()
                  if (name, key) == ("frontends", front)}
        rules = " ".join(rule for chain in behind for rule in _all_rules(part, chain))
        return [pin.address for name, pin in part.pins.items()
                if f"goto to-{name}" in rules and (pin.protocol, str(pin.number)) == (protocol, number)]
    return [value.partition(" . ")[0] for (name, key), value in part.elements.items()
            if name == "endpoints" and key.rpartition(" . ")[0] == front]


def _all_rules(part: Part, chain: str) -> Iterator[str]:
    """The rules of a chain and of those that it goes to."""
    for rule in part.chains.get(chain, ()):
        yield rule
        _, _, target = rule.partition("goto ")
        if target in part.chains:
            yield from part.chains[target]
