"""What modes that do not run have left in the kernel, and the steps that remove exactly that.

kube-proxy cleans up only on the way into and out of nftables mode, and on that way it flushes every virtual server of
the node, also those of others. Between iptables and ipvs it removes nothing: stale REJECT rules, cluster addresses on
kube-ipvs0 and virtual servers stay (kubernetes/kubernetes#102314, #72236). Here a thing is removed only when it bears
kube-proxy's name and no running mode uses it. kubelet's chains (KUBE-FIREWALL, KUBE-KUBELET-CANARY,
KUBE-IPTABLES-HINT, KUBE-MARK-DROP) are not kube-proxy's.

Sources: pkg/proxy/iptables/proxier.go, pkg/proxy/ipvs/{proxier,ipset,cleanup}.go of 1.37.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import userspace
from ansible.module_utils.fairlead.kube_proxy.modes import MODES, USERSPACE
from ansible.module_utils.fairlead.kube_proxy.rules import DUMMY, PROGRAMS, SECONDS, TABLE, Kernel, Server, chains
from ansible.module_utils.fairlead.plan import Plan, Step

_PER_SERVICE = ("KUBE-SVC-", "KUBE-SVL-", "KUBE-FW-", "KUBE-EXT-", "KUBE-SEP-", "KUBE-XLB-")
# (table, chain); "*" is every table.
_IPTABLES_ALONE = {("filter", "KUBE-SERVICES"), ("*", "KUBE-EXTERNAL-SERVICES"), ("*", "KUBE-NODEPORTS"),
                   ("*", "KUBE-PROXY-CANARY")}
_IPVS_ALONE = {("*", "KUBE-NODE-PORT"), ("*", "KUBE-LOAD-BALANCER"), ("*", "KUBE-IPVS-FILTER"),
               ("*", "KUBE-IPVS-OUT-FILTER"), ("*", "KUBE-SOURCE-RANGES-FIREWALL")}
_BOTH = {("nat", "KUBE-SERVICES"), ("*", "KUBE-POSTROUTING"), ("*", "KUBE-MARK-MASQ"), ("*", "KUBE-FORWARD"),
         ("*", "KUBE-PROXY-FIREWALL")}
SETS = ("LOOP-BACK", "CLUSTER-IP", "EXTERNAL-IP", "EXTERNAL-IP-LOCAL", "LOAD-BALANCER", "LOAD-BALANCER-LOCAL",
        "LOAD-BALANCER-FW", "LOAD-BALANCER-SOURCE-IP", "LOAD-BALANCER-SOURCE-CIDR", "NODE-PORT-TCP",
        "NODE-PORT-LOCAL-TCP", "NODE-PORT-UDP", "NODE-PORT-LOCAL-UDP", "NODE-PORT-SCTP-HASH",
        "NODE-PORT-LOCAL-SCTP-HASH", "HEALTH-CHECK-NODE-PORT", "IPVS-IPS")
# kube-proxy cuts those of IPv6 that are longer than an ipset's name may be (IPSET_MAXNAMELEN less its closing zero).
OUR_SETS = frozenset(f"KUBE-{family}{each}"[:31] for each in SETS for family in ("", "6-"))
_COMMENTS = ("kubernetes ", *userspace.COMMENTS)  # of kube-proxy's own jumps
NODE_PORTS = range(30000, 32768)
_OPTIONS = {"TCP": "--tcp-service", "UDP": "--udp-service", "SCTP": "--sctp-service"}


@dataclass(frozen=True)
class Leftover:
    """One thing of a mode that does not run.

    mode: whose it is; kind: "chain", "table", "servers", "device" or "set"; name: as a person would look for it
    """

    mode: str
    kind: str
    name: str


def find(kernel: Kernel, running: str, node_addresses: tuple[str, ...] = ()) -> list[Leftover]:
    """All leftovers when kube-proxy runs in this mode; none when nobody answers, since those rules may still serve."""
    if running not in (*MODES, USERSPACE):
        return []
    found = [Leftover(_owner(table, chain), "chain", f"{family} {backend} {table} {chain}")
             for (family, backend), saved in kernel.saved.items()
             for table, chain in doomed(saved, running)]
    if running != "nftables":
        found += [Leftover("nftables", "table", f"{'ip' if family == 'IPv4' else 'ip6'} {TABLE}")
                  for family in kernel.nft]
    if running != "ipvs":
        found += [Leftover("ipvs", "servers", _server_name(server)) for server in ours(kernel, node_addresses)]
        found += [Leftover("ipvs", "device", DUMMY)] if kernel.addresses is not None else []
        found += [Leftover("ipvs", "set", name) for name in kernel.sets if is_our_set(name)]
    return found


def ours(kernel: Kernel, node_addresses: tuple[str, ...]) -> list[Server]:
    """kube-proxy's virtual servers: on an address of kube-ipvs0, or on a node's address at a node port."""
    bound = kernel.addresses or ()
    return [server for server in kernel.servers if server.protocol in _OPTIONS and (
        server.address in bound or (kernel.addresses is not None and server.port in NODE_PORTS
                                    and server.address in node_addresses))]


def foreign(kernel: Kernel, node_addresses: tuple[str, ...]) -> list[Server]:
    """Virtual servers that are not kube-proxy's; its start in nftables mode would flush them."""
    own = ours(kernel, node_addresses)
    return [server for server in kernel.servers if server not in own]


def doomed(saved: str, running: str) -> list[tuple[str, str]]:
    """(table, chain) of kube-proxy's that the running mode does not use."""
    return [(table, chain) for table, names in chains(saved).items() for chain in names
            if _owner(table, chain) and not _used(table, chain, running)]


def is_our_set(name: str) -> bool:
    return name in OUR_SETS


def plan(kernel: Kernel, running: str, node_addresses: tuple[str, ...]) -> Plan:
    """Steps in an order in which nothing is removed that another still refers to: servers, device, chains, sets."""
    if running not in (*MODES, USERSPACE):
        return Plan(unchanged="no kube-proxy answers, so nothing counts as left over")
    found = find(kernel, running, node_addresses)
    kinds = {leftover.kind for leftover in found}
    steps: list[Step] = []
    if "servers" in kinds:
        steps += [Step("remove", f"virtual server {_server_name(server)}", server.scheduler, "",
                       ["ipvsadm", "--delete-service", _OPTIONS[server.protocol], _host_port(server)])
                  for server in ours(kernel, node_addresses)]
    if "device" in kinds:
        steps.append(Step("remove", f"device {DUMMY}", "\n".join(kernel.addresses or ()), "",
                          ["ip", "link", "delete", DUMMY]))
    steps += [Step("remove", f"table {leftover.name}", leftover.name, "",
                   ["nft", "delete", "table", *leftover.name.split()])
              for leftover in found if leftover.kind == "table"]
    for (family, backend), saved in kernel.saved.items():
        lines = list(removal(saved, running))
        if lines:
            names = [chain for _table, chain in doomed(saved, running)]
            steps.append(Step("remove", f"{len(names)} chains of {family} {backend}", "\n".join(names), "",
                              ([f"{PROGRAMS[family, backend]}-restore", "--noflush"], "\n".join(lines) + "\n")))
    steps += [Step("remove", f"ipset {leftover.name}", leftover.name, "", ["ipset", "destroy", leftover.name])
              for leftover in found if leftover.kind == "set"]
    return Plan(tuple(steps), unchanged=f"no leftovers beside {running} mode")


def removal(saved: str, running: str) -> Iterator[str]:
    """What iptables-restore --noflush is given: one transaction that takes the jumps out, then empties and deletes."""
    gone = doomed(saved, running)
    for table in dict.fromkeys(table for table, _chain in gone):
        names = {chain for of, chain in gone if of == table}
        yield f"*{table}"
        yield from (f":{name} - [0:0]" for name in sorted(names))
        yield from ("-D" + rule[2:] for rule in _jumps(saved, table, names))
        yield from (f"-X {name}" for name in sorted(names))
        yield "COMMIT"


def _jumps(saved: str, table: str, names: set[str]) -> Iterator[str]:
    """Rules of chains that stay which lead to one that goes."""
    current = ""
    for line in saved.splitlines():
        current = line[1:].strip() if line.startswith("*") else current
        words = line.split()
        if current != table or not line.startswith("-A ") or words[1] in names:
            continue
        if any(words[i] in ("-j", "-g") and words[i + 1] in names for i in range(len(words) - 1)):
            if not any(f'--comment "{words}' in line for words in _COMMENTS) and "-A KUBE-" not in line:
                raise FairleadError(f"{table} {words[1]}", f"a rule that is not kube-proxy's leads to its chains: "
                f"{line}",
                                    "remove that rule, or tell its owner")
            yield line


def apply(step: Step, commands: Commands) -> None:
    """Run a step's program; one of iptables gets its transaction on standard input."""
    argv, stdin = step.data if isinstance(step.data, tuple) else (step.data, None)
    commands.check(argv, timeout=SECONDS, stdin=stdin)


def _owner(table: str, chain: str) -> str:
    if chain.startswith(_PER_SERVICE) or _in(table, chain, _IPTABLES_ALONE):
        return "iptables"
    if _in(table, chain, _IPVS_ALONE):
        return "ipvs"
    if _in(table, chain, userspace.CHAINS):
        return USERSPACE
    return "iptables or ipvs" if _in(table, chain, _BOTH) else ""


def _used(table: str, chain: str, running: str) -> bool:
    return running in _owner(table, chain).split(" or ")


def _in(table: str, chain: str, known: set[tuple[str, str]]) -> bool:
    return (table, chain) in known or ("*", chain) in known


def _server_name(server: Server) -> str:
    return f"{server.protocol} {_host_port(server)}"


def _host_port(server: Server) -> str:
    return f"[{server.address}]:{server.port}" if ":" in server.address else f"{server.address}:{server.port}"
