"""The verdict on a KubeProxyConfiguration: kube-proxy's own rules, field by field, and advice beyond them. Pure.

The rules are those of 1.37 (pkg/proxy/apis/config/validation/validation.go, component-base/logs/api/v1/options.go and
featuregate/feature_gate.go); tests/parity holds them against the real program. kube-proxy stops at the first of four
stages that fails: decoding, feature gates, logging, everything else. Here all stages are told at once.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.fairlead.kube_proxy import advice, gates, modes, userspace, values
from ansible.module_utils.fairlead.kube_proxy.decode import decode
from ansible.module_utils.fairlead.kube_proxy.fields import ALL_MODES
from ansible.module_utils.fairlead.services.findings import (
    ERROR,
    Finding,
    duplicate,
    forbidden,
    invalid,
    near,
    not_supported,
    required,
)

LOCAL_MODES = ("ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")
KEYWORDS = ("primary", "localhost", "all")
_POSITIVE, _NOT_NEGATIVE = "must be greater than 0", "must be greater than or equal to 0"
_BITS = "must be within the range [0, 31]"
_LARGEST_VERBOSITY = 2**31 - 1


def judge_configuration(document: Any, version: str = "1.37") -> list[Finding]:
    """Everything that is wrong with the document, as it was read from YAML, for a release of kube-proxy.

    Errors are what kube-proxy refuses at its start, and unknown fields, which it passes over. The rest is advice.
    Raises FairleadError when `version` is none.
    """
    release = modes.release(version)
    found = []
    if isinstance(document, dict) and document.get("mode") == modes.USERSPACE and release < modes.USERSPACE_GONE:
        found = list(userspace.wrong(document))
        document = {name: value for name, value in document.items() if name != userspace.IDLE}
    held, faults = decode(document)
    found += faults
    if not isinstance(document, dict):
        return found
    broken = {finding.field for finding in found}
    on, faults = enabled_gates(held.get("featureGates", {}), release)
    judged = [*faults, *_logging(held, on), *_rules(held, on, release)]
    # A value that did not decode is not judged a second time.
    found += [finding for finding in judged if finding.field not in broken]
    return found + list(advice.advise(document, held, release, on))


def refused(findings: list[Finding]) -> list[Finding]:
    """Those with which kube-proxy is not started: what it refuses itself, unknown fields, ambiguous addresses."""
    return [finding for finding in findings if finding.level == ERROR or finding.reason == advice.AMBIGUOUS]


def enabled_gates(asked: dict[str, bool], release: tuple[int, int]) -> tuple[set[str], list[Finding]]:
    """(the gates that are on, what is wrong with those asked for). The table is that of one release; of others nothing
    is known but what they share with it, so their gates are not judged."""
    table = {name: stage for stage, names in gates.GATES.items() for name in names.split()}
    on = {name for name, (_stage, default, _locked) in table.items() if default}
    for special, stage in (("AllAlpha", "ALPHA"), ("AllBeta", "BETA")):
        if special in asked:
            group = {name for name, (of, _default, _locked) in table.items() if of == stage}
            on = on | group if asked[special] else on - group
    on = (on | {name for name, value in asked.items() if value}) - {name for name, value in asked.items() if not value}
    return on, list(_gate_faults(asked, table, on)) if release == gates.RELEASE else []


def _gate_faults(asked: dict[str, bool], table: dict[str, tuple], on: set[str]) -> Iterator[Finding]:
    for name, value in sorted(asked.items()):
        if name not in table:
            meant = near(name, table)
            yield invalid(f"featureGates.{name}", value, f"unrecognized feature gate: {name}",
                          f"write {meant}" if meant else "remove it")
        elif table[name][2] and table[name][1] != value:
            yield invalid(f"featureGates.{name}", value, f"feature is locked to {str(table[name][1]).lower()}",
                          "remove it")
    for name, needs in gates.DEPENDS.items():
        off = [need for need in needs.split() if need not in on]
        if name in on and off:
            yield invalid(f"featureGates.{name}", True, f"depends on features that are disabled: {', '.join(off)}",
                          f"switch on {' and '.join(off)}, or switch {name} off")


def _logging(held: dict[str, Any], on: set[str]) -> Iterator[Finding]:
    log_format = held["logging.format"]
    if held["logging.flushFrequency"] <= 0:
        yield _wrong(held, "logging.flushFrequency", "Must be greater than zero", 'write a duration such as "5s"')
    if log_format not in ("text", "json"):
        yield invalid("logging.format", log_format, "Unsupported log format", "write text or json")
    elif log_format == "json" and "LoggingBetaOptions" not in on:
        yield forbidden("logging.format", "Log format json is disabled, see LoggingBetaOptions feature",
                        "write text, or switch the gate on")
    if held["logging.verbosity"] > _LARGEST_VERBOSITY:
        yield _wrong(held, "logging.verbosity", f"Must be <= {_LARGEST_VERBOSITY}", "write 0 to 10")
    items = held.get("logging.vmodule") or []
    if items and log_format != "text":
        yield forbidden("logging.vmodule", "Only supported for text log format", "remove it, or write format: text")
    for index, item in enumerate(items):
        yield from _vmodule(f"logging.vmodule[{index}]", item)
    for name in ("text", "json"):
        field = f"logging.options.{name}.infoBufferSize"
        if held[field] not in ("0", "") and "LoggingAlphaOptions" not in on:
            yield forbidden(field, "Feature LoggingAlphaOptions is disabled", "remove it, or set the gate")


def _vmodule(field: str, item: dict[str, Any]) -> Iterator[Finding]:
    pattern, verbosity = item.get("filePattern") or "", item.get("verbosity") or 0
    if not pattern:
        yield required(field, "name a file, for instance filePattern: proxier", "File pattern must not be empty")
    if set("=,") & set(pattern):
        yield invalid(field, pattern, "File pattern must not contain equal sign or comma", "write one pattern an entry")
    if verbosity > _LARGEST_VERBOSITY:
        yield invalid(field, verbosity, f"Must be <= {_LARGEST_VERBOSITY}", "write 0 to 10")


def _rules(held: dict[str, Any], on: set[str], release: tuple[int, int]) -> Iterator[Finding]:
    mode = held["mode"] or "iptables"  # until 1.39
    blocks = ["iptables", "nftables"] if mode == "nftables" else ["iptables"]  # the first is judged in every mode
    for block in blocks:
        if not 0 <= held[f"{block}.masqueradeBit"] <= 31:
            yield _wrong(held, f"{block}.masqueradeBit", _BITS, "write 14, or another free bit")
    if mode == "ipvs":
        for name in ("ipvs.tcpTimeout", "ipvs.tcpFinTimeout", "ipvs.udpTimeout"):
            yield from _at_least(held, name, 0)
        for index, text in enumerate(held.get("ipvs.excludeCIDRs") or []):
            if values.cidr(text) is None:
                yield invalid(f"ipvs.excludeCIDRs[{index}]", text, "must be a valid CIDR", "write it like 10.0.0.0/8")
    for name in ("maxPerCore", "min", "tcpEstablishedTimeout", "tcpCloseWaitTimeout", "udpTimeout", "udpStreamTimeout"):
        yield from _at_least(held, f"conntrack.{name}", 0)
    if not -1000 <= held["oomScoreAdj"] <= 1000:
        yield _wrong(held, "oomScoreAdj", "must be within the range [-1000, 1000]", "write -999")
    yield from _mode(held["mode"], on, release)
    yield from _at_least(held, "clientConnection.burst", 0)
    yield from _at_least(held, "configSyncPeriod", 1)
    yield from _periods(held, mode if mode in ALL_MODES else "iptables")
    yield from _addresses(held, release)
    wanted = f"{release[0]}.{release[1] - 1}"
    if held["showHiddenMetricsForVersion"] not in ("", wanted):
        yield _wrong(held, "showHiddenMetricsForVersion", "only the previous minor version is allowed",
                     f'write "{wanted}" or remove it')
    yield from _detect_local(held)


def _mode(mode: str, on: set[str], release: tuple[int, int]) -> Iterator[Finding]:
    ipvs = ["ipvs"] if "KubeProxyIPVS" in on and release < modes.IPVS_OFF else []
    nftables = ["nftables"] if release >= modes.NFTABLES_SINCE else []
    have = [*ipvs, "iptables", *nftables, *([modes.USERSPACE] if release < modes.USERSPACE_GONE else [])]
    if mode and mode not in have:
        fix = "" if mode not in (*ALL_MODES, "userspace") else modes.instead(mode, release)
        yield not_supported("mode", mode, have, fix)


def _periods(held: dict[str, Any], block: str) -> Iterator[Finding]:
    sync, least = f"{block}.syncPeriod", f"{block}.minSyncPeriod"
    yield from _at_least(held, sync, 1)
    yield from _at_least(held, least, 0)
    if held[least] > held[sync]:
        yield _wrong(held, sync, f"must be greater than or equal to {least} ({values.shown_duration(held[least])})",
                     f'write at least "{values.shown_duration(held[least])}", or a smaller {least}')


def _addresses(held: dict[str, Any], release: tuple[int, int]) -> Iterator[Finding]:
    if values.address(held["bindAddress"]) is None:
        yield _wrong(held, "bindAddress", "not a valid textual representation of an IP address", "write 0.0.0.0 or ::")
    for name in ("healthzBindAddress", "metricsBindAddress"):
        parts = values.host_port(held[name])
        if parts is None:
            yield _wrong(held, name, "must be IP:port", "write it like 127.0.0.1:10249 or [::1]:10249")
            continue
        if values.address(parts[0]) is None:
            yield invalid(name, parts[0], "must be a valid IP", "write an address, not a name, before the port")
        if values.port(parts[1]) is None:
            yield invalid(name, parts[1], "must be a valid port", "write a port from 1 to 65535")
    keywords = KEYWORDS if release >= (1, 37) else KEYWORDS[:1]
    entries = held.get("nodePortAddresses") or []
    for index, text in enumerate(entries):
        field = f"nodePortAddresses[{index}]"
        if text in keywords:
            if text in entries[:index]:
                yield duplicate(field, text, "remove it: it stands there already")
        elif values.cidr(text) is None:
            yield invalid(field, text, f"must be a valid CIDR or one of the keywords {', '.join(keywords)}",
                          f"write {near(text, keywords) or '192.0.2.0/24, or a keyword'}")
    if release < (1, 37) and "primary" in entries and len(entries) > 1:
        yield forbidden("nodePortAddresses[0]", "before 1.37 primary stands alone", "write [primary], or CIDRs only")


def _detect_local(held: dict[str, Any]) -> Iterator[Finding]:
    how, cidrs = held["detectLocalMode"], held["clusterCIDR"].split(",") if held["clusterCIDR"] else []
    if how not in LOCAL_MODES:
        yield not_supported("detectLocalMode", how, LOCAL_MODES)
    elif how == "BridgeInterface" and not held["detectLocal.bridgeInterface"]:
        yield invalid("detectLocal.bridgeInterface", "", "must not be empty", "name the pods' bridge, such as cni0")
    elif how == "InterfaceNamePrefix" and not held["detectLocal.interfaceNamePrefix"]:
        yield invalid("detectLocal.interfaceNamePrefix", "", "must not be empty", "write a prefix, for instance veth")
    elif how == "ClusterCIDR" and cidrs:
        parsed = [values.cidr(text) for text in cidrs]
        if len(cidrs) > 2:
            yield _wrong(held, "clusterCIDR", "must be a single CIDR or a pair of both families", "write at most two")
            return
        for text, one in zip(cidrs, parsed):
            if one is None:
                yield invalid("clusterCIDR", text, "must be a valid CIDR block", "write it like 10.244.0.0/16")
        if len(cidrs) == 2 and None not in parsed and len({values.family(one) for one in parsed}) == 1:
            yield _wrong(held, "clusterCIDR", "must be a single CIDR or a pair of both families",
                         "write one of IPv4 and one of IPv6")


def _at_least(held: dict[str, Any], field: str, least: int) -> Iterator[Finding]:
    if held[field] < least:
        yield _wrong(held, field, _POSITIVE if least else _NOT_NEGATIVE, "remove it; the default is used")


def _wrong(held: dict[str, Any], field: str, detail: str, fix: str) -> Finding:
    value = held[field]
    is_time = field.endswith(("Timeout", "Period", "Frequency"))
    return invalid(field, values.shown_duration(value) if is_time else value, detail, fix)
