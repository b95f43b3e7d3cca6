"""What people wish of a Service that is not its to give, or write next to what they mean, and the answer to it.

The findings are the API server's; only what to write comes from here. A Service knows addresses and ports; paths, host
names, cookies and certificates belong to a layer-7 proxy, which Ingress and HTTPRoute describe.
"""
from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.services.findings import ADVICE, Finding, is_unknown_field

_ROUTE = ("a Service works at layer 4 and knows no {what}: write an HTTPRoute (gateway.networking.k8s.io/v1) or an "
          "Ingress (networking.k8s.io/v1) with this Service as its backend")
_WISHES = {
    **dict.fromkeys(("path", "paths", "pathtype", "rules", "routes", "backend", "rewrite"), "paths"),
    **dict.fromkeys(("host", "hosts", "hostname", "hostnames", "domain", "servername"), "host names"),
    **dict.fromkeys(("tls", "certificate", "certificates", "secretname", "ssl"), "certificates"),
    **dict.fromkeys(("headers", "header", "method", "methods", "cors"), "HTTP headers or methods"),
}
_COOKIE = ("a Service works at layer 4 and knows no cookies: affinity by cookie is a setting of the Ingress controller "
           "or Gateway; write sessionAffinity: ClientIP for affinity by client address")
_HTTP = frozenset(("http", "https", "http2", "h2c", "grpc", "ws", "wss", "tls"))

# Annotations of proxies that have no effect on a Service.
_PROXIES = re.compile(r"nginx\.ingress\.kubernetes\.io/|haproxy-ingress\.github\.io/|kubernetes\.io/ingress\.|"
                      r"traefik\.ingress\.kubernetes\.io/(?!service\.)")

# (field without indices, value in small letters): what was meant. The walk-through's slip is among them.
_MEANT = {
    ("spec.sessionAffinity", "clusterip"): "write ClientIP: requests of one client address stay with one pod",
    ("spec.sessionAffinity", "sourceip"): "write ClientIP: requests of one client address stay with one pod",
    ("spec.sessionAffinity", "true"): 'write ClientIP to switch it on, "None" to switch it off',
    ("spec.sessionAffinity", "false"): 'write ClientIP to switch it on, "None" to switch it off',
    ("spec.type", "headless"): "write clusterIP: None and no type",
    ("spec.type", "none"): "write clusterIP: None and no type for a headless Service",
    ("spec.type", "ingress"): _ROUTE.format(what="hosts and paths"),
    ("spec.ipFamilyPolicy", "dualstack"): "write PreferDualStack, or RequireDualStack where one family is not enough",
    ("spec.clusterIP", "none"): "write None with a capital N for a headless Service",
    ("spec.clusterIPs", "none"): "write None with a capital N for a headless Service",
    ("spec.trafficDistribution", "preferlocal"): "write PreferSameNode",
}
# Unknown fields whose nearest word misleads.
_FIELDS = {
    "containerport": "write targetPort: the container's port; port is the Service's own",
    "matchlabels": "write the labels directly below selector: a Service knows no matchLabels",
    "stickysessions": "write sessionAffinity: ClientIP",
    "timeoutseconds": "write sessionAffinityConfig: {clientIP: {timeoutSeconds: ...}}",
    "timeout": "write sessionAffinityConfig: {clientIP: {timeoutSeconds: ...}}",
    "replicas": "write it into the workload: a Service only points to pods",
    "headless": "write clusterIP: None",
}


def explained(finding: Finding) -> Finding:
    """The finding with the fix that somebody who wished or slipped like this needs."""
    fix = _fix(finding)
    return dataclasses.replace(finding, fix=fix) if fix else finding


def _fix(finding: Finding) -> str:
    field = re.sub(r"\[[^\]]*\]", "", finding.field)
    last = field.rpartition(".")[2].lower()
    if is_unknown_field(finding):
        wish = _WISHES.get(last)
        return _ROUTE.format(what=wish) if wish else _COOKIE if "cookie" in last else _FIELDS.get(last, "")
    if finding.reason not in ("NotSupported", "Invalid"):
        return ""
    value = re.search(r'value: ("?)([^":,]*)', finding.message)
    if not value or value[2] == "None":
        return ""
    return _meant(finding.field, field, value[2].lower(), quoted=bool(value[1]))


def _meant(whole: str, field: str, word: str, quoted: bool) -> str:
    """By the field (with and without indices and keys) and the value in small letters; quoted: it is a text."""
    if field == "spec.ports.protocol" and word in _HTTP:
        return f"write protocol: TCP and appProtocol: {word}; paths and hosts belong to an HTTPRoute or an Ingress"
    if field == "spec.sessionAffinity" and "cookie" in word:
        return _COOKIE
    if field == "spec.ports.targetPort" and quoted and word.isdecimal() and 1 <= int(word) <= 65535:
        return f"write {word} without quotes, or the port's name"
    if "matchLabels" in whole:
        return _FIELDS["matchlabels"]
    return _MEANT.get((field, word), "")


def of_annotations(manifest: dict[str, Any]) -> Iterator[Finding]:
    annotations = manifest["metadata"].get("annotations")
    for key in annotations if isinstance(annotations, dict) else ():
        if not _PROXIES.match(key):
            continue
        what = "cookies" if "cookie" in key or "affinity" in key else "paths, hosts or certificates"
        yield Finding("metadata.annotations", "Invalid", f'the annotation "{key}" has no effect on a Service',
                      f"move it to the Ingress: a Service works at layer 4 and knows no {what}", ADVICE)
