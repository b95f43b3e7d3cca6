"""Whether a node's kernel and programs do what a mode of kube-proxy asks of them: by doing it.

A version says little about a kernel whose modules are split over packages, or about a vendor's back-ports. So one rule
of each kind that kube-proxy writes is really loaded, in a network namespace that ends with the program. The kernel may
load modules for it, those that the mode needs anyway; nothing else of the node is touched.

Rules: pkg/proxy/nftables/proxier.go and pkg/proxy/iptables/proxier.go of 1.37.
"""
from __future__ import annotations

import re
import time
from dataclasses import dataclass

from ansible.module_utils.fairlead.command import Commands

SECONDS = 60.0
ALONE = ("unshare", "--net", "--")
SAMPLE = 200  # Services whose rules are loaded to see how fast this node is; with two endpoints each
_LINE = re.compile(r"(?:/dev/stdin:|line:? )(\d+)")
_PLACE = re.compile(r"^(/dev/stdin:\S+ (Error: )?|\S+restore( v\S+)?( \(\w+\))?:\s*|line \d+: )")
# kube-proxy also has to start, list and compute: seconds for that, and its time by the time that loading alone takes.
# Of `make bench-modes` at 10, 1,000 and 3,000 Services: start 0.9 to 1.5 s; factor 6 to 12 in iptables mode, 4 to 6 in
# nftables mode (two runs on a machine that had other work). The other two modes were not measured.
START, FACTOR = 1.5, {"iptables": 9.0, "ipvs": 9.0, "nftables": 6.0, "userspace": 9.0}

# (what it is for, one line of nft); NAME is the family's table.
_NFT = (
    ("a table", "add table FAMILY fairlead-probe"),
    ("nat chains", "add chain FAMILY fairlead-probe nat { type nat hook prerouting priority -100 ; }"),
    ("nat chains", "add chain FAMILY fairlead-probe post { type nat hook postrouting priority 100 ; }"),
    ("filter chains", "add chain FAMILY fairlead-probe filter { type filter hook forward priority -110 ; }"),
    ("chains", "add chain FAMILY fairlead-probe endpoint"),
    ("verdict maps over address, protocol and port",
     "add map FAMILY fairlead-probe services { type ADDR . inet_proto . inet_service : verdict ; }"),
    ("sets with timeouts (session affinity)",
     "add set FAMILY fairlead-probe affinity { type ADDR ; flags dynamic,timeout ; timeout 3h ; }"),
    ("comments", 'add rule FAMILY fairlead-probe endpoint counter comment "probe"'),
    ("marks", "add rule FAMILY fairlead-probe endpoint meta mark set mark or 0x4000"),
    ("dynamic sets (session affinity)", "add rule FAMILY fairlead-probe endpoint update @affinity { IP saddr }"),
    ("dnat", "add rule FAMILY fairlead-probe endpoint meta l4proto tcp dnat to TO:80"),
    ("numgen (random choice of the endpoint)",
     "add rule FAMILY fairlead-probe nat numgen random mod 2 vmap { 0 : goto endpoint , 1 : goto endpoint }"),
    ("elements of verdict maps",
     "add element FAMILY fairlead-probe services { ONE . tcp . 80 : goto endpoint }"),
    ("look-ups by address, protocol and port",
     "add rule FAMILY fairlead-probe nat IP daddr . meta l4proto . th dport vmap @services"),
    ("fib (node ports)", "add rule FAMILY fairlead-probe nat fib daddr type local tcp dport 30080 goto endpoint"),
    ("conntrack state", "add rule FAMILY fairlead-probe filter ct state new tcp dport 80 reject"),
    ("masquerade", "add rule FAMILY fairlead-probe post meta mark and 0x4000 != 0 masquerade fully-random"),
)
_ADDRESSES = {"ip": {"ADDR": "ipv4_addr", "TO": "192.0.2.1", "ONE": "192.0.2.2"},
              "ip6": {"ADDR": "ipv6_addr", "TO": "[2001:db8::1]", "ONE": "2001:db8::2"}}

_IPTABLES = (
    ("the nat table", "*nat"),
    ("chains", ":FAIRLEAD-PROBE - [0:0]"),
    ("comments", '-A FAIRLEAD-PROBE -m comment --comment probe'),
    ("addrtype (node ports)", "-A PREROUTING -m addrtype --dst-type LOCAL -j FAIRLEAD-PROBE"),
    ("statistic (random choice of the endpoint)",
     "-A FAIRLEAD-PROBE -m statistic --mode random --probability 0.5 -j RETURN"),
    ("recent (session affinity)",
     "-A FAIRLEAD-PROBE -m recent --name FAIRLEAD-PROBE --rcheck --seconds 10800 --reap -j RETURN"),
    ("marks", "-A FAIRLEAD-PROBE -j MARK --or-mark 0x4000"),
    ("DNAT", "-A FAIRLEAD-PROBE -p tcp -m tcp -j DNAT --to-destination TO:80"),
    ("mark match", "-A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN"),
    ("MASQUERADE", "-A POSTROUTING -j MASQUERADE --random-fully"),
    ("the nat table", "COMMIT"),
    ("the filter table", "*filter"),
    ("conntrack state", "-A FORWARD -m conntrack --ctstate INVALID -j DROP"),
    ("REJECT", "-A FORWARD -p tcp -m tcp --dport 80 -j REJECT"),
    ("the filter table", "COMMIT"),
)
_RESTORE = {"IPv4": "iptables-restore", "IPv6": "ip6tables-restore"}


# ipvs mode writes rules with iptables too; its own modules are looked at one by one.
NEEDED = {"nftables": ("unshare", "nft"),
          **dict.fromkeys(("iptables", "ipvs", "userspace"), ("unshare", *_RESTORE.values()))}


@dataclass(frozen=True)
class Probe:
    """fault: what could not be loaded and why, "" when all could; seconds: that one Service with two endpoints takes to
    be loaded here, 0 when it was not measured."""

    fault: str = ""
    seconds: float = 0.0


def probe(mode: str, commands: Commands, measure: bool) -> Probe:
    """measure: also load SAMPLE Services, to see how fast this node is."""
    started = time.monotonic()
    for argv, lines in _small(mode):
        done = commands.run([*ALONE, *argv], timeout=SECONDS, stdin="\n".join(line for _what, line in lines) + "\n")
        if not done.ok:
            return Probe(explain(argv[0], done.stderr or done.stdout, lines))
    small = time.monotonic() - started
    if not measure:
        return Probe()
    argv, text = _large(mode)
    started = time.monotonic()
    done = commands.run([*ALONE, *argv], timeout=SECONDS, stdin=text)
    if not done.ok:
        return Probe(f"{argv[0]} could not load the rules of {SAMPLE} Services: {_first_line(done.stderr)}")
    return Probe(seconds=max(time.monotonic() - started - small / 2, 0.001) / SAMPLE)


def first_sync(mode: str, probed: Probe, services: int, endpoints: int) -> float:
    """Seconds that kube-proxy will need on this node from its start to its first complete sync; an order of magnitude.

    Rules are laid out as a chain for each Service port and each endpoint, so three make one Service of the sample.
    START and FACTOR: `make bench-modes` shows the estimate beside what was measured.
    """
    return START + FACTOR[mode] * probed.seconds * (services + endpoints) / 3


def explain(program: str, said: str, lines: tuple[tuple[str, str], ...]) -> str:
    """Which kind of rule was refused, from the line that the program names."""
    found = _LINE.search(said)
    number = int(found[1]) if found else 0
    what = lines[number - 1][0] if 0 < number <= len(lines) else "a rule"
    return f"{program} cannot load {what}: {_first_line(said)}"


def _first_line(said: str) -> str:
    """The reason without the place."""
    reasons = (_PLACE.sub("", line).strip() for line in said.splitlines())
    return next((reason for reason in reasons if reason), "no reason given")


def _small(mode: str) -> list[tuple[tuple[str, ...], tuple[tuple[str, str], ...]]]:
    if mode == "nftables":
        lines = tuple((f"{what}, family {family}", _nft(line, family)) for family in _ADDRESSES for what, line in _NFT)
        return [(("nft", "-f", "/dev/stdin"), lines)]
    to = {"IPv4": "192.0.2.1", "IPv6": "[2001:db8::1]"}
    return [((_RESTORE[family],), tuple((what, line.replace("TO:", f"{to[family]}:")) for what, line in _IPTABLES))
            for family in _RESTORE]


def _nft(line: str, family: str) -> str:
    for word, value in (("FAMILY", family), ("IP ", f"{family} "), *_ADDRESSES[family].items()):
        line = line.replace(word, value)
    return line


def _large(mode: str) -> tuple[tuple[str, ...], str]:
    """SAMPLE Services as the mode lays them out: a chain for each and for each of two endpoints, one look-up."""
    if mode == "nftables":
        table = "ip fairlead-probe"
        head = [_nft(line, "ip") for _what, line in _NFT[:6]]
        body = []
        for number in range(SAMPLE):
            body += [f"add chain {table} s{number}", f"add chain {table} e{number}a", f"add chain {table} e{number}b",
                     *(f"add rule {table} e{number}{which} meta l4proto tcp dnat to 192.0.2.1:80" for which in "ab"),
                     f"add rule {table} s{number} numgen random mod 2 vmap {{ 0 : goto e{number}a , "
                     f"1 : goto e{number}b }}",
                     f"add element {table} services {{ 198.18.{number // 250}.{number % 250} . tcp . 80 : "
                     f"goto s{number} }}"]
        return ("nft", "-f", "/dev/stdin"), "\n".join([*head, *body]) + "\n"
    chains = [f":KUBE-{kind}-{number} - [0:0]" for number in range(SAMPLE) for kind in ("SVC", "SEPA", "SEPB")]
    rules = []
    for number in range(SAMPLE):
        rules += [f"-A PREROUTING -d 198.18.{number // 250}.{number % 250}/32 -p tcp -m tcp --dport 80 "
                  f"-j KUBE-SVC-{number}",
                  f"-A KUBE-SVC-{number} -m statistic --mode random --probability 0.5 -j KUBE-SEPA-{number}",
                  f"-A KUBE-SVC-{number} -j KUBE-SEPB-{number}",
                  *(f"-A KUBE-SEP{which}-{number} -p tcp -m tcp -j DNAT --to-destination 192.0.2.1:80"
                    for which in "AB")]
    return ("iptables-restore",), "\n".join(["*nat", *chains, *rules, "COMMIT"]) + "\n"
