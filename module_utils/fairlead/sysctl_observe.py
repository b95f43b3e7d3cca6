"""What the node says about its settings: live values, files, what boot will give, and why a key is not there."""
from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible.module_utils.fairlead import conntrack, sysctl_journal
from ansible.module_utils.fairlead.conf_dirs import ConfFile
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.kernel_modules_observe import Kernel, observe_kernel
from ansible.module_utils.fairlead.sysctl_boot import read_boot_files, read_procps_file
from ansible.module_utils.fairlead.sysctl_settings import Setting, key_path, path_key

# Trees of keys, or single ones, that exist only once a module is in the kernel.
BROUGHT_BY = {
    "net/bridge": "br_netfilter",
    "net/netfilter": "nf_conntrack",
    "net/nf_conntrack_max": "nf_conntrack",
    "net/ipv4/vs": "ip_vs",
}
# Those that are there without it.
_WITHOUT = ("net/netfilter/nf_log", "net/netfilter/nf_hooks_lwtunnel")

# What such a key holds the moment its module is loaded, where the kernel's source gives a constant
# (net/bridge/br_netfilter_hooks.c, net/netfilter/ipvs/ip_vs_ctl.c). With it a prediction made before the module is
# loaded can be exact. Conntrack's first values depend on the memory: conntrack.initial().
INITIAL = {
    "net/bridge/bridge-nf-call-arptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/bridge/bridge-nf-filter-pppoe-tagged": "0",
    "net/bridge/bridge-nf-filter-vlan-tagged": "0",
    "net/bridge/bridge-nf-pass-vlan-input-dev": "0",
    "net/ipv4/vs/conn_reuse_mode": "1",
    "net/ipv4/vs/conntrack": "0",
    "net/ipv4/vs/expire_nodest_conn": "0",
    "net/ipv4/vs/expire_quiescent_template": "0",
}

_READ_ONLY = "run as root on the node itself; in a container or another network namespace this key is read-only"
_REMEDIES = {
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
    errno.ENOENT: "load the module that brings this key first",
    errno.EINVAL: "write a value in the range that the kernel documents for it",
}


class Observed(NamedTuple):
    """The node.

    live:    values by path, of the wanted keys and of those in the journal (None: there is no such key)
    files:   our files by path (None: not there)
    unreadable: a clause on each path that is there and cannot be read; its value is None
    kernel:  its modules that would bring the absent keys (None: none is absent)
    first:   values with which absent keys will appear, as far as they are known
    side:    values of the keys that change together with another one, by that one's path
    boot:    sysctl.d as it is; procps: /etc/sysctl.conf, where only procps reads it
    """

    live: Mapping[str, str | None]
    files: Mapping[str, str | None]
    unreadable: Mapping[str, str] = {}
    kernel: Kernel | None = None
    first: Mapping[str, str] = {}
    side: Mapping[str, Mapping[str, str]] = {}
    boot: tuple[ConfFile, ...] = ()
    procps: tuple[ConfFile, ...] = ()


def brought_by(path: str) -> str | None:
    """The module that brings this key, if it is known to come with one."""
    if path.startswith(_WITHOUT):
        return None
    return next((module for tree, module in BROUGHT_BY.items() if f"{path}/".startswith(f"{tree}/")), None)


def observe(settings: Iterable[Setting], paths: Iterable[str], journal_path: str, root: str = "/",
            release: str | None = None) -> Observed:
    """One look at the node; paths are those of our own files."""
    files = {path: read_text(path) for path in (*paths, journal_path)}
    journal = sysctl_journal.parse(files[journal_path], journal_path)
    wanted = [setting.path for setting in settings]
    keys = dict.fromkeys([*wanted, *journal])
    live, unreadable = {}, {}
    for path in keys:
        try:
            live[path] = read_live(path, root)
        except FairleadError as error:
            live[path], unreadable[path] = None, f"{error.problem} ({error.remedy})"
    absent = sorted({brought_by(path) for path in wanted if live[path] is None and path not in unreadable} - {None})
    return Observed(
        live, files, unreadable=unreadable,
        kernel=observe_kernel(absent, root, release) if absent else None,
        first={**INITIAL, **(conntrack.initial(_memory(root)) if "nf_conntrack" in absent else {})} if absent else {},
        # Only for keys that are new to us or go back: a node with many pods has many interfaces.
        side={path: read_side(path, root) for path in keys
              if path in sysctl_journal.SIDE_EFFECTS and (path not in journal or path not in wanted)},
        boot=tuple(read_boot_files(root)),
        procps=tuple(read_procps_file(root)),
    )


def read_side(path: str, root: str = "/") -> dict[str, str]:
    """Values of the keys that writing this one changes too, the key itself apart."""
    tree = os.path.join(root, "proc/sys")
    found = {os.path.relpath(name, tree): None for pattern in sysctl_journal.SIDE_EFFECTS[path]
             for name in glob.glob(os.path.join(tree, pattern))}
    values = {name: read_live(name, root) for name in sorted(found) if name != path}
    return {name: value for name, value in values.items() if value is not None}


def read_conntrack(root: str = "/") -> dict[str, int]:
    """Figures of the connection table, by their names in RETURN; empty when connection tracking is not in the
    kernel."""
    size, buckets, count = (read_live(path, root) for path in (conntrack.MAX, conntrack.BUCKETS, conntrack.COUNT))
    if size is None or buckets is None or count is None:
        return {}
    try:
        entry = conntrack.parse_slab(read_text(os.path.join(root, "proc/slabinfo")) or "")
    except FairleadError:  # only root may read it
        entry = None
    return {"max": int(size), "buckets": int(buckets), "count": int(count),
            "entry_bytes": entry or conntrack.ENTRY_BYTES}


def read_cores(root: str = "/") -> int:
    """Processors that are online, as kube-proxy counts them."""
    listed = read_text(os.path.join(root, "sys/devices/system/cpu/online"))
    return conntrack.parse_cpus(listed) if listed else os.cpu_count() or 1


def _memory(root: str) -> int:
    """Bytes of memory that the kernel manages."""
    for line in (read_text(os.path.join(root, "proc/meminfo")) or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


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
        descriptor = os.open(os.path.join(root, "proc/sys", path), os.O_WRONLY | os.O_TRUNC)
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
