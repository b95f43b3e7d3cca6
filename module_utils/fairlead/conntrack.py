"""Connection tracking: how large kube-proxy would make its table, the settings that say so, and what they cost.

Sources: k8s.io/kubernetes pkg/proxy/conntrack/sysctls.go of 1.36.1, 1.36.3 and 1.37.2,
cmd/kube-proxy/app/server_linux.go of 1.34 and 1.35, pkg/proxy/apis/config/v1alpha1/defaults.go; kernel
net/netfilter/nf_conntrack_core.c.

kube-proxy's size is max-per-core times the machine's processors, or min where that is larger; from 1.36 on never more
than 1,048,576 when the product is above that, even if min is (k/k#137002). Its hash table gets at least a quarter as
many buckets. Up to 1.36.3 kube-proxy also lowers a larger limit to its own; 1.37 only raises (k/k#142035), and so do
we, for every release.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy.modes import release
from ansible.module_utils.fairlead.sysctl_settings import AT_LEAST, EXACT, Setting

NODE, KUBE_PROXY = "node", "kube_proxy"
OWNERS = (NODE, KUBE_PROXY)

CAP, CAPPED_FROM = 1048576, (1, 36)
BUCKETS_PER_PAGE = 512  # the kernel rounds the table up to whole pages of 8-byte heads
LARGEST = 2**31 - 1  # nf_conntrack_max is an int

_TREE = "net/netfilter/nf_conntrack_"
MAX, BUCKETS, COUNT = f"{_TREE}max", f"{_TREE}buckets", f"{_TREE}count"
# Options in seconds (0: leave the kernel's value alone, as in kube-proxy's configuration) and their keys.
TIMEOUTS = {
    "tcp_established": f"{_TREE}tcp_timeout_established",
    "tcp_close_wait": f"{_TREE}tcp_timeout_close_wait",
    "udp": f"{_TREE}udp_timeout",
    "udp_stream": f"{_TREE}udp_timeout_stream",
}
BE_LIBERAL = f"{_TREE}tcp_be_liberal"

# Fields of kube-proxy's conntrack block and the keys that it then writes. The first four are set when they are left
# out.
KUBE_PROXY_FIELDS = {
    "maxPerCore": (MAX, BUCKETS),
    "min": (MAX, BUCKETS),
    "tcpEstablishedTimeout": (TIMEOUTS["tcp_established"],),
    "tcpCloseWaitTimeout": (TIMEOUTS["tcp_close_wait"],),
    "udpTimeout": (TIMEOUTS["udp"],),
    "udpStreamTimeout": (TIMEOUTS["udp_stream"],),
    "tcpBeLiberal": (BE_LIBERAL,),
}

# struct nf_conn on 6.12 and 6.18, where /proc/slabinfo cannot be read; and the extension (NF_CT_EXT_PREALLOC) that an
# entry gets for masquerading, counters, labels or listeners to events: measured with 120,000 entries on 6.18.
ENTRY_BYTES, EXTENSION_BYTES, BUCKET_BYTES = 256, 128, 8


class Wish(NamedTuple):
    """What the user asked for. max and buckets 0: as kube-proxy computes them; timeouts in seconds."""

    kubernetes_version: str = ""
    max: int = 0
    max_per_core: int = 32768
    min: int = 131072
    buckets: int = 0
    tcp_established: int = 86400
    tcp_close_wait: int = 3600
    udp: int = 0
    udp_stream: int = 0
    tcp_be_liberal: bool = False


def wish(options: Mapping[str, Any]) -> Wish:
    """Raises FairleadError for a number that no table and no clock can have."""
    made = Wish(**options)
    for name, value in options.items():
        if isinstance(value, int) and not 0 <= value <= LARGEST:
            raise FairleadError(f"conntrack.{name}", f"is not a number from 0 to {LARGEST}", "write one in that range",
                                value)
    if made.max and made.buckets and made.buckets > made.max:
        raise FairleadError("conntrack.buckets", f"is above max={made.max}, so most of the table would stay empty",
                            "write at most max, or 0 for a quarter of it", made.buckets)
    return made


def kube_proxy_max(version: str, cores: int, max_per_core: int = 32768, minimum: int = 131072) -> int:
    """nf_conntrack_max as kube-proxy of that release computes it; 0 when it leaves the key alone. An empty version
    counts as the newest."""
    if max_per_core <= 0:
        return 0
    scaled = max_per_core * cores
    if scaled > CAP and (not version or release(version) >= CAPPED_FROM):
        return CAP
    return max(scaled, minimum)


def settings(asked: Wish, cores: int) -> list[Setting]:
    """The keys of connection tracking, as wanted."""
    size = asked.max or kube_proxy_max(asked.kubernetes_version, cores, asked.max_per_core, asked.min)
    wanted = []
    if size:
        wanted.append(Setting(MAX, str(size), EXACT if asked.max else AT_LEAST))
    if size or asked.buckets:
        buckets = rounded(asked.buckets or size // 4)
        wanted.append(Setting(BUCKETS, str(buckets), EXACT if asked.buckets else AT_LEAST))
    wanted += [Setting(path, str(getattr(asked, name))) for name, path in TIMEOUTS.items() if getattr(asked, name)]
    if asked.tcp_be_liberal:
        wanted.append(Setting(BE_LIBERAL, "1"))
    return wanted


def rounded(buckets: int) -> int:
    """What the kernel makes of that number."""
    return -(-max(buckets, 1) // BUCKETS_PER_PAGE) * BUCKETS_PER_PAGE


def initial(memory_bytes: int) -> dict[str, str]:
    """The values with which the keys appear when the module is loaded without parameters (kernel 5.15 and later)."""
    gib = 2**30
    buckets = 262144 if memory_bytes > 4 * gib else 65536 if memory_bytes > gib else max(
        memory_bytes // 16384 // BUCKET_BYTES, 1024)
    size = str(rounded(buckets))
    return {MAX: size, BUCKETS: size, BE_LIBERAL: "0", TIMEOUTS["tcp_established"]: "432000",
            TIMEOUTS["tcp_close_wait"]: "60", TIMEOUTS["udp"]: "30", TIMEOUTS["udp_stream"]: "120"}


def memory_mib(entries: int, buckets: int, entry_bytes: int = ENTRY_BYTES) -> float:
    """What the table takes when it is full, every entry with its extension."""
    return round((entries * (entry_bytes + EXTENSION_BYTES) + buckets * BUCKET_BYTES) / 2**20, 1)


def parse_slab(text: str) -> int | None:
    """Bytes of one entry in /proc/slabinfo."""
    match = re.search(r"^nf_conntrack +\d+ +\d+ +(\d+) ", text, re.MULTILINE)
    return int(match[1]) if match else None


def parse_cpus(text: str) -> int:
    """How many processors a list names, such as "0-3,8" in /sys/devices/system/cpu/online (kube-proxy 1.37 too)."""
    parts = [part.partition("-") for part in text.strip().split(",") if part]
    return sum(int(high or low) - int(low) + 1 for low, _dash, high in parts)


def zero_block() -> dict[str, Any]:
    """kube-proxy's conntrack block when the node owns the keys: 0 where it would otherwise set a default of its own."""
    return {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"}


def doubly_owned(owner: str, paths: set[str], block: Mapping[str, Any]) -> list[str]:
    """Sentences on the keys that both this node's settings and kube-proxy would write. paths: the wanted keys; block:
    the conntrack block that the user wrote into kube-proxy's configuration."""
    if owner == NODE:
        return [f"kube_proxy_config.conntrack.{field}={block[field]!r} makes kube-proxy write "
                f"{_dotted(KUBE_PROXY_FIELDS[field])}, which node_sysctl_conntrack_owner=node gives to this node's "
                "settings; remove the field, or set node_sysctl_conntrack_owner: kube_proxy"
                for field in sorted(block)
                if field in KUBE_PROXY_FIELDS and block[field] is not None and not _is_zero(block[field])]
    written = {path for field in KUBE_PROXY_FIELDS if _writes(field, block) for path in KUBE_PROXY_FIELDS[field]}
    return [f"{path.replace('/', '.')} is among this node's settings, and kube-proxy writes it at every start "
            "(node_sysctl_conntrack_owner=kube_proxy); remove the key, or set node_sysctl_conntrack_owner: node"
            for path in sorted(paths & written)]


def block_of(kube_proxy_config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The conntrack block that the user wrote, or an empty one."""
    block = kube_proxy_config.get("conntrack")
    return block if isinstance(block, Mapping) else {}


def size_by_block(version: str, cores: int, block: Mapping[str, Any]) -> int:
    """nf_conntrack_max as kube-proxy sets it with this block; 0 when it leaves the key alone."""
    given = {name: block[name] for name in ("maxPerCore", "min") if isinstance(block.get(name), int)}
    return kube_proxy_max(version, cores, given.get("maxPerCore", 32768), given.get("min", 131072))


def check_owner(owner: str, wanted: Iterable[Setting], kube_proxy_config: Mapping[str, Any]) -> None:
    """Raises FairleadError when both would write a key."""
    both = doubly_owned(owner, {setting.path for setting in wanted}, block_of(kube_proxy_config))
    if both:
        raise FairleadError("node_sysctl_conntrack_owner", "; ".join(both),
                            "give every key one owner; nothing was changed", owner)


def _writes(field: str, block: Mapping[str, Any]) -> bool:
    """Whether kube-proxy, given this block, writes the keys of the field; left out or null means its default."""
    if field in ("min", "maxPerCore"):
        return block.get("maxPerCore") is None or not _is_zero(block["maxPerCore"])
    if block.get(field) is None:
        return field in zero_block()
    return not _is_zero(block[field])


def _is_zero(value: Any) -> bool:
    """0, false, "0s" and "0h0m0s" are; null is not, since it means the default."""
    return value is not None and value is not True and not re.search("[1-9]", str(value))


def _dotted(paths: tuple[str, ...]) -> str:
    return " and ".join(path.replace("/", ".") for path in paths)
