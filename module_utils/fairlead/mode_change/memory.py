"""What a mode remembers of clients with affinity: read out of the old one, given to the new one."""
from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.mode_change import affinity, ipvs, ipvs_templates
from ansible.module_utils.fairlead.mode_change.follow import Bridge


def read(mode: str, bridge: Bridge, node_addresses: tuple[str, ...], commands: Commands,
         say: Callable[[str], None]) -> affinity.Clients:
    """By the bridge's pins."""
    pins = bridge.pins()
    if mode == "iptables":
        return affinity.of_iptables(pins)
    if mode == "nftables":
        return affinity.of_sets(pins, {name: affinity.set_name(pin) for name, pin in pins.items()}, affinity.TABLE,
                                commands)
    templates = (row for row in ipvs.rows(ipvs.read()) if row.template)
    found, ambiguous = ipvs.clients(templates, dict(bridge.parts), node_addresses)
    if ambiguous:
        say(f"{ambiguous} clients had another endpoint at each address of one Service; the younger one was taken")
    return found


def give(mode: str, clients: affinity.Clients, bridge: Bridge, remove: str, commands: Commands) -> int:
    """Write them into the mode's state; how many could not be. remove: nft commands that take the bridge out, in the
    same transaction where the state is nftables sets."""
    pins, lost, text = bridge.pins(), 0, ""
    if mode == "iptables":
        affinity.into_iptables(clients, pins)
    elif mode == "nftables":
        text = affinity.into_sets(clients, pins)
    else:
        lost = _into_ipvs(clients, bridge, commands)
    if text and not commands.run(["nft", "-f", "-"], stdin=text + remove).ok:
        # A set is gone with its endpoint: the others one by one, so that one does not cost all.
        for pin, held in clients.items():
            commands.run(["nft", "-f", "-"], stdin=affinity.into_sets({pin: held}, pins))
        text = ""
    if remove and not text:
        commands.check(["nft", "-f", "-"], stdin=remove)
    return lost


def _into_ipvs(clients: affinity.Clients, bridge: Bridge, commands: Commands) -> int:
    addresses = bridge.facts.addresses
    asked = ipvs_templates.wanted(clients, bridge.pins(), list(bridge.parts.values()), addresses)
    four = next((each for each in addresses if ":" not in each and not each.startswith("127.")), "")
    written = ipvs_templates.write(asked, four, commands) if four else 0
    return len(asked) - written
