"""All findings on what was given: the API server's own, then what it cannot see. For module and command alike. Pure.

Refusals are errors for whoever renders or delivers: a delivery would stop half way. For whoever only checks they are
advice, since the API server would accept each object by itself.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from ansible.module_utils.fairlead.reading.places import find
from ansible.module_utils.fairlead.services import judge, slice_checks
from ansible.module_utils.fairlead.services.advice import advice
from ansible.module_utils.fairlead.services.facts import Facts
from ansible.module_utils.fairlead.services.findings import ADVICE, ERROR, Finding
from ansible.module_utils.fairlead.services.layer7 import explained
from ansible.module_utils.fairlead.services.model import Item, Manifest
from ansible.module_utils.fairlead.services.repository import Network, refusals

_KUBE_PROXY = "kubeproxy.config.k8s.io"  # the group of its configuration, which no API server knows


def server(item: Item, facts: Facts, stored: Manifest | None = None) -> list[Finding]:
    """What the API server would say. stored: the object that this one would update.

    Of a KubeProxyConfiguration, what kube-proxy would say when it starts, and unknown fields, which it passes over.
    """
    if str(item.manifest.get("apiVersion")).partition("/")[0] == _KUBE_PROXY:
        # Only here: its tables of fields and feature gates are of no use for Services.
        from ansible.module_utils.fairlead.kube_proxy.judge import judge_configuration  # noqa: PLC0415

        return [placed(item, finding) for finding in judge_configuration(
            item.manifest, ".".join(map(str, facts.kubernetes_version)))]
    found = judge.judge_update(stored, item.manifest, facts) if stored else judge.judge_one(item.manifest, facts)
    findings = [placed(item, explained(finding)) for finding in found]
    if item.manifest.get("kind") == "EndpointSlice" and item.manifest.get("apiVersion") == "discovery.k8s.io/v1":
        findings += [placed(item, finding) for finding in slice_checks.mistakes(item.manifest)]
    return findings


def everything(
    items: Iterable[Item], facts: Facts, external_ips: Collection[Network] = (), level: str = ERROR,
) -> list[Finding]:
    """The server's findings, then refusals (with this level) and advice on the items that the server accepts."""
    found: list[Finding] = []
    sound: list[Item] = []
    for item in items:
        its = server(item, facts)
        found += its
        if not errors(its):
            sound.append(item)
    for item, finding in refusals(sound, external_ips):
        found.append(placed(item, dataclasses.replace(finding, level=level)))
    return found + [placed(item, finding) for item, finding in advice(sound, facts)]


def placed(item: Item, finding: Finding) -> Finding:
    """With the object, and its place in the list or the file."""
    known = {"item": item.origin, "object": item.label}
    if item.source is None:
        return dataclasses.replace(finding, **known)
    line, column = find(item.source.place, finding.field)
    return dataclasses.replace(finding, **known, file=item.source.file, line=line, column=column)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == ERROR]


def is_unknown(finding: Finding) -> bool:
    """A verdict that could not be given, since a fact about the cluster is not known."""
    return finding.level == ADVICE and finding.reason == "Unknown"
