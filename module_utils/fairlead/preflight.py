"""Whether a node is fit for its wished mode of kube-proxy: an observer, and pure rules that judge each line."""
from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kernel_modules_observe import MISSING, Kernel, observe_kernel
from ansible.module_utils.fairlead.kernel_modules_wanted import wanted
from ansible.module_utils.fairlead.kube_proxy import announcers, ask, cni, features, modes, surroundings
from ansible.module_utils.fairlead.kube_proxy.rules import Kernel as Rules
from ansible.module_utils.fairlead.kube_proxy.surroundings import Surroundings

FIT, WARN, UNFIT = "fit", "warn", "unfit"

SYSTEMD = "systemd"
DEPLOYMENTS = (SYSTEMD, "daemonset", "kubeadm", "k3s", "rke2")

# Programs that kube-proxy runs in each mode. In a DaemonSet they come with its image, k3s and rke2 bring their own.
PROGRAMS = {"iptables": ("iptables", "ip6tables"), "ipvs": ("iptables", "ip6tables", "ipset"),
            "nftables": ("nft",), "userspace": ("iptables",)}

NFT_KERNEL = (5, 13)  # kube-proxy refuses nftables mode on older ones
NFT_PROGRAM = (1, 0, 1)
LONG = 30.0  # seconds of a first sync that deserve a warning
IPVS_DEPRECATED, IPVS_OFF = (1, 35), (1, 40)  # KEP-5495

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Wish:
    """How kube-proxy is to run on this node.

    services, endpoints: how many the cluster has, 0 when unknown
    config:     further fields of its configuration
    announcers: what answers ARP for addresses of Services
    """

    mode: str
    scheduler: str
    kubernetes_version: str
    deployment: str
    binary: str
    kubeconfig: str
    services: int = 0
    endpoints: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    announcers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Observed:
    """What was found on the node."""

    kernel: Kernel
    python: str
    systemd: bool
    programs: dict[str, bool]
    nft: str  # what `nft --version` printed; "" when it was not asked
    binary: str  # "", or what is wrong with it
    kubeconfig: str  # "", or what is wrong with it
    around: Surroundings = field(default_factory=lambda: Surroundings(Rules()))
    plugins: tuple[str, ...] = ()
    running: str = ""  # the mode that answers now
    probed: features.Probe | None = None  # None when the node lacks a program for it


@dataclass(frozen=True)
class Line:
    """One thing that was looked at. The reason says what is wrong and what to do; when fit, what was found."""

    subject: str
    verdict: str
    reason: str


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: '6.12.117+deb13' is (6, 12, 117)."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def check_version(text: str) -> tuple[int, ...]:
    version = numbers(text)
    if len(version) < 2:
        raise FairleadError("kube_proxy_kubernetes_version", "not a version", "write it like 1.37.2", text)
    return version


def observe(wish: Wish, commands: Commands, root: str = "/", release: str | None = None,
            which: Callable[[str], str | None] = lambda name: shutil.which(name, path=SEARCH_PATH), *,
            around: Callable[[Commands], Surroundings] = surroundings.observe,
            probe: Callable[[str, Commands, bool], features.Probe] = features.probe) -> Observed:
    """One look at the node. Programs are run to read only."""
    own = wish.deployment == SYSTEMD
    programs = {name: bool(which(name)) for name in PROGRAMS[wish.mode]} if own else {}
    nft = commands.run([which("nft") or "nft", "--version"], timeout=10).stdout if programs.get("nft") else ""
    return Observed(
        kernel=observe_kernel(wanted(wish.mode, wish.scheduler, ()), root, release),
        python=".".join(str(part) for part in sys.version_info[:3]),
        systemd=os.path.isdir(os.path.join(root, "run/systemd/system")),  # what sd_booted(3) looks at
        programs=programs,
        nft=nft,
        binary=_file_fault(os.path.join(root, wish.binary.lstrip("/")), os.X_OK) if own else "",
        kubeconfig=_file_fault(os.path.join(root, wish.kubeconfig.lstrip("/")), os.R_OK) if own else "",
        around=around(commands),
        plugins=cni.observe(root),
        running=ask.ask().mode or "",
        probed=probe(wish.mode, commands, wish.services > 0) if all(map(which, features.NEEDED[wish.mode])) else None,
    )


def _file_fault(path: str, access: int) -> str:
    if not os.path.isfile(path):
        return "there is no such file"
    if not os.access(path, access):
        return "it is not executable" if access == os.X_OK else "it is not readable"
    if access == os.R_OK and not (read_text(path) or "").strip():
        return "it is empty"
    return ""


def judge(wish: Wish, seen: Observed) -> list[Line]:
    return [*_mode(wish, seen), *_announced(wish), *_machine(wish, seen), *_kernel(wish, seen),
            *(_programs(wish, seen) if wish.deployment == SYSTEMD else []), *_rules(wish, seen),
            *(Line("pod network", WARN, reason) for reason in cni.judge(wish.mode, seen.plugins, seen.running)),
            *(Line(subject, WARN, reason) for subject, reason in surroundings.judge(wish.mode, seen.around))]


def recommend(wish: Wish, seen: Observed) -> tuple[str, str]:
    """The mode that suits this node, and why."""
    version = check_version(wish.kubernetes_version) if wish.kubernetes_version else ()
    too_old = numbers(seen.kernel.release) < NFT_KERNEL
    unfit = {"nftables": f"kernel {seen.kernel.release} is older than 5.13"} if too_old else {}
    return surroundings.recommended(unfit, version[:2], wish.services)


def first_sync(wish: Wish, seen: Observed) -> float:
    """Seconds, estimated; 0 when it cannot be."""
    if not (wish.services and seen.probed and seen.probed.seconds):
        return 0.0
    return round(features.first_sync(wish.mode, seen.probed, wish.services, wish.endpoints), 2)


def verdict(lines: Iterable[Line]) -> str:
    found = {line.verdict for line in lines}
    return next((v for v in (UNFIT, WARN) if v in found), FIT)


def _mode(wish: Wish, seen: Observed) -> list[Line]:
    if wish.mode == "ipvs" and not wish.kubernetes_version:
        return [Line("mode", WARN, "ipvs is deprecated and does not start in 1.40; "
                                   "set kube_proxy_kubernetes_version so that this can be judged")]
    version = check_version(wish.kubernetes_version) if wish.kubernetes_version else ()
    told = _by_release(wish)
    if told:
        return [told]
    shown = f"Kubernetes {wish.kubernetes_version or 'of any release'}"
    if wish.mode == "ipvs" and version >= IPVS_OFF:
        return [Line("mode", UNFIT, f"kube-proxy of {shown} does not start in ipvs mode; "
                                    "set kube_proxy_mode: nftables")]
    if wish.mode == "ipvs" and version >= IPVS_DEPRECATED:
        return [Line("mode", WARN, "ipvs is deprecated since 1.35, off by default in 1.40 and removed in 1.43; "
                                   "plan for kube_proxy_mode: nftables")]
    if wish.mode == "nftables" and numbers(seen.kernel.release) < NFT_KERNEL:
        return [Line("mode", UNFIT, f"nftables needs kernel 5.13 or later, this is {seen.kernel.release}; "
                                    "boot a newer kernel or set kube_proxy_mode: iptables")]
    return [Line("mode", FIT, f"{wish.mode} with {shown} on kernel {seen.kernel.release}")]


def _announced(wish: Wish) -> list[Line]:
    fault = announcers.fault(wish.mode, wish.config, wish.announcers)
    return [Line(announcers.FIELD, UNFIT, fault)] if fault else []


def _by_release(wish: Wish) -> Line | None:
    """What the release says of userspace and nftables mode, when it says anything."""
    if wish.mode not in (modes.USERSPACE, "nftables"):
        return None
    try:
        warnings = modes.check(wish.mode, wish.kubernetes_version or "1.37")
    except FairleadError as error:
        return Line("mode", UNFIT, f"{wish.mode} {error.problem}; {error.remedy}")
    return Line("mode", WARN, warnings[0]) if warnings else None


def _machine(wish: Wish, seen: Observed) -> list[Line]:
    if not seen.systemd:
        means = UNFIT if wish.deployment == SYSTEMD else WARN
        init = Line("systemd", means, "it is not running, so modules and settings would be gone after a boot; "
                                      "use a node that boots with systemd")
    else:
        init = Line("systemd", FIT, "running")
    return [Line("Python", FIT, seen.python), init]


def _kernel(wish: Wish, seen: Observed) -> list[Line]:
    kernel, lines = seen.kernel, []
    missing = sorted(name for name, found in kernel.found.items() if found.state == MISSING)
    if missing and not kernel.installed:
        lines.append(Line("kernel modules", UNFIT,
                          f"{', '.join(missing)}: not loaded, and /lib/modules/{kernel.release} does not exist; "
                          "reboot if the kernel package was replaced, else install that of the running kernel"))
    elif missing:
        lines.append(Line("kernel modules", UNFIT,
                          f"{', '.join(missing)}: {wish.mode} mode needs what kernel {kernel.release} does not have; "
                          "install the package with its further modules or boot another kernel"))
    elif not kernel.installed:
        lines.append(Line("kernel modules", WARN,
                          f"/lib/modules/{kernel.release} does not exist: what is loaded is enough, "
                          "nothing more can be loaded; reboot into an installed kernel"))
    else:
        lines.append(Line("kernel modules", FIT, f"all {len(kernel.found)} of {wish.mode} mode"))
    return lines


def _rules(wish: Wish, seen: Observed) -> list[Line]:
    """What was really loaded. In a DaemonSet the programs are the image's, so only the kernel is known by it."""
    missing = any(found.state == MISSING for found in seen.kernel.found.values())
    if not seen.probed or missing:  # a module that does not exist has its own line
        return []
    subject = f"rules of {wish.mode} mode"
    if seen.probed.fault:
        return [Line(subject, UNFIT, f"{seen.probed.fault}; install what the kernel or the program lacks, or set "
                                     "another kube_proxy_mode")]
    lines = [Line(subject, FIT, "one of each kind was loaded in a namespace of its own")]
    if wish.services:
        seconds = features.first_sync(wish.mode, seen.probed, wish.services, wish.endpoints)
        says = f"about {seconds:.0f} s for {wish.services} Services and {wish.endpoints} endpoints"
        lines.append(Line("first sync", FIT, says) if seconds < LONG else Line(
            "first sync", WARN, f"{says}; a restart into another mode loses new connections for so long"))
    return lines


def _programs(wish: Wish, seen: Observed) -> list[Line]:
    lines = []
    for path, fault, remedy in (
        (wish.binary, seen.binary, "install kube-proxy there or set kube_proxy_binary"),
        (wish.kubeconfig, seen.kubeconfig, "put kube-proxy's kubeconfig there or set kube_proxy_kubeconfig"),
    ):
        lines.append(Line(path, UNFIT, f"{fault}; {remedy}") if fault else Line(path, FIT, "there"))
    for name, there in seen.programs.items():
        lines.append(Line(name, FIT, "installed") if there else
                     Line(name, UNFIT, f"{wish.mode} mode runs this program; install the package that carries it"))
    return lines + ([_nft(seen.nft)] if seen.programs.get("nft") else [])


def _nft(printed: str) -> Line:
    found = re.search(r"v(\d[\d.]*)", printed)
    if not found:
        return Line("nft version", WARN, f"not understood: {printed.strip()[:80]!r}; 1.0.1 or later is needed")
    if numbers(found[1]) < NFT_PROGRAM:
        return Line("nft version", UNFIT, f"nftables mode needs nft 1.0.1 or later, this is {found[1]}; "
                                          "install a newer package")
    return Line("nft version", FIT, found[1])
