"""What the node says about its settings: live values, our drop-in, and why a key is not there."""
from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kernel_modules_observe import Kernel, observe_kernel
from ansible.module_utils.fairlead.sysctl_settings import Setting, key_path, path_key

# Keys that exist only once a module is in the kernel. First match wins.
BROUGHT_BY = (
    ("net/bridge/", "br_netfilter"),
    ("net/netfilter/nf_conntrack_", "nf_conntrack"),
    ("net/netfilter/nf_flowtable_", "nf_conntrack"),
    ("net/nf_conntrack_max", "nf_conntrack"),
    ("net/ipv4/vs/", "ip_vs"),
)

# What such a key holds the moment its module is loaded, where the kernel's source gives a constant
# (net/bridge/br_netfilter_hooks.c). With it a prediction made before the module is loaded can be exact.
INITIAL = {
    "net/bridge/bridge-nf-call-arptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/bridge/bridge-nf-filter-pppoe-tagged": "0",
    "net/bridge/bridge-nf-filter-vlan-tagged": "0",
    "net/bridge/bridge-nf-pass-vlan-input-dev": "0",
}


_READ_ONLY = "run as root on the node itself; in a container or another network namespace this key is read-only"
_REMEDIES = {
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOENT: "load the module that brings this key first",
}


@dataclass(frozen=True)
class Observed:
    """The node: live values by path (None: there is no such key), our drop-in, and the kernel's modules that
    would bring the absent keys (None: none is absent)."""

    live: dict[str, str | None]
    dropin: str | None
    kernel: Kernel | None = None


def brought_by(path: str) -> str | None:
    """The module that brings this key, if it is known to come with one."""
    return next((module for prefix, module in BROUGHT_BY if path.startswith(prefix)), None)


def observe(
    settings: Iterable[Setting], dropin_path: str, root: str = "/", release: str | None = None
) -> Observed:
    live = {setting.path: read_live(setting.path, root) for setting in settings}
    absent = {brought_by(path) for path, value in live.items() if value is None} - {None}
    kernel = observe_kernel(sorted(absent), root, release) if absent else None
    return Observed(live, read_text(dropin_path), kernel)


def read_live(path: str, root: str = "/") -> str | None:
    """The key's value with its blanks as single spaces, or None when there is no such key."""
    try:
        with open(os.path.join(root, "proc/sys", path), encoding="utf-8", errors="replace") as stream:
            return " ".join(stream.read().split())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise FairleadError(path_key(path), "is a group of keys, not a key", "name the key in it") from error
    except OSError as error:
        raise FairleadError(path_key(path), f"cannot be read: {error.strerror}",
                            "run as root; a key that can only be written cannot be kept") from error


def write_live(path: str, value: str, root: str = "/") -> None:
    """Open and write once, as /proc/sys wants it: a second write to an open key starts over or is refused."""
    try:
        descriptor = os.open(os.path.join(root, "proc/sys", path), os.O_WRONLY)
        try:
            os.write(descriptor, f"{value}\n".encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        remedy = _REMEDIES.get(error.errno, "write a value in the range that the kernel documents for it")
        raise FairleadError(path_key(path), f"the kernel does not take this value: {error.strerror}", remedy,
                            value) from error


def parse_dropin(text: str | None) -> dict[str, str]:
    """Values by path in a file of sysctl.d; lines that are none are passed over, as systemd does."""
    values: dict[str, str] = {}
    for line in (text or "").splitlines():
        key, equals, value = line.partition("=")
        if not equals or line.lstrip()[:1] in ("#", ";"):
            continue
        try:
            values[key_path(key.strip().lstrip("-"))] = " ".join(value.split())
        except ValueError:
            continue
    return values
