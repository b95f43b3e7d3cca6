"""The facts that a cluster can tell about itself: the version of its API server and its Service ranges.

What it cannot tell stays as given: the range of node ports is nowhere to be read.
"""
from __future__ import annotations

import dataclasses
import re

from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.facts import Facts, parse_version

# ServiceCIDR is served as v1 from 1.33 on; in the releases before only where its gate was switched on.
_RANGES = tuple(f"/apis/networking.k8s.io/{version}/servicecidrs/kubernetes"
                for version in ("v1", "v1beta1", "v1alpha1"))


def complete(facts: Facts, api: Api, *, version: bool, cidrs: bool) -> Facts:
    """The facts with version and ranges of this cluster, where that is asked for and the cluster tells."""
    if version:
        facts = dataclasses.replace(facts, kubernetes_version=_version(api))
    if cidrs:
        facts = dataclasses.replace(facts, service_cidrs=_cidrs(api))
    return facts


def _version(api: Api) -> tuple[int, int]:
    answer = api.get("/version") or {}
    # A vendor's build may write "37+".
    minor = re.sub(r"\D.*", "", str(answer.get("minor", "")))
    return parse_version(f"{answer.get('major')}.{minor}")


def _cidrs(api: Api) -> tuple[str, ...]:
    for path in _RANGES:
        answer = api.send("GET", path, None)
        if answer.ok:
            return tuple((answer.body.get("spec") or {}).get("cidrs") or ())
    return ()
