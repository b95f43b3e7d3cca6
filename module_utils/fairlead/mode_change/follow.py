"""The bridge on a node: put in place, kept equal to the cluster while it is there, taken out."""
from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.fairlead.bridge import endpoints, layout, table
from ansible.module_utils.fairlead.bridge.layout import Part
from ansible.module_utils.fairlead.bridge.node import NodeFacts
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.mode_change import affinity, objects
from ansible.module_utils.fairlead.mode_change.kubeconfig import Access

GATHER_SECONDS = 0.05  # events that arrive together become one transaction
NFT_SECONDS = 120.0
Object = dict[str, Any]


class Bridge:
    """`parts`: (family, namespace/name) -> what that Service has in the table now."""

    def __init__(self, access: Access, facts: NodeFacts, commands: Commands, say: Callable[[str], None]) -> None:
        self.facts, self.parts = facts, {}  # type: NodeFacts, dict[tuple[str, str], Part]
        self._access, self._commands, self._say = access, commands, say
        self._services: dict[str, Object] = {}
        self._slices: dict[str, dict[str, Object]] = {}
        self._events: queue.Queue[tuple[str, str, Any]] = queue.Queue()
        self._watches: list[objects.Watch] = []
        self._worker: threading.Thread | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def read(self) -> None:
        """The cluster as it is now. Raises FairleadError when the API server cannot be asked."""
        listed = {path: objects.get(self._access, path) for path in (objects.SERVICES, objects.SLICES)}
        for item in listed[objects.SERVICES]["items"] or ():
            self._services[endpoints.service_name(item)] = item
        for item in listed[objects.SLICES]["items"] or ():
            self._slices.setdefault(endpoints.service_name(item), {})[item["metadata"]["name"]] = item
        for name in self._services:
            self._compute(name)
        self._watches = [objects.Watch(self._access, path, answer["metadata"]["resourceVersion"], self._events)
                         for path, answer in listed.items()]

    def pins(self) -> dict[str, layout.Pin]:
        return {name: pin for part in list(self.parts.values()) for name, pin in part.pins.items()}

    def load(self, clients: affinity.Clients) -> None:
        """Put the table in place, in one transaction, whatever bears its name."""
        with self._lock:
            self._load(clients)

    def follow(self) -> None:
        """Keep the table equal to the cluster from now on."""
        for watch in self._watches:
            watch.start()
        self._worker = threading.Thread(target=self._work, daemon=True, name="bridge")
        self._worker.start()

    def stop(self) -> None:
        """Change the table no more."""
        self._ended.set()
        for watch in self._watches:
            watch.stop()
        if self._worker:
            self._worker.join(NFT_SECONDS)

    def clients(self) -> affinity.Clients:
        """Affinity clients that the bridge knows, with the seconds that are left to each."""
        pins = self.pins()
        return affinity.of_sets(pins, {name: name for name in pins}, table.TABLE, self._commands)

    def add_clients(self, clients: affinity.Clients) -> None:
        pins = self.pins()
        text = "".join(table.add_clients(family, clients, pins) for family in self.facts.families)
        if text:
            self._nft(text)

    def leave_affinity(self) -> None:
        """Serve Services with affinity no more: their new clients are the new mode's, so that nobody is remembered by
        the bridge after its sets were read for the last time."""
        text = ""
        for family in self.facts.families:
            for (of, _name), part in list(self.parts.items()):
                if of == family.name and part.pins:
                    text += table.leave(family, part)
        if text:
            self._nft(text)

    def present(self) -> bool:
        return all(in_kernel(family.ip, self._commands) for family in self.facts.families)

    def _load(self, clients: affinity.Clients) -> None:
        whole = {family.name: layout.whole(part for (of, _name), part in self.parts.items() if of == family.name)
                 for family in self.facts.families}
        self._nft(table.load(self.facts, whole, clients))

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                first = self._events.get(timeout=0.2)
            except queue.Empty:
                continue
            time.sleep(GATHER_SECONDS)
            touched = self._take(first)
            with contextlib.suppress(queue.Empty):
                while True:
                    touched |= self._take(self._events.get_nowait())
            if not self._ended.is_set():
                self._update(touched)

    def _take(self, event: tuple[str, str, Any]) -> set[str]:
        """Note what an event says; the Services that it touches."""
        path, kind, item = event
        if kind == "LISTED":
            return self._anew(path, item)
        name = endpoints.service_name(item)
        if path == objects.SERVICES:
            self._services[name] = item
            if kind == "DELETED":
                del self._services[name]
        elif kind == "DELETED":
            self._slices.get(name, {}).pop(item["metadata"]["name"], None)
        else:
            self._slices.setdefault(name, {})[item["metadata"]["name"]] = item
        return {name}

    def _anew(self, path: str, items: list[Object]) -> set[str]:
        if path == objects.SERVICES:
            self._services = {endpoints.service_name(item): item for item in items}
        else:
            self._slices = {}
            for item in items:
                self._slices.setdefault(endpoints.service_name(item), {})[item["metadata"]["name"]] = item
        return {*self._services, *(name for _family, name in self.parts)}

    def _update(self, touched: set[str]) -> None:
        before = {key: self.parts.get(key, Part()) for name in touched for key in self._keys(name)}
        for name in touched:
            self._compute(name)
        text = "".join(table.change(family, old, self.parts.get((family.name, name), Part()))
                       for (of, name), old in before.items() for family in self.facts.families if family.name == of)
        if not text:
            return
        with self._lock:
            try:
                self._nft(text)
            except FairleadError as error:
                self._say(f"a change of endpoints was refused, so the whole bridge is loaded anew: {error}")
                self._load(self.clients())

    def _keys(self, name: str) -> list[tuple[str, str]]:
        return [(family.name, name) for family in self.facts.families]

    def _compute(self, name: str) -> None:
        service = self._services.get(name)
        for family in self.facts.families:
            if service is None:
                self.parts.pop((family.name, name), None)
            else:
                self.parts[family.name, name] = layout.service_part(
                    service, self._slices.get(name, {}).values(), family, self.facts)

    def _nft(self, text: str) -> None:
        self._commands.check(["nft", "-f", "-"], timeout=NFT_SECONDS, stdin=text)


def in_kernel(ip: str, commands: Commands) -> bool:
    """Whether the bridge serves this family, "ip" or "ip6"."""
    return commands.run(["nft", "list", "chain", ip, table.TABLE, "services"]).ok
