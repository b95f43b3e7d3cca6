"""New Services that an API server accepts for certain, as far as its own rules go.

Our judge knows all of these rules, and nothing in these Services depends on what other objects of the cluster hold.
Whether a webhook or a quota objects is not known.
"""
from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import cluster_facts, judge
from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.facts import Facts
from ansible.module_utils.fairlead.services.model import Manifest, is_service


def acceptance(api: Api) -> Callable[[Manifest], bool]:
    """Whether this server accepts a new object for certain. Of a release whose rules are not known it never is."""
    try:
        facts = cluster_facts.complete(Facts(), api, version=True, cidrs=True)
    except FairleadError:
        return lambda _manifest: False
    return lambda manifest: is_service(manifest) and not _pins(manifest) and not list(judge.judge_one(manifest, facts))


def _pins(service: Manifest) -> bool:
    """Whether it asks for a port or an address that somebody else may have."""
    spec = service.get("spec")
    if not isinstance(spec, dict):
        return True
    ports = spec.get("ports") or []
    if not isinstance(ports, list) or not all(isinstance(port, dict) for port in ports):
        return True
    if spec.get("healthCheckNodePort") or any(port.get("nodePort") for port in ports):
        return True
    return bool(spec.get("clusterIPs")) or spec.get("clusterIP") not in (None, "", "None")
