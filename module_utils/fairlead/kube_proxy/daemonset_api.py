"""The effects of the daemonset way, on the API server. Control node only."""
from __future__ import annotations

import json
import time
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import daemonset, daemonset_node
from ansible.module_utils.fairlead.kube_proxy.daemonset import Observed
from ansible.module_utils.fairlead.kube_proxy.daemonset_node import KUBEADM, LABEL, NAMESPACE, NOBODY, label_of
from ansible.module_utils.fairlead.plan import Step

POLL_SECONDS = 1.0


class Cluster:
    """Reads and changes the few objects that are involved; a wait ends after `timeout` seconds."""

    def __init__(self, kubeconfig: str | None, timeout: float) -> None:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - on the control node only
            from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with kubernetes
        except ImportError as error:
            raise FairleadError("kubernetes", missing_required_lib("kubernetes").rstrip("."),
                                "install it for the interpreter of this host") from error
        try:
            config.load_kube_config(config_file=kubeconfig or None)
        except (config.ConfigException, OSError) as error:
            raise FairleadError("kubeconfig", f"cannot be used: {error}", "name one that the control node can read",
                                kubeconfig) from error
        self._core, self._apps, self._timeout = client.CoreV1Api(), client.AppsV1Api(), timeout
        self._failure, self._unreachable = client.ApiException, (OSError, HTTPError)

    def observe(self) -> Observed:
        daemon_sets = self._named(self._apps.list_namespaced_daemon_set, NAMESPACE)
        config_maps = self._named(self._core.list_namespaced_config_map, NAMESPACE)
        nodes = self._named(self._core.list_node)
        return Observed(
            kubeadm=daemon_sets.get(KUBEADM), kubeadm_config=config_maps.get(KUBEADM), config_maps=config_maps,
            daemon_sets=daemon_sets, labels={name: label_of(node) for name, node in nodes.items()},
            ways_back=tuple(sorted(back for node in nodes.values()
                                   for back in [daemonset_node.way_back_of(node)] if back)))

    def apply(self, step: Step) -> None:
        """One step of daemonset.plan()."""
        core, apps = self._core, self._apps
        try:
            if step.action == "restrict":
                kubeadm = self.observe().kubeadm
                apps.patch_namespaced_daemon_set(KUBEADM, NAMESPACE, daemonset.restrict_patch(kubeadm))
            elif step.action == "restore":
                kubeadm = self.observe().kubeadm
                apps.patch_namespaced_daemon_set(KUBEADM, NAMESPACE, daemonset.restore_patch(kubeadm))
                self._wait("kubeadm's pods to be restarted, one after the other", self._rolled_out,
                           f"daemonset {KUBEADM}")
            else:
                kind, name = step.data["kind"], step.data["metadata"]["name"]
                verb, body = ("create", step.data) if step.action == "create" else ("delete", name)
                words = (NAMESPACE, body) if verb == "create" else (name, NAMESPACE)
                of = core if kind == "ConfigMap" else apps
                noun = "config_map" if kind == "ConfigMap" else "daemon_set"
                getattr(of, f"{verb}_namespaced_{noun}")(*words)
        except self._failure as error:
            raise self._refused(step.target, error) from error

    def proxies(self, node: str) -> tuple[str, dict[str, bool]]:
        """(label of the node, DaemonSet -> whether its pod's container runs there)."""
        labels = {name: label_of(one) for name, one in self._named(self._core.list_node).items()}
        if node not in labels:
            raise FairleadError("node", "the cluster has no Node object of this name",
                                "name the host of the inventory as the cluster names its node", node)
        pods = self._items(self._core.list_namespaced_pod, NAMESPACE, field_selector=f"spec.nodeName={node}")
        return labels[node] or "", daemonset_node.proxies(pods)

    def token(self, seconds: int) -> str:
        """A token of the account that kube-proxy's pods have, bound to no pod: one that is bound ends with its pod."""
        kubeadm = self._named(self._apps.list_namespaced_daemon_set, NAMESPACE).get(KUBEADM)
        account = kubeadm["spec"]["template"]["spec"].get("serviceAccountName", "default") if kubeadm else KUBEADM
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds}}
        try:
            answer = self._core.create_namespaced_service_account_token(
                account, NAMESPACE, body, _preload_content=False, _request_timeout=15)
            return json.loads(answer.data)["status"]["token"]
        except self._failure as error:
            raise self._refused(f"ServiceAccount {account}", error) from error
        except self._unreachable as error:
            raise FairleadError("kubeconfig", f"the API server cannot be reached: {error}",
                                "look whether it runs and the address is right") from error

    def move(self, node: str, label: str) -> None:
        """Old pod away, then new pod: never two proxies on a node. The rules stay in the kernel meanwhile."""
        name = daemonset_node.name_of(label)
        try:
            self._label(node, NOBODY)
            self._wait(f"the old pod of kube-proxy on {node} to end", lambda: not self.proxies(node)[1],
                       f"pods --field-selector spec.nodeName={node}")
            self._label(node, label or None)
        except self._failure as error:
            raise self._refused(f"node {node}", error) from error
        self._wait(f"the pod of {name} on {node} to run", lambda: self.proxies(node)[1] == {name: True},
                   f"pods --field-selector spec.nodeName={node}")

    def _label(self, node: str, value: str | None) -> None:
        self._core.patch_node(node, {"metadata": {"labels": {LABEL: value}}})

    def _wait(self, what: str, is_so: Any, to_look_at: str) -> None:
        deadline = time.monotonic() + self._timeout
        while not is_so():
            if time.monotonic() > deadline:
                raise FairleadError("kube_proxy_deployment", f"waited {self._timeout:g} s for {what}",
                                    f"run kubectl -n {NAMESPACE} describe {to_look_at}")
            time.sleep(POLL_SECONDS)

    def _rolled_out(self) -> bool:
        one = self._named(self._apps.list_namespaced_daemon_set, NAMESPACE)[KUBEADM]
        status, wanted = one["status"], one["status"].get("desiredNumberScheduled", 0)
        return (status.get("observedGeneration") == one["metadata"]["generation"]
                and status.get("updatedNumberScheduled", 0) == status.get("numberAvailable", 0) == wanted)

    def _named(self, call: Any, *words: str) -> dict[str, dict[str, Any]]:
        return {item["metadata"]["name"]: item for item in self._items(call, *words)}

    def _items(self, call: Any, *words: str, **options: Any) -> list[dict[str, Any]]:
        try:
            return json.loads(call(*words, **options, _preload_content=False, _request_timeout=15).data)["items"]
        except self._failure as error:
            raise FairleadError("kubeconfig", f"the API server refused to list objects: {error.reason}",
                                "use a kubeconfig that may read nodes and kube-system") from error
        except self._unreachable as error:
            raise FairleadError("kubeconfig", f"the API server cannot be reached: {error}",
                                "look whether it runs and the address is right") from error

    def _refused(self, target: str, error: Any) -> FairleadError:
        return FairleadError(target, f"was refused by the API server: {error.reason}: {_message(error)}",
                             "use a kubeconfig that may change kube-system and nodes")


def _message(error: Any) -> str:
    try:
        return json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        return "no reason given"
