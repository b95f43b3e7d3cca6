"""What cluster DNS must answer for each Service, from Services and their EndpointSlices, and the verdict. Pure.

Source: the specification "Kubernetes DNS-Based Service Discovery", version 1.1.0. How a record names an endpoint that
has no host name is left to the server there; CoreDNS and its predecessor write the address with hyphens.
"""
from __future__ import annotations

import ipaddress
from typing import Any

from ansible.module_utils.fairlead.verify.findings import DISPROVEN, PROVEN, UNKNOWN
from ansible.module_utils.fairlead.verify.targets import Object, family, is_ready, service_name, slices_of
from ansible.module_utils.fairlead.verify.words import listed, plain

A, AAAA, SRV, CNAME, NAMES = TYPES = ("A", "AAAA", "SRV", "CNAME", "pod names")
SEARCH = "+search"  # through the search list that the asking pod was given

Question = dict[str, Any]


def questions(services: list[Object], slices: list[Object], domain: str) -> list[Question]:
    """Each with the name, the type, how it is asked and the sorted answers that must come."""
    found = []
    for service in sorted(services, key=service_name):
        own = slices_of(service, slices)
        if service["spec"].get("type") == "ExternalName":
            target = plain(service["spec"]["externalName"]).lower().rstrip(".")
            found.append(_question(service, domain, CNAME, [target]))
        else:
            headless = service["spec"].get("clusterIP") == "None"
            found += _addresses(service, own, domain, headless)
            found += _ports(service, own, domain, headless)
            found += _pods(service, own, domain) if headless else []
    return found


def _addresses(service: Object, own: list[Object], domain: str, headless: bool) -> list[Question]:
    spec = service["spec"]
    given = _ready(own) if headless else [a for a in spec.get("clusterIPs") or [spec.get("clusterIP")] if a]
    by_type = {A: sorted({a for a in given if family(a) == "IPv4"}),
               AAAA: sorted({a for a in given if family(a) == "IPv6"})}
    found = [_question(service, domain, kind, answers) for kind, answers in by_type.items()]
    first = A if by_type[A] or not by_type[AAAA] else AAAA
    name, space = service["metadata"]["name"], service["metadata"]["namespace"]
    return [*found, {**_question(service, domain, first, by_type[first]), "name": f"{name}.{space}", "how": SEARCH},
            # as the search list of a pod in the Service's own namespace begins
            {**_question(service, domain, first, by_type[first]), "name": name, "how": f"+domain={space}.svc.{domain}"}]


def _ready(own: list[Object]) -> list[str]:
    return [address for item in own for endpoint in item.get("endpoints") or [] if is_ready(endpoint)
            for address in endpoint["addresses"]]


def _ports(service: Object, own: list[Object], domain: str, headless: bool) -> list[Question]:
    """SRV, which only named ports have."""
    found, full = [], _full(service, domain)
    for port in service["spec"].get("ports") or []:
        if not port.get("name"):
            continue
        protocol = port.get("protocol", "TCP")
        answers = {f"{port['port']} {full}"}
        if headless:
            answers = {f"{number} {_host(endpoint)}.{full}"
                       for number, endpoint in _endpoints(own, port["name"], protocol)}
        found.append({**_question(service, domain, SRV, sorted(answers)),
                      "name": f"_{port['name']}._{protocol.lower()}.{full}."})
    return found


def _endpoints(own: list[Object], name: str, protocol: str) -> list[tuple[int, Object]]:
    return [(port["port"], endpoint) for item in own for port in item.get("ports") or []
            if (port.get("name") or "") == name and port.get("protocol", "TCP") == protocol and port.get("port")
            for endpoint in item.get("endpoints") or [] if is_ready(endpoint)]


def _host(endpoint: Object) -> str:
    return plain(endpoint.get("hostname") or ipaddress.ip_address(endpoint["addresses"][0]).compressed.replace(
        ".", "-").replace(":", "-"))


def _pods(service: Object, own: list[Object], domain: str) -> list[Question]:
    """A name for each endpoint with a host name, as the pods of a StatefulSet have."""
    named: dict[str, set[str]] = {}
    for item in own:
        for endpoint in item.get("endpoints") or []:
            if endpoint.get("hostname") and is_ready(endpoint):
                named.setdefault(plain(endpoint["hostname"]), set()).update(endpoint["addresses"])
    found = []
    for host, addresses in sorted(named.items()):
        for kind, version in ((A, "IPv4"), (AAAA, "IPv6")):
            answers = sorted(a for a in addresses if family(a) == version)
            if answers:
                found.append({**_question(service, domain, kind, answers), "check": NAMES,
                              "name": f"{host}.{_full(service, domain)}."})
    return found


def _full(service: Object, domain: str) -> str:
    return f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.{domain}"


def _question(service: Object, domain: str, kind: str, answers: list[str]) -> Question:
    return {"service": plain(service_name(service)), "check": kind, "name": _full(service, domain) + ".", "type": kind,
            "how": "", "expect": answers}


def words(question: Question) -> str:
    """The command that a person would give in the pod."""
    return " ".join(filter(None, ["dig", "+short", question["how"], question["name"], question["type"]]))


def judge(question: Question, result: dict[str, Any] | None) -> tuple[str, str]:
    """Verdict and reason. result: status, answers and error, as dig.py gives them."""
    if not result:
        return UNKNOWN, "the probe returned nothing for it"
    if result["error"]:
        return UNKNOWN, result["error"]
    seen = normal(question["type"], result["answers"])
    if seen == question["expect"]:
        return PROVEN, ""
    said = listed(seen) if seen else f"nothing ({result['status']})"
    due = f"has {listed(question['expect'])}" if question["expect"] else "has none"
    return DISPROVEN, f"{question['name']} {question['type']}: cluster DNS answers {said}, the Service {due}"


def normal(kind: str, answers: list[str]) -> list[str]:
    """Data of records of this type as they are compared: addresses in short form, SRV without priority and weight."""
    found = set()
    for answer in answers:
        parts = plain(answer).lower().split()
        try:
            if kind in (A, AAAA):
                found.add(ipaddress.ip_address(parts[0]).compressed)
            elif kind == SRV:
                found.add(f"{int(parts[2])} {parts[3].rstrip('.')}")
            else:
                found.add(parts[0].rstrip("."))
        except (ValueError, IndexError):
            found.add(plain(answer))
    return sorted(found)
