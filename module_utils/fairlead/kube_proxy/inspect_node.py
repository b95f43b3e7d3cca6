"""One look at a node: rules by tool, leftovers, servers of others, and the mode that is configured."""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kube_proxy import leftovers, rules
from ansible.module_utils.fairlead.kube_proxy.decode import read


@dataclass(frozen=True)
class Inspected:
    """As kube_proxy_info returns it."""

    configured_mode: str
    rules: dict[str, bool]
    tools: dict[str, Any]
    leftovers: list[dict[str, str]]
    foreign_servers: list[str]


def inspect(running: str, path: str, commands: Commands) -> Inspected:
    """running: the mode that answers, "" for none; path: the configuration file on this node."""
    kernel, local = rules.observe(commands), node_addresses(commands)
    return Inspected(
        configured_mode=configured_mode(read_text(path) or ""), rules=rules.present(kernel), tools=tools(kernel, local),
        leftovers=[vars(one) for one in leftovers.find(kernel, running, local)],
        foreign_servers=[f"{one.protocol} {one.address}:{one.port}" for one in leftovers.foreign(kernel, local)])


def node_addresses(commands: Commands) -> tuple[str, ...]:
    """Addresses of this machine's links, those of kube-ipvs0 left out."""
    links = json.loads(commands.check(["ip", "--json", "address", "show"]).stdout or "[]")
    return tuple(info["local"] for link in links if link.get("ifname") != rules.DUMMY
                 for info in link.get("addr_info", []) if "local" in info)


def tools(kernel: rules.Kernel, local: tuple[str, ...]) -> dict[str, Any]:
    return {
        "chains": {f"{family} {backend}": len(leftovers.doomed(text, ""))
                   for (family, backend), text in kernel.saved.items()},
        "nft_tables": list(kernel.nft), "ipvs": len(leftovers.ours(kernel, local)),
        "ipsets": sum(map(leftovers.is_our_set, kernel.sets)), "kube_ipvs0": kernel.addresses is not None}


def configured_mode(text: str) -> str:
    """The mode of a file that we wrote: JSON under comments. Another's may be YAML, which a node cannot read."""
    try:
        return str(read(text).get("mode", "")) if text else ""
    except (ValueError, AttributeError):
        return ""
