"""kube-proxy as a pod of the DaemonSet that the node's label names: away by the label "none", there by another one.

Two credentials, because no single one can do both. The label is changed with kubelet's: the guard must be able to go
on, and back, when the control node is lost, and a node may change its own labels (NodeRestriction forbids only those of
kubernetes.io). Services and EndpointSlices are read with a token of kube-proxy's account, since kubelet may not read
slices, and a token that a pod has ends with that pod.
"""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.daemonset_node import (
    LABEL,
    NAMESPACE,
    NOBODY,
    WAY_BACK,
    label_of,
    name_of,
    proxies,
)
from ansible.module_utils.fairlead.mode_change import boot_unit, kubeconfig, objects

POLL_SECONDS = 0.5
VARIABLE = "kube_proxy_kubelet_kubeconfig"
WHOSE = "the node's kubelet (its own Node and pods)"
PROGRAM = "kube-proxy"
PROC = Path("/proc")


class DaemonSetWay:
    """As ways.Way says. back: the label to which a failure leads; seconds: that each wait may take; boot: what leads
    there when the node loses power meanwhile."""

    def __init__(self, node: str, back: str, kubelet: str, token: str, seconds: float, *,
                 boot: boot_unit.BootUnit) -> None:
        self._node, self._back, self._kubelet, self._token = node, back, kubelet, token
        self._seconds, self._boot = seconds, boot

    def access(self) -> kubeconfig.Access:
        if not self._token:
            raise FairleadError("token", "the guard was given none, or another has used it up",
                                "run role kube_proxy again: it mints one for each change")
        return kubeconfig.with_token(self._kubelet, self._token, VARIABLE)

    def try_out(self) -> None:
        self._patch(NOBODY, self._back, dryRun="All")
        self._pods()

    def prepare(self, say: Callable[[str], None]) -> None:
        say(self._boot.install())

    def is_at(self, place: str) -> bool:
        return label(self._node, self._kubelet) == place

    def stop(self, check: Callable[[], None]) -> None:
        # The way back is noted in the cluster: its DaemonSet must not be removed by a run for another node.
        self._wait(f"the API server to take the label of {self._node}", lambda: self._patch(NOBODY, self._back), check)
        self._wait(f"the pod of kube-proxy on {self._node} to end, and its process",
                   lambda: not self._pods() and not processes(), check)

    def configure(self, place: str) -> None:
        """The configuration of each place was written before the change began, and never changes."""

    def start(self, place: str, check: Callable[[], None]) -> None:
        self._wait(f"the API server to take the label of {self._node}", lambda: self._patch(place, self._back), check)
        self._wait(f"the pod of {name_of(place)} on {self._node} to run",
                   lambda: proxies(self._pods()) == {name_of(place): True}, check)

    def finish(self) -> str:
        problems = []
        try:
            objects.patch(_kubelet(self._kubelet), _path(self._node), {"metadata": {"annotations": {WAY_BACK: None}}})
        except FairleadError as error:
            problems.append(f"annotation {WAY_BACK} stays on the node, and with it the DaemonSet it names: {error}")
        try:
            self._boot.remove(stop=True)
        except FairleadError as error:
            problems.append(f"{boot_unit.NAME} stays until the node boots, and does nothing then: {error}")
        return "; ".join(problems)

    def _patch(self, place: str, back: str, **query: str) -> bool:
        objects.patch(_kubelet(self._kubelet), _path(self._node), {"metadata": {
            "labels": {LABEL: place or None}, "annotations": {WAY_BACK: back}}}, **query)
        return True

    def _pods(self) -> list[dict[str, Any]]:
        """Those of kube-proxy on this node."""
        listed = objects.get(_kubelet(self._kubelet), f"/api/v1/namespaces/{NAMESPACE}/pods",
                             fieldSelector=f"spec.nodeName={self._node}")
        return [pod for pod in listed["items"] or () if proxies([pod])]

    def _wait(self, what: str, is_so: Callable[[], bool], check: Callable[[], None]) -> None:
        """An API server that gives no answer is asked again: the bridge serves meanwhile."""
        deadline = time.monotonic() + self._seconds
        while True:
            check()
            last = ""
            try:
                if is_so():
                    return
            except FairleadError as error:
                last = f"; the last try: {error}"
            if time.monotonic() > deadline:
                raise FairleadError("kube_proxy_deployment", f"waited {self._seconds:g} s for {what}{last}",
                                    f"run kubectl -n {NAMESPACE} describe pods --field-selector "
                                    f"spec.nodeName={self._node}")
            time.sleep(POLL_SECONDS)


def label(node: str, kubelet: str) -> str:
    """The node's label now, "" for none, asked with kubelet's credentials."""
    return label_of(observe(node, kubelet)) or ""


def observe(node: str, kubelet: str) -> dict[str, Any]:
    """The Node object now."""
    return objects.get(_kubelet(kubelet), _path(node))


def put_back(seen: dict[str, Any], place: str, kubelet: str) -> None:
    """Label and annotation as before the change. Refused if anybody has changed the Node since it was seen: the API
    server compares the version."""
    metadata = seen["metadata"]
    objects.patch(_kubelet(kubelet), _path(metadata["name"]), {"metadata": {
        "resourceVersion": metadata["resourceVersion"], "labels": {LABEL: place or None},
        "annotations": {WAY_BACK: None}}})


def processes(proc: Path = PROC) -> list[int]:
    """Those of kube-proxy in this process's own network namespace; a zombie has ended. Another namespace's kube-proxy,
    such as that of a cluster in containers, is not this node's."""
    own = os.readlink(proc / "self/ns/net")
    return [number for number, state, network in _all(proc) if state != "Z" and network == own]


def _all(proc: Path) -> Iterator[tuple[int, str, str]]:
    for place in proc.glob("[0-9]*"):
        try:
            program, _paren, rest = (place / "stat").read_text(encoding="utf-8").partition("(")[2].rpartition(")")
            if program == PROGRAM:
                yield int(place.name), rest.split()[0], os.readlink(place / "ns/net")
        except (OSError, UnicodeDecodeError, IndexError):  # it ended meanwhile
            continue


def _kubelet(path: str) -> kubeconfig.Access:
    """Read each time: kubelet's certificate is renewed."""
    return kubeconfig.read(path, VARIABLE, WHOSE)


def _path(node: str) -> str:
    return f"/api/v1/nodes/{node}"
