"""What to say of modules that a kernel does not have."""
from __future__ import annotations

from collections.abc import Iterable

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_observe import Kernel


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
