"""Making and removing the probe pods. Control node only."""
from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan, Step
from ansible.module_utils.fairlead.services.api import Api, reason
from ansible.module_utils.fairlead.services.connection import Answer
from ansible.module_utils.fairlead.verify import probe_pods

PATIENCE_SECONDS = 90.0  # for a namespace of an earlier run to go, and for the new one's ServiceAccount to come
LOOK_EVERY = 0.5

Observed = tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]


@dataclass
class ProbePods:
    """observe, plan and apply for converge(). wanted: pods by name; empty when everything is to go."""

    api: Api
    space: str
    wanted: dict[str, dict[str, Any]]

    @property
    def _folder(self) -> str:
        return f"/api/v1/namespaces/{self.space}/pods"

    def observe(self) -> Observed:
        """The namespace, and the pods in it that are ours."""
        live = self.api.get(f"/api/v1/namespaces/{self.space}")
        probe_pods.refuse_foreign(self.space, live)
        found = self.api.listed(self._folder, f"{probe_pods.LABEL}={probe_pods.OURS}") if live else ()
        if found is None:
            raise FairleadError(self.api.host, f"this user may not list pods in {self.space}",
                                "give it the right to list, create and delete pods there")
        return live, {item["metadata"]["name"]: item for item in found}

    def plan(self, observed: Observed) -> Plan:
        return probe_pods.plan(self.space, self.wanted, *observed)

    def apply(self, step: Step) -> None:
        doing, item = step.data
        if doing == "delete":
            self.api.delete(self._path(item), item)
            return
        end = time.monotonic() + PATIENCE_SECONDS
        while not (answer := self._create(item)).ok:
            if not _passes(answer):
                self.api.granted(answer, f"create {step.target}")
            if time.monotonic() >= end:
                raise FairleadError(self.api.host, f"still refuses to create {step.target} after "
                                    f"{PATIENCE_SECONDS:g} s: {reason(answer)}",
                                    "look at kube-controller-manager, which removes namespaces and makes "
                                    "ServiceAccounts")
            time.sleep(LOOK_EVERY)

    def _create(self, item: dict[str, Any]) -> Answer:
        return self.api.send("POST", self._path(item).rpartition("/")[0], json.dumps(item))

    def _path(self, item: dict[str, Any]) -> str:
        name = item["metadata"]["name"]
        return f"{self._folder}/{name}" if item["kind"] == "Pod" else f"/api/v1/namespaces/{name}"


def _passes(answer: Answer) -> bool:
    """Refused only for now: the namespace's end or its beginning is still under way."""
    said = reason(answer)
    return answer.status == 409 or (answer.status == 403 and ("serviceaccount" in said or "being terminated" in said))
