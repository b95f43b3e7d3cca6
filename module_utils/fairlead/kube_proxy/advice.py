"""What kube-proxy accepts in its configuration and a person would still want to know. Pure.

Every line is advice, except that addresses which two programs read differently are marked AMBIGUOUS: those are not
written to a node.
"""
from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.kernel_modules_wanted import SCHEDULERS
from ansible.module_utils.fairlead.kube_proxy import modes, values
from ansible.module_utils.fairlead.kube_proxy.decode import is_default, leaves
from ansible.module_utils.fairlead.kube_proxy.fields import ALL_MODES, ROOT, ListOf
from ansible.module_utils.fairlead.services.findings import ADVICE, Finding, near

AMBIGUOUS, IGNORED, DEPRECATED, EXPOSED = "Ambiguous", "Ignored", "Deprecated", "Exposed"
_EVERYWHERE = ("0.0.0.0", "::")
_ZEROS, _HOST_BITS = "leading zeros, which other programs read as octal", "host bits, which kube-proxy drops"


def advise(document: dict[str, Any], held: dict[str, Any], release: tuple[int, int], on: set[str]) -> Iterator[Finding]:
    mode = held["mode"]
    yield from _mode(mode, release)
    if mode in ALL_MODES:
        yield from _without_effect(document, mode, release)
    yield from _contradictions(document, held)
    yield from _node_ports(held, mode, on)
    yield from _spelling(held)
    yield from _exposed(held)
    for name in ("text", "json"):
        if held[f"logging.options.{name}.splitStream"]:
            # copyLogsFromFlags in cmd/kube-proxy/app/options.go sets it back to the flag's default; seen with 1.37.2
            yield _advice(f"logging.options.{name}.splitStream", IGNORED,
                          "kube-proxy takes it from its command line only", "remove it")
    scheduler = held["ipvs.scheduler"]
    if mode == "ipvs" and scheduler and scheduler not in SCHEDULERS:
        meant = near(scheduler, SCHEDULERS)
        yield _advice("ipvs.scheduler", "NotSupported", f"no kernel has the scheduler {scheduler}, so kube-proxy will "
                      "not start", f"write {meant or 'one of ' + ', '.join(SCHEDULERS)}")


def _mode(mode: str, release: tuple[int, int]) -> Iterator[Finding]:
    if not mode:
        means = "nftables" if release >= modes.NFTABLES_DEFAULT else "iptables"
        yield _advice("mode", DEPRECATED, f"is not set, which means {means} in {release[0]}.{release[1]}; the default "
                      "is iptables up to 1.39 and planned to be nftables from 1.40", f"write mode: {means}")
    elif mode == "ipvs" and modes.IPVS_DEPRECATED <= release < modes.IPVS_OFF:
        yield _advice("mode", DEPRECATED, modes.IPVS_WARNING, "plan for mode: nftables")


def _without_effect(document: dict[str, Any], mode: str, release: tuple[int, int]) -> Iterator[Finding]:
    for path, field in leaves():
        given, value = _given(document, path)
        if not given or is_default(path, value):
            continue
        if release < field.since:
            yield _advice(path, IGNORED, f"came with Kubernetes {field.since[0]}.{field.since[1]}; "
                          f"{release[0]}.{release[1]} passes it over", "remove it, or upgrade")
        elif mode not in field.modes:
            yield _advice(path, IGNORED, _unused(path, mode, field.modes), "remove it")
    lists = ((f"{block}.{name}", shape) for block, below in ROOT.items() if isinstance(below, dict)
             for name, shape in below.items() if isinstance(shape, ListOf))
    for path, shape in lists:
        if _given(document, path)[1] and mode not in shape.modes:
            yield _advice(path, IGNORED, _unused(path, mode, shape.modes), "remove it")


def _unused(path: str, mode: str, users: tuple[str, ...]) -> str:
    if users:
        return f"{mode} mode does not look at it, only {' and '.join(users)}"
    return ("nothing reads it since userspace mode went" if path == "portRange" else
            "is for Windows; Linux passes it over")


def _contradictions(document: dict[str, Any], held: dict[str, Any]) -> Iterator[Finding]:
    how = held["detectLocalMode"]
    for path, user in (("detectLocal.bridgeInterface", "BridgeInterface"),
                       ("detectLocal.interfaceNamePrefix", "InterfaceNamePrefix"), ("clusterCIDR", "ClusterCIDR")):
        if held[path] and how != user:
            yield _advice(path, IGNORED, f"detectLocalMode is {how}, which does not look at it",
                          f"write detectLocalMode: {user}, or remove this")
    if how == "ClusterCIDR" and not held["clusterCIDR"] and held["mode"] != modes.USERSPACE:
        yield _advice("clusterCIDR", "Missing", "is empty, so kube-proxy cannot tell pods from other clients: traffic "
                      "from outside to cluster addresses is not masqueraded",
                      "write the pods' range, or another detectLocalMode")
    if held["conntrack.maxPerCore"] == 0 and _given(document, "conntrack.min")[1]:
        yield _advice("conntrack.min", IGNORED, "maxPerCore is 0, which leaves the kernel's limit alone, min or not",
                      "remove it, or write maxPerCore")


def _node_ports(held: dict[str, Any], mode: str, on: set[str]) -> Iterator[Finding]:
    entries = held.get("nodePortAddresses") or []
    for index, text in enumerate(entries):
        loopback = text == "localhost" or bool((found := values.cidr(text)) and found[0].is_loopback)
        path = f"nodePortAddresses[{index}]"
        if loopback and mode == "ipvs":
            yield _advice(path, IGNORED, "ipvs mode never answers node ports on loopback", "remove it")
        elif loopback and mode == "nftables" and "KubeProxyNFTablesLocalhostNodePorts" not in on:
            yield _advice(path, IGNORED, "nftables mode answers node ports on loopback only with the feature gate "
                          "KubeProxyNFTablesLocalhostNodePorts (alpha in 1.37), TCP alone",
                          "remove it, or set the gate")
        elif text == "all" and len(entries) > 1:
            yield _advice(path, IGNORED, "all covers every other entry", "remove the others")


def _spelling(held: dict[str, Any]) -> Iterator[Finding]:
    """Leading zeros, which other programs read as octal (CVE-2021-29923), and host bits, dropped in silence."""
    cidrs = [("clusterCIDR", text) for text in held["clusterCIDR"].split(",") if text]
    for name in ("nodePortAddresses", "ipvs.excludeCIDRs"):
        cidrs += [(f"{name}[{index}]", text) for index, text in enumerate(held.get(name) or [])]
    for path, text in cidrs:
        flaw = _flaw(text) if values.cidr(text) else ""
        if flaw:
            yield _advice(path, AMBIGUOUS, f"{text} has {flaw}", f"write {values.strict_cidr(text)}")
    for path in ("bindAddress", "healthzBindAddress", "metricsBindAddress"):
        text = (values.host_port(held[path]) or (held[path], ""))[0]
        meant = values.address(text)
        if meant is not None and not _is_address(text):
            yield _advice(path, AMBIGUOUS, f"{text} has {_ZEROS}", f"write {meant}")


def _exposed(held: dict[str, Any]) -> Iterator[Finding]:
    host = (values.host_port(held["metricsBindAddress"]) or ("", ""))[0]
    if host in _EVERYWHERE:
        more = " and profiles of the process" if held["enableProfiling"] else ""
        yield _advice("metricsBindAddress", EXPOSED, f"shows /configz, /metrics{more} to all who reach the node",
                      "write 127.0.0.1:10249, or close the port in a firewall")


def _flaw(text: str) -> str:
    """What strict readers hold against a CIDR that kube-proxy takes."""
    address, _slash, length = text.partition("/")
    if not _is_address(address) or str(int(length)) != length:
        return _ZEROS
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    return "" if network.network_address == ipaddress.ip_address(address) else _HOST_BITS


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _given(document: dict[str, Any], path: str) -> tuple[bool, Any]:
    """Whether the document names this field, and its value."""
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value


def _advice(field: str, reason: str, message: str, fix: str) -> Finding:
    return Finding(field, reason, message, fix, ADVICE)
