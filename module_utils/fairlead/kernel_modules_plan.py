"""From wanted and observed modules to steps, and the two effects: loading one, writing the file for boot."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_observe import LOADABLE, MISSING, Kernel, observe_kernel
from ansible.module_utils.fairlead.plan import Plan, Step


@dataclass(frozen=True)
class Desired:
    """What the user asked for, worked out."""

    mode: str
    names: tuple[str, ...]
    path: str


@dataclass(frozen=True)
class Observed:
    """The node: its kernel and our file."""

    kernel: Kernel
    file: str | None


def check_path(path: str) -> str:
    if not path.startswith("/") or not path.endswith(".conf"):
        raise FairleadError("path", "systemd reads only files that end in .conf",
                            "give an absolute path such as /etc/modules-load.d/fairlead.conf", path)
    return path


def observe(desired: Desired, root: str = "/", release: str | None = None) -> Observed:
    return Observed(observe_kernel(desired.names, root, release), files.read_text(desired.path))


def real_names(desired: Desired, kernel: Kernel) -> tuple[str, ...]:
    """The sorted names by which this kernel knows the wanted modules: two aliases of one module are one."""
    return tuple(sorted({kernel.found[name].name for name in desired.names}))


def file_text(desired: Desired, kernel: Kernel) -> str:
    """The file for boot. Built-in modules stand in it too: systemd passes over them, and after a change of
    the kernel they may have become loadable."""
    head = (files.OWNER_LINE,
            f"# Modules for kube-proxy in {desired.mode} mode. systemd-modules-load.service loads them at",
            "# boot, before systemd-sysctl.service sets the keys that come with them.")
    return "\n".join((*head, *real_names(desired, kernel))) + "\n"


def plan(desired: Desired, observed: Observed) -> Plan:
    """Load steps, then the file: a name that cannot be loaded now must not be left for the next boot."""
    kernel = observed.kernel
    absent = [name for name in desired.names if kernel.found[name].state == MISSING]
    if absent:
        raise missing_error(absent, kernel)
    to_load = sorted({found.name for found in kernel.found.values() if found.state == LOADABLE})
    if to_load and kernel.locked:
        raise FairleadError(
            f"kernel module {', '.join(to_load)}",
            "kernel.modules_disabled=1 forbids loading until the next boot",
            "remove what sets that key, or let it be set after systemd-modules-load.service, and reboot")
    steps = [Step("load", f"module {name}", "not loaded", "loaded", data=name) for name in to_load]
    text = file_text(desired, kernel)
    if observed.file != text:
        steps.append(Step("write", desired.path, observed.file or "", text))
    return Plan(tuple(steps),
                unchanged=f"all {len(desired.names)} modules are in the kernel and {desired.path} names them")


def apply(desired: Desired, step: Step, commands: Commands) -> None:
    if step.action == "write":
        files.write_text(desired.path, step.after)
        return
    result = commands.run(["modprobe", "--", step.data], timeout=60)
    if not result.ok:
        said = (result.stderr or result.stdout).strip() or f"status {result.status} and no word"
        raise FairleadError(step.target, f"modprobe could not load it: {said}",
                            "look into dmesg and /etc/modprobe.d on the node; a container cannot load "
                            "modules, its host has to")


def report(desired: Desired, observed: Observed) -> dict[str, object]:
    kernel = observed.kernel
    states = sorted((found.name, found.state) for found in kernel.found.values())
    return {"kernel": kernel.release, "mode": desired.mode, "file": desired.path, "modules": dict(states)}


def missing_error(names: Iterable[str], kernel: Kernel) -> FairleadError:
    """Says which modules, in which kernel, and where they are to be had."""
    field = f"kernel module {', '.join(names)}"
    if not kernel.installed:
        return FairleadError(
            field, f"neither loaded nor known to be built in, and kernel {kernel.release} has no directory "
            f"/lib/modules/{kernel.release} to load from",
            "reboot if the kernel package was upgraded, else install that kernel's package; for a container "
            "load them on its host")
    return FairleadError(field, f"kernel {kernel.release} has it neither loaded, built in nor to load",
                         package_remedy(kernel.distribution, kernel.release))


def package_remedy(distribution: str, release: str) -> str:
    """The package that carries modules which a small kernel leaves out."""
    words = distribution.split()
    if "ubuntu" in words:
        return f"install linux-modules-extra-{release}"
    if "debian" in words:
        return "install the full kernel linux-image-$(dpkg --print-architecture) and reboot into it"
    if {"rhel", "fedora", "centos"} & set(words):
        return f"install kernel-modules-extra-{release} (and kernel-modules-{release})"
    return "install the distribution's package of further modules for this kernel, or a kernel that has them"
