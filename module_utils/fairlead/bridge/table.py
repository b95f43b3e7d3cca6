"""The bridge as nftables text: the whole table, and the difference between two states of a Service's part. Pure."""
from __future__ import annotations

from collections.abc import Iterator

from ansible.module_utils.fairlead.bridge.layout import Part, Pin
from ansible.module_utils.fairlead.bridge.node import MARK, Family, NodeFacts

TABLE = "fairlead-bridge"
# Before kube-proxy's -100, so that the bridge decides while both are there.
NAT_PRIORITY, MASQUERADE_PRIORITY, GUARD_PRIORITY = -105, 95, -110
# Only an opening packet may be given an endpoint: a later one without an entry belongs to an old connection.
OPENING = "meta l4proto tcp tcp flags & (syn | ack) != syn return"


def load(node: NodeFacts, parts: dict[str, Part], clients: dict[str, dict[str, int]]) -> str:
    """One transaction that puts the table in place of whatever bears its name.

    parts: family -> all Services; clients: pin -> client address -> remaining seconds
    """
    lines: list[str] = []
    for family in node.families:
        lines += [f"table {family.ip} {TABLE}", f"delete table {family.ip} {TABLE}"]
        lines += _table(family, node, parts[family.name], clients)
    return "\n".join(lines) + "\n"


def remove(families: tuple[Family, ...]) -> str:
    """One transaction that takes the bridge out, whether it is there or not."""
    return "".join(f"table {family.ip} {TABLE}\ndelete table {family.ip} {TABLE}\n" for family in families)


def add_clients(family: Family, clients: dict[str, dict[str, int]], pins: dict[str, Pin]) -> str:
    """Clients that came to the old mode while the table was being loaded. Those that the bridge knows stay as they
    are."""
    return "".join(f"add element {family.ip} {TABLE} {name} {{ {_timed(found, pins[name].seconds)} }}\n"
                   for name, found in sorted(clients.items()) if found and pins[name].family == family.name)


def leave(family: Family, part: Part) -> str:
    """The commands after which the bridge no longer serves a Service; kube-proxy's rules then do."""
    return "".join(f"delete element {family.ip} {TABLE} {name} {{ {key} }}\n" for name, key in part.elements
                   if name.endswith("frontends"))


def change(family: Family, old: Part, new: Part) -> str:
    """The transaction from one state of a Service's part to the next; "" when nothing differs.

    Chains that several Services share are never removed, only added: they are few and cost nothing.
    """
    out, where = [], f"{family.ip} {TABLE}"
    out += [f"add set {where} {_pin(name, family, pin)}" for name, pin in new.pins.items() if name not in old.pins]
    fresh = {name: rules for name, rules in new.chains.items() if old.chains.get(name) != rules}
    out += [f"add chain {where} {name}" for name in fresh]
    out += [f"flush chain {where} {name}" for name in fresh]
    out += [f"add rule {where} {name} {rule}" for name, rules in fresh.items() for rule in rules]
    out += [f"delete element {where} {name} {{ {key} }}" for (name, key), value in old.elements.items()
            if new.elements.get((name, key)) != value and name != "hairpin"]
    out += [f"add element {where} {name} {{ {key}{f' : {value}' if value else ''} }}"
            for (name, key), value in new.elements.items() if old.elements.get((name, key)) != value]
    return "\n".join(out) + "\n" if out else ""


def _table(family: Family, node: NodeFacts, part: Part, clients: dict[str, dict[str, int]]) -> Iterator[str]:
    filled: dict[str, list[str]] = {}
    for (name, key), value in part.elements.items():
        filled.setdefault(name, []).append(f"{key} : {value}" if value else key)
    filled["node-addresses"] = list(family.node_ports or ())
    yield f"table {family.ip} {TABLE} {{"
    for name, declaration in _sets(family).items():
        yield f"{declaration[0]} {name} {{ {declaration[1]}"
        if filled.get(name):
            yield f"elements = {{ {', '.join(filled[name])} }}"
        yield "}"
    for name, pin in part.pins.items():
        yield f"set {_pin(name, family, pin, clients.get(name) or {})}"
    yield "chain refuse { reject; }"
    for name, rules in part.chains.items():
        yield f"chain {name} {{\n" + "\n".join(rules) + "\n}"
    yield from _hooks(family, node)
    yield "}"


def _pin(name: str, family: Family, pin: Pin, clients: dict[str, int] | None = None) -> str:
    held = f"; elements = {{ {_timed(clients, pin.seconds)} }}" if clients else ""
    return f"{name} {{ type {family.type}; flags dynamic,timeout; timeout {pin.seconds}s{held}; }}"


def _timed(clients: dict[str, int], seconds: int) -> str:
    return ", ".join(f"{address} timeout {seconds}s expires {max(1, min(left, seconds))}s"
                     for address, left in sorted(clients.items()))


def _sets(family: Family) -> dict[str, tuple[str, str]]:
    fixed, node = f"{family.ip} daddr . meta l4proto . th dport", "meta l4proto . th dport"
    index, target = "numgen random mod 65536", f"{family.ip} daddr . th dport"
    verdict, plain = f"type {family.type} . inet_proto . inet_service", "type inet_proto . inet_service"
    return {
        "frontends": ("map", f"{verdict} : verdict"), "node-frontends": ("map", f"{plain} : verdict"),
        "refused": ("map", f"{verdict} : verdict"), "node-refused": ("map", f"{plain} : verdict"),
        "endpoints": ("map", f"typeof {fixed} . {index} : {target}"),
        "near-endpoints": ("map", f"typeof {fixed} . {index} : {target}"),
        "node-endpoints": ("map", f"typeof {node} . {index} : {target}"),
        "node-near-endpoints": ("map", f"typeof {node} . {index} : {target}"),
        "addresses": ("set", f"type {family.type}"),
        "node-addresses": ("set", f"type {family.type}"),
        "hairpin": ("set", f"type {family.type} . {family.type}"),
        "guarded": ("set", verdict),
        "admitted": ("set", f"{verdict} . {family.type}; flags interval"),
    }


def _hooks(family: Family, node: NodeFacts) -> Iterator[str]:
    ip, fixed, ported = family.ip, f"{family.ip} daddr . meta l4proto . th dport", "meta l4proto . th dport"
    local = _node_port_match(family)
    # iptables mode leaves loopback out of what it serves, not of what it refuses
    refused = local if family.node_ports is not None else "fib daddr type local"
    yield f"""chain services {{
{OPENING}
{fixed} vmap @frontends
{local} {ported} vmap @node-frontends
}}
chain nat-prerouting {{ type nat hook prerouting priority {NAT_PRIORITY}; goto services; }}
chain nat-output {{ type nat hook output priority {NAT_PRIORITY}; goto services; }}
chain nat-postrouting {{
type nat hook postrouting priority {MASQUERADE_PRIORITY};
meta mark & {MARK:#x} == {MARK:#x} meta mark set meta mark ^ {MARK:#x} masquerade fully-random
ct status dnat {ip} saddr . {ip} daddr @hairpin masquerade fully-random
}}
chain guard {{ {fixed} @guarded {fixed} . {ip} saddr != @admitted drop; }}
chain guard-prerouting {{ type filter hook prerouting priority {GUARD_PRIORITY}; ct state new jump guard; }}
chain guard-output {{ type filter hook output priority {GUARD_PRIORITY}; ct state new jump guard; }}
chain refusals {{
{fixed} vmap @refused
{refused} {ported} vmap @node-refused"""
    if node.reject_addresses:
        yield f"{ip} daddr @addresses reject"
    yield "}"
    for hook in ("input", "forward", "output"):
        yield f"chain refuse-{hook} {{ type filter hook {hook} priority 0; ct state new jump refusals; }}"


def _node_port_match(family: Family) -> str:
    if family.node_ports is not None:
        return f"{family.ip} daddr @node-addresses"
    if family.name == "IPv6":
        return "fib daddr type local ip6 daddr != ::1"
    return "fib daddr type local" + ("" if family.loopback else " ip daddr != 127.0.0.0/8")
