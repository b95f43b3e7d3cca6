"""What a change of release or mode does to kube-proxy and to these Services, and when. Pure, offline.

Every statement names its source. Statements about releases after NEWEST are upstream's plan, and marked so; those of a
mode were read in pkg/proxy of 1.37 or in the KEP that is named.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import modes
from ansible.module_utils.fairlead.kube_proxy.advice import IGNORED
from ansible.module_utils.fairlead.kube_proxy.decode import decode
from ansible.module_utils.fairlead.kube_proxy.judge import judge_configuration
from ansible.module_utils.fairlead.kube_proxy.planner_modes import BREAKS, CHANGES, NOTICE, mode_changes, name
from ansible.module_utils.fairlead.services.findings import ERROR
from ansible.module_utils.fairlead.verify.words import listed

NEWEST = (1, 37)  # the newest release that was run
_KEP = "kubernetes/enhancements keps/sig-network/"
IPVS_KEP, DEFAULT_KEP = f"{_KEP}5495-deprecate-ipvs-mode-in-kube-proxy", f"{_KEP}5343-nftables-to-default"
EXTERNAL_KEP = f"{_KEP}5707-deprecate-service-externalips"


@dataclass(frozen=True)
class Situation:
    """now, wanted: releases; mode: how it runs now, "" for unset; to_mode: how it is to run then, "" to stay.

    config:   the KubeProxyConfiguration of now, {} when there is none
    services: v1 Services as the API has them
    """

    now: tuple[int, int]
    wanted: tuple[int, int]
    mode: str
    to_mode: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    services: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Change:
    """One thing that breaks or changes.

    when:    "1.40", or "mode" for what comes with the change of mode
    effect:  breaks, changes or notice
    planned: whether it is upstream's plan rather than a release that was run
    """

    when: str
    effect: str
    subject: str
    what: str
    fix: str
    source: str
    planned: bool = False

    def data(self) -> dict[str, Any]:
        return asdict(self)


def check(situation: Situation) -> None:
    for mode, release in ((situation.mode, situation.now), (situation.to_mode, situation.wanted)):
        if mode and mode not in (*modes.MODES, modes.USERSPACE):
            raise FairleadError("mode", "is no mode of kube-proxy", f"write one of {', '.join(modes.MODES)}", mode)
        if mode == modes.USERSPACE and release >= modes.USERSPACE_GONE:
            raise FairleadError("mode", f"does not exist in {release[0]}.{release[1]}", modes.instead(mode, release),
                                mode)
    if situation.wanted < situation.now:
        raise FairleadError("to", "is an older release than the present one", "name the release to go to")


def plan(situation: Situation) -> list[Change]:
    """Everything that breaks or changes, in the order in which it comes."""
    check(situation)
    lines = [*_mode_by_release(situation), *_external_ips(situation), *_other_releases(situation)]
    lines.sort(key=lambda change: modes.release(change.when))
    return lines + [Change("mode", *line) for line in _by_mode(situation)]


def target_mode(situation: Situation) -> str:
    """The mode after the change: the wished one, else what the wanted release makes of the present one."""
    if situation.to_mode:
        return situation.to_mode
    if not situation.mode:
        return "nftables" if situation.wanted >= modes.NFTABLES_DEFAULT else "iptables"
    if situation.mode == modes.USERSPACE and situation.wanted >= modes.USERSPACE_GONE:
        return "nftables" if situation.wanted >= modes.NFTABLES_SINCE else "iptables"
    return "nftables" if situation.mode == "ipvs" and situation.wanted >= modes.IPVS_OFF else situation.mode


def present_mode(situation: Situation) -> str:
    return situation.mode or ("nftables" if situation.now >= modes.NFTABLES_DEFAULT else "iptables")


def _crossed(situation: Situation, release: tuple[int, int]) -> bool:
    return situation.now < release <= situation.wanted


def _at(situation: Situation, release: tuple[int, int], *words: str) -> Iterator[Change]:
    if _crossed(situation, release):
        yield Change(f"{release[0]}.{release[1]}", *words, planned=release > NEWEST)


def _mode_by_release(situation: Situation) -> Iterator[Change]:
    if situation.mode == modes.USERSPACE:
        yield from _at(situation, (1, 26), BREAKS, "mode userspace", "the mode is removed; kube-proxy does not start",
                       "change to iptables or nftables before", "kubernetes/kubernetes CHANGELOG-1.26")
    elif situation.mode == "ipvs":
        yield from _at(situation, (1, 35), NOTICE, "mode ipvs", "deprecated: a log line and the event "
                       "IPVSDeprecation at every start", "plan the change to nftables", IPVS_KEP)
        yield from _at(situation, (1, 37), NOTICE, "gate KubeProxyIPVS", "the gate exists and is on; set to false, "
                       "kube-proxy does not start in ipvs mode, which shows today what 1.40 will do",
                       "try it on one node", f"{IPVS_KEP}; pkg/features/kube_features.go")
        yield from _at(situation, (1, 40), BREAKS, "mode ipvs", "the gate KubeProxyIPVS is off by default: "
                       "kube-proxy does "
                       "not start and falls back to no other mode", "change to nftables before, or set the gate for "
                       "the time being", IPVS_KEP)
        yield from _at(situation, (1, 43), BREAKS, "mode ipvs", "the code is removed and the gate locked",
                       "change to nftables before", IPVS_KEP)
        yield from _at(situation, (1, 46), BREAKS, "gate KubeProxyIPVS", "the gate is gone; naming it is an error",
                       "remove it from featureGates", IPVS_KEP)
    elif not situation.mode:
        yield from _at(situation, (1, 37), NOTICE, "mode unset", "a log line and the event KubeProxyDefaultMode at "
                       "every "
                       "start", "write mode: iptables or mode: nftables", f"{DEFAULT_KEP}; "
                       "cmd/kube-proxy/app/server_linux.go")
        yield from _at(situation, (1, 40), CHANGES, "mode unset", "means nftables instead of iptables",
                       "write the mode, and change it when you choose to", DEFAULT_KEP)


def _external_ips(situation: Situation) -> Iterator[Change]:
    users = [name(service) for service in situation.services if service.get("spec", {}).get("externalIPs")]
    if users:
        who = f"externalIPs of {listed(users)}"
        yield from _at(situation, (1, 36), NOTICE, who, "deprecated: the API server warns", "use a LoadBalancer",
                       EXTERNAL_KEP)
        yield from _at(situation, (1, 40), BREAKS, who, "off by default: kube-proxy does not serve these addresses",
                       "use a LoadBalancer with an address pool, or set the gate for the time being", EXTERNAL_KEP)
        yield from _at(situation, (1, 43), BREAKS, who, "removed", "use a LoadBalancer", EXTERNAL_KEP)


def _other_releases(situation: Situation) -> Iterator[Change]:
    held = decode(situation.config)[0]
    if held["conntrack.maxPerCore"]:
        yield from _at(situation, (1, 36), NOTICE, "conntrack.maxPerCore", "the limit that follows from it is "
                       "capped at 1048576 entries, which counts from 32 cores on", "set conntrack.min for more",
                       "kubernetes/kubernetes#137002, #142035")
    if "primary" in (held.get("nodePortAddresses") or []):
        yield from _at(situation, (1, 37), NOTICE, "nodePortAddresses", "the keywords localhost and all exist, and "
                       "mix with primary and CIDRs", "nothing", "k8s.io/kube-proxy config/v1alpha1/types.go")
    if situation.config:
        now, then = (f"{release[0]}.{release[1]}" for release in (situation.now, situation.wanted))
        before = {one.field for one in judge_configuration(situation.config, now)}
        for one in judge_configuration({**situation.config, "mode": target_mode(situation)}, then):
            if one.level == ERROR and one.field not in before:
                yield Change(then, BREAKS, one.field, one.message, one.fix, "pkg/proxy/apis/config/validation",
                             situation.wanted > NEWEST)


def _by_mode(situation: Situation) -> Iterator[tuple[str, str, str, str, str]]:
    old, new = present_mode(situation), target_mode(situation)
    if old == new:
        return
    held = decode(situation.config)[0]
    yield from mode_changes(old, new, held, situation.services)
    if situation.config:
        document, release = {**situation.config, "mode": new}, min(situation.wanted, NEWEST)
        for one in judge_configuration(document, f"{release[0]}.{release[1]}"):
            if one.reason == IGNORED:
                yield NOTICE, one.field, one.message, one.fix, "k8s.io/kube-proxy config/v1alpha1/types.go"
