"""The pods whose networks are asked from: what is to be there, and the steps to it and away from it. Pure.

Everything is in one namespace of ours, which carries our label; a namespace of that name without it is somebody
else's. A run that was killed leaves pods behind, and the next one takes them over or removes them.
"""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan, Step
from ansible.module_utils.fairlead.verify.clients import HOST_POD, POD

Object = dict[str, Any]

LABEL, OURS = "app.kubernetes.io/managed-by", "fairlead-verify"
KIND = "fairlead.io/client"  # on a pod: which kind of client it is
NOBODY = 65534


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {
        LABEL: OURS,
        # A pod in its node's network is refused by any stricter level.
        "pod-security.kubernetes.io/enforce": "privileged"}}}


def pod(space: str, node: str, kind: str, image: str) -> Object:
    """It may do nothing, and is bound to the node without the scheduler: a node in maintenance is asked from, too."""
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod_name(node, kind), "namespace": space,
                     "labels": {LABEL: OURS, KIND: kind.replace(" ", "-")}},
        "spec": {
            "nodeName": node, "hostNetwork": kind == HOST_POD, "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{
                "name": "wait", "image": image, "imagePullPolicy": "IfNotPresent",
                "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "runAsUser": NOBODY,
                                    "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}},
            }],
        },
    }


def pod_name(node: str, kind: str) -> str:
    return f"{kind.replace(' ', '-')}.{node}"


def wanted(space: str, nodes: list[str], kinds: list[str], image: str) -> dict[str, Object]:
    """By name, the pods for these nodes."""
    pods = [pod(space, node, kind, image) for node in nodes for kind in kinds if kind in (POD, HOST_POD)]
    return {item["metadata"]["name"]: item for item in pods}


def refuse_foreign(space: str, live: Object | None) -> None:
    """A namespace that is not ours is left alone."""
    if live and (live["metadata"].get("labels") or {}).get(LABEL) != OURS:
        raise FairleadError("service_verify_namespace", f"is there and does not carry the label {LABEL}={OURS}",
                            "name a namespace that this project may make and remove", space)


def plan(space: str, pods: dict[str, Object], live_space: Object | None, live: dict[str, Object]) -> Plan:
    """pods: wanted ones by name; empty removes everything. live: those in the namespace that carry our label."""
    steps = [Step("delete", f"pod {space}/{name}", data=("delete", item), turn=1)
             for name, item in sorted(live.items()) if not _same(pods.get(name), item)]
    if not pods:
        if live_space and not _ends(live_space):
            steps.append(Step("delete", f"namespace {space}", data=("delete", live_space), turn=2))
        return Plan(tuple(steps), "no probe pods are there")
    if not live_space or _ends(live_space):
        steps.append(Step("create", f"namespace {space}", data=("create", namespace(space)), turn=2))
    steps += [Step("create", f"pod {space}/{name}", data=("create", item), turn=3)
              for name, item in sorted(pods.items()) if not _same(item, live.get(name))]
    return Plan(tuple(steps), "every probe pod is there")


def _ends(item: Object) -> bool:
    return bool(item["metadata"].get("deletionTimestamp"))


def _same(mine: Object | None, live: Object | None) -> bool:
    """Whether the live pod serves as the wanted one."""
    if mine is None or live is None or _ends(live) or live.get("status", {}).get("phase") in ("Failed", "Succeeded"):
        return False
    spec, theirs = mine["spec"], live["spec"]
    return (spec["nodeName"] == theirs["nodeName"] and spec["hostNetwork"] == bool(theirs.get("hostNetwork"))
            and spec["containers"][0]["image"] == theirs["containers"][0]["image"])


def uids(live: dict[str, Object]) -> dict[str, dict[str, str]]:
    """By node and kind of client, the uid of the pod."""
    found: dict[str, dict[str, str]] = {}
    for item in live.values():
        if not _ends(item):
            kind = item["metadata"]["labels"].get(KIND, "").replace("-", " ")
            found.setdefault(item["spec"]["nodeName"], {})[kind] = item["metadata"]["uid"]
    return found
