"""The effects of the daemonset way, on the API server. Control node only."""
from __future__ import annotations

import json
import time
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import daemonset
from ansible.module_utils.fairlead.kube_proxy.daemonset import KUBEADM, LABEL, NAMESPACE, NOBODY, Observed
from ansible.module_utils.fairlead.plan import Step

POLL_SECONDS = 1.0


class Cluster:
    """Reads and changes the few objects that are involved; a wait ends after `timeout` seconds."""

    def __init__(self, kubeconfig: str | None, timeout: float) -> None:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - on the control node only
        except ImportError as error:
            raise FairleadError("kubernetes", missing_required_lib("kubernetes").rstrip("."),
                                "install it for the interpreter of this host") from error
        try:
            config.load_kube_config(config_file=kubeconfig or None)
        except (config.ConfigException, OSError) as error:
            raise FairleadError("kubeconfig", f"cannot be used: {error}", "name one that the control node can read",
                                kubeconfig) from error
        self._core, self._apps, self._timeout = client.CoreV1Api(), client.AppsV1Api(), timeout
        self._failure = client.ApiException

    def observe(self) -> Observed:
        daemon_sets = {item["metadata"]["name"]: item for item in self._items(
            self._apps.list_namespaced_daemon_set, NAMESPACE)}
        config_maps = {item["metadata"]["name"]: item for item in self._items(
            self._core.list_namespaced_config_map, NAMESPACE)}
        nodes = self._items(self._core.list_node)
        return Observed(
            kubeadm=daemon_sets.get(KUBEADM), kubeadm_config=config_maps.get(KUBEADM),
            config_maps=frozenset(config_maps), daemon_sets=daemon_sets,
            labels={node["metadata"]["name"]: node["metadata"].get("labels", {}).get(LABEL) for node in nodes})

    def apply(self, step: Step) -> None:
        try:
            if step.action == "move":
                self._move(*step.data)
            elif step.action == "restrict":
                self._apps.patch_namespaced_daemon_set(KUBEADM, NAMESPACE, daemonset.aside_patch())
            elif step.data["kind"] == "ConfigMap":
                self._core.create_namespaced_config_map(NAMESPACE, step.data)
            elif step.action == "create":
                self._apps.create_namespaced_daemon_set(NAMESPACE, step.data)
            else:
                self._apps.patch_namespaced_daemon_set(step.data["metadata"]["name"], NAMESPACE, step.data)
        except self._failure as error:
            raise FairleadError(step.target, f"was refused by the API server: {error.reason}: {_message(error)}",
                                "use a kubeconfig that may change kube-system and nodes") from error

    def _move(self, node: str, mode: str) -> None:
        """Old pod away, then new pod: never two proxies on a node. The rules stay in the kernel meanwhile."""
        self._label(node, NOBODY)
        self._wait(node, f"the old pod of kube-proxy on {node} to end", lambda pods: not pods)
        self._label(node, mode)
        self._wait(node, f"the pod {KUBEADM}-{mode} on {node} to run", lambda pods: any(map(_runs, pods)))

    def _label(self, node: str, value: str) -> None:
        self._core.patch_node(node, {"metadata": {"labels": {LABEL: value}}})

    def _wait(self, node: str, what: str, is_so: Any) -> None:
        deadline = time.monotonic() + self._timeout
        while not is_so(self._proxy_pods(node)):
            if time.monotonic() > deadline:
                raise FairleadError(f"node {node}", f"waited {self._timeout:g} s for {what}",
                                    f"run kubectl -n {NAMESPACE} describe pods --field-selector spec.nodeName={node}")
            time.sleep(POLL_SECONDS)

    def _proxy_pods(self, node: str) -> list[dict[str, Any]]:
        pods = self._items(self._core.list_namespaced_pod, NAMESPACE, field_selector=f"spec.nodeName={node}")
        return [pod for pod in pods if any(owner["kind"] == "DaemonSet" and owner["name"].startswith(KUBEADM)
                                           for owner in pod["metadata"].get("ownerReferences", []))]

    def _items(self, call: Any, *words: str, **options: Any) -> list[dict[str, Any]]:
        try:
            return json.loads(call(*words, **options, _preload_content=False, _request_timeout=15).data)["items"]
        except self._failure as error:
            raise FairleadError("kubeconfig", f"the API server refused to list objects: {error.reason}",
                                "use a kubeconfig that may read nodes and kube-system") from error
        except OSError as error:
            raise FairleadError("kubeconfig", f"the API server cannot be reached: {error}",
                                "look whether it runs and the address is right") from error


def _runs(pod: dict[str, Any]) -> bool:
    statuses = pod["status"].get("containerStatuses", [])
    return bool(statuses) and all("running" in status["state"] for status in statuses)


def _message(error: Any) -> str:
    try:
        return json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        return "no reason given"
