"""The change of a live node's mode, as a process of its own on the node: it goes on when ssh or the control node is
lost, and ends by itself.

At every moment the node has the old mode's rules, the bridge, or the new mode's. Phases: observe, bridge, stop,
handover (out of ipvs), configure, start, prove, carry, unbridge, reconcile, leftovers. Whatever fails from `stop` on
is undone under the same bridge. A guard that was killed leaves the bridge and the journal; the next run begins anew
under that bridge, towards the mode that is then wished, and so completes the change or undoes it.
"""
from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.bridge import layout, node, table
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask, inspect_node, leftovers, rules
from ansible.module_utils.fairlead.mode_change import (
    affinity,
    handover,
    ipvs,
    memory,
    objects,
    own_sources,
    proof,
    reconcile,
    token_file,
    ways,
)
from ansible.module_utils.fairlead.mode_change.follow import Bridge
from ansible.module_utils.fairlead.mode_change.journal import BACK, DONE, OPEN, STUCK, Journal

PAUSE_SECONDS = 5.0  # between two attempts to get back to the old mode
ATTEMPTS = 60
PATIENCE_SECONDS = 5.0  # somebody who only looks holds the lock for a moment


class Change:
    """request: from, to (modes), old, new (their places, as in ways.Way), node, families, configz (what the old
    kube-proxy ran with), timeout (seconds for a first sync), resumed (an earlier guard was killed); and what
    start.request() says of the way."""

    def __init__(self, request: dict[str, Any], way: ways.Way, journal: Journal, commands: Commands) -> None:
        self._state, self._way, self._journal, self._commands = request, way, journal, commands
        self._facts: node.NodeFacts | None = None
        self._bridge: Bridge | None = None
        self._aborted = ""
        self._clients: affinity.Clients = {}  # affinity, as of the moment at which kube-proxy was stopped
        self._sources: dict[str, str] = {}  # the node's own addresses, for its connections to Services

    def abort(self, *_signal: object) -> None:
        self._aborted = "it was told to stop"

    def run(self) -> None:
        try:
            self._observe()
            if self._is_there():
                self._end(DONE, self._settle())
                return
            self._bring_bridge()
        except FairleadError as error:
            if self._facts and not self._state.get("resumed"):  # the old mode serves: no bridge is needed
                self._commands.run(["nft", "-f", "-"], stdin=table.remove(self._facts.families))
                self._way.finish()
            # A change that was left is not undone by this: the next run must find it still open.
            self._end(STUCK if self._state.get("resumed") else BACK, f"nothing was changed: {error}")
            return
        try:
            self._switch(self._state["from"], self._state["to"], self._state["new"])
        except Exception as error:  # noqa: BLE001 - whatever it was, the node must not stay as it is
            self._journal.say(f"failed in phase {self._state['phase']}: {error}")
            self._go_back(str(error))
            return
        problem = self._settle()
        self._end(DONE, problem)

    def _observe(self) -> None:
        self._phase("observe", f"from {self._state['from']} to {self._state['to']} mode")
        access = self._way.access()
        self._way.try_out()
        if self._ipvs_has_servers():
            handover.require_room()
        found = objects.get(access, f"/api/v1/nodes/{self._state['node']}")
        addresses = inspect_node.node_addresses(self._commands)
        facts = node.facts(self._state["from"], self._state["configz"], found, addresses)
        served = [family for family in facts.families if family.name in self._state["families"]]
        self._facts = node.NodeFacts(facts.name, facts.zone, facts.addresses, tuple(served), facts.masquerade_all,
                                     facts.reject_addresses)
        self._bridge = Bridge(access, self._facts, self._commands, self._journal.say)
        self._bridge.read()
        self._sources = own_sources.node_sources((found.get("status") or {}).get("addresses") or ())

    def _is_there(self) -> bool:
        """Whether a change that was left had only its last phases before it, or a boot has completed it."""
        return bool(self._state.get("resumed")) and ask.ask().mode == self._state["to"] and (
            self._way.is_at(self._state["new"])) and not self._bridge.present()

    def _bring_bridge(self) -> None:
        bridge = self._bridge
        self._clients = {**self._remembered(self._state["from"]), **bridge.clients()}
        held = affinity.count(self._clients.values())
        self._phase("bridge", f"{len(bridge.parts)} Services and families, {held} affinity clients")
        if self._state.get("without_bridge"):
            return
        self._way.prepare(self._journal.say)
        bridge.load(self._clients)
        # Who came to the old mode between the look at its state and the load of the bridge.
        bridge.add_clients(affinity.newer(self._remembered(self._state["from"]), self._clients))
        if not bridge.present():
            raise FairleadError(table.TABLE, "is not in the kernel although nft took it", "look at nft list ruleset")
        bridge.follow()
        routes = own_sources.take(self._sources, self._commands)
        if routes:
            self._journal.say(f"the node asks {routes} Service addresses with its own address from now on")

    def _switch(self, old: str, new: str, place: str) -> None:
        """kube-proxy stopped, configured and started; the bridge out once its rules are proven."""
        self._phase("stop", old)
        self._way.stop(self._check)
        self._hand_over()
        self._phase("configure")
        self._way.configure(place)
        self._phase("start", new)
        started = time.time()
        self._way.start(place, self._check)
        self._phase("prove", new)
        wanted = proof.Wanted(new, self._facts.families, lambda: dict(self._bridge.parts), started)
        took = proof.wait(wanted, self._state["timeout"], self._commands, self._check)
        self._journal.say(f"first complete sync proven after {took:.1f} s")
        self._phase("carry")
        known = self._carry(new, {})
        self._phase("unbridge")
        self._bridge.stop()
        if self._bridge.present():
            self._bridge.leave_affinity()
        self._carry(new, known, last=True)
        if self._bridge.present() and not self._state.get("without_bridge"):
            raise FairleadError(table.TABLE, "is still there although nft removed it", "look at nft list tables")

    def _hand_over(self) -> None:
        """Connections that IPVS carries, whoever left it there; without the bridge nothing would serve new ones."""
        if not self._ipvs_has_servers() or self._state.get("without_bridge"):
            return
        self._phase("handover")
        outcome = handover.apply(self._facts.addresses, self._commands, self._journal.say)
        self._state["handed_over"] = {"flows": outcome.flows, "untracked": outcome.orphans, "refused": outcome.refused,
                                      "paused_seconds": round(outcome.paused, 3)}
        self._journal.say(outcome.words)
        kept = own_sources.keep(self._sources, self._commands)
        if kept:
            self._journal.say(f"device {own_sources.DEVICE} keeps {', '.join(kept)} for the node's own connections")

    @staticmethod
    def _ipvs_has_servers() -> bool:
        return bool(ipvs.servers(files.read_text(str(ipvs.SERVERS)) or ""))

    def _carry(self, new: str, known: affinity.Clients, *, last: bool = False) -> affinity.Clients:
        """Give the new mode's state what the bridge knows; with `last` take the bridge out, in the same transaction
        where the new mode's state is nftables sets."""
        clients, pins = self._bridge.clients() or self._clients, self._bridge.pins()
        fresh = affinity.newer({pin: held for pin, held in clients.items() if pin in pins}, known)
        remove = table.remove(self._facts.families) if last else ""
        lost = memory.give(new, fresh, self._bridge, remove, self._commands)
        if lost:
            self._state["affinity_lost"] = self._state.get("affinity_lost", 0) + lost
            self._journal.say(f"{lost} persistence templates were not taken by IPVS: those clients with affinity may "
                              "be sent to another endpoint")
        return clients

    def _settle(self) -> str:
        """After the change: nothing here can cost a connection that is not lost already. What failed, as a sentence."""
        os.nice(10)  # from here on nobody waits, and the node has traffic to serve
        try:
            self._phase("reconcile")
            whole = {family.name: layout.whole(part for (of, _name), part in self._bridge.parts.items()
                                               if of == family.name) for family in self._facts.families}
            deleted = reconcile.apply(self._facts.families, whole, self._facts.addresses)
            self._journal.say(f"{deleted} entries of connection tracking that led nowhere were deleted")
            self._phase("leftovers")
            kernel = rules.observe(self._commands)
            planned = leftovers.plan(kernel, self._state["to"], self._facts.addresses)
            for step in planned.steps:
                leftovers.apply(step, self._commands)
                self._journal.say(step.describe())
            self._let_go()
        except (FairleadError, OSError) as error:
            return f"the mode is changed, but phase {self._state['phase']} failed: {error}"
        return self._way.finish()

    def _go_back(self, reason: str) -> None:
        """The old mode again, under the bridge that is still there; until it serves."""
        self._aborted = ""
        old = self._state["from"]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._journal.say(f"back to {old} mode, attempt {attempt}")
                if not self._bridge.present() and not self._state.get("without_bridge"):
                    self._bridge.load(self._clients)
                self._switch(self._state["to"], old, self._state["old"])
                own_sources.give_back(self._sources, self._commands)
            except Exception as error:  # noqa: BLE001 - the bridge serves meanwhile; try again
                self._journal.say(f"not yet back: {error}")
                time.sleep(PAUSE_SECONDS)
                continue
            self._let_go()
            self._end(BACK, "; ".join(filter(None, (reason, self._way.finish()))))
            return
        self._end(STUCK, f"{reason}; and {old} mode does not serve either. The bridge stays, with the endpoints of now")

    def _let_go(self) -> None:
        """Of what kept the node's own connections. That it stays is never worth another change."""
        try:
            waiting = own_sources.release(self._commands)
        except (FairleadError, OSError) as error:
            waiting = f"device {own_sources.DEVICE} stays: {error}"
        if waiting:
            self._journal.say(waiting)

    def _remembered(self, mode: str) -> affinity.Clients:
        return memory.read(mode, self._bridge, self._facts.addresses, self._commands, self._journal.say)

    def _check(self) -> None:
        if self._aborted:
            raise FairleadError("mode change", self._aborted, "run it again when the cause is gone")

    def _phase(self, name: str, text: str = "") -> None:
        self._check()
        self._journal.phase(self._state, name, text)
        pause = self._state.get("pauses", {}).get(name)
        if pause:  # the tests' way to have time for a fault
            time.sleep(pause)

    def _end(self, outcome: str, text: str) -> None:
        self._state.update(outcome=outcome, text=text, ended=time.time())
        self._journal.write(self._state)
        self._journal.say(f"{outcome}{': ' if text else ''}{text}")


def main() -> None:
    """The guard's process: python3 guard.zip PLACE."""
    journal = Journal(sys.argv[1])
    descriptor = journal.take(PATIENCE_SECONDS)
    request, commands = {**journal.read(), **journal.test_words()}, Commands()
    if request["outcome"] != OPEN:
        return  # a boot's program, which was quicker, has ended it
    change = Change(request, ways.of(request, token_file.take(), commands), journal, commands)
    signal.signal(signal.SIGTERM, change.abort)
    try:
        change.run()
    finally:
        os.close(descriptor)
