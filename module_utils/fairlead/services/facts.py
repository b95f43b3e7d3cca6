"""What a verdict depends on besides the manifests, and how people write it."""
from __future__ import annotations

import re
from dataclasses import dataclass

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services.server.addresses import parse_network

OLDEST, NEWEST = (1, 29), (1, 37)  # releases whose rules are known
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?(?:[-+].*)?")


@dataclass(frozen=True)
class Facts:
    """A cluster, as far as its API server's verdict on a Service depends on it. The defaults are those of a cluster
    that was set up without asking for others.

    kubernetes_version: (major, minor) of the API server
    node_ports:         --service-node-port-range
    service_cidrs:      --service-cluster-ip-range, the primary family first; empty when not known. Then a verdict that
                        depends on it is given as advice with the reason Unknown instead of being guessed
    feature_gates:      gates that are not at their release's default, as (name, on) pairs
    dry_run:            judge as `?dryRun=All` does: the server's allocator then takes node ports of any number, since
                        nothing is allocated. False judges the request that is meant to last
    """

    kubernetes_version: tuple[int, int] = NEWEST
    node_ports: range = range(30000, 32768)
    service_cidrs: tuple[str, ...] = ()
    feature_gates: tuple[tuple[str, bool], ...] = ()
    dry_run: bool = False


def parse_range(text: str) -> range:
    """'30000-32767' as the API server's flag takes it.

    Raises FairleadError for anything else.
    """
    first, _dash, last = text.partition("-")
    if not (_is_number(first) and _is_number(last) and 1 <= int(first) <= int(last) <= 65535):
        raise FairleadError("node_port_range", "is not a range of ports", "write it like 30000-32767", text)
    return range(int(first), int(last) + 1)


def parse_version(text: str) -> tuple[int, int]:
    """'1.37', '1.37.2' or 'v1.37.2' as (1, 37).

    Raises FairleadError for anything else and for releases whose rules are not known.
    """
    matched = _VERSION.fullmatch(text)
    if not matched:
        raise FairleadError("kubernetes_version", "is not a Kubernetes version", "write it like 1.37", text)
    version = int(matched[1]), int(matched[2])
    if not OLDEST <= version <= NEWEST:
        raise FairleadError("kubernetes_version", "is a release whose rules are not known",
                            f"write one of {_dotted(OLDEST)} to {_dotted(NEWEST)}", text)
    return version


def parse_cidrs(text: str) -> tuple[str, ...]:
    """'10.96.0.0/16,fd00:96::/108' as the API server's flag takes it: one network, or one of each family.

    Raises FairleadError for anything else.
    """
    cidrs = tuple(part.strip() for part in text.split(",") if part.strip())
    networks = [parse_network(cidr) for cidr in cidrs]
    for cidr, network in zip(cidrs, networks):
        if network is None:
            raise FairleadError("service_cidrs", "is not a network", "write it like 10.96.0.0/16", cidr)
    if len(networks) > 2 or len({network.family for network in networks if network}) != len(networks):
        raise FairleadError("service_cidrs", "are not one network or one of each family",
                            "write them like 10.96.0.0/16,fd00:96::/108", text)
    return cidrs


def parse_feature_gates(text: str) -> tuple[tuple[str, bool], ...]:
    """'StrictIPCIDRValidation=false' as the API server's flag takes it.

    Raises FairleadError for anything else.
    """
    gates = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _equals, on = part.partition("=")
        if on.lower() not in ("true", "false"):
            raise FairleadError("feature_gates", "is not a feature gate with true or false",
                                "write it like StrictIPCIDRValidation=false", part)
        gates.append((name.strip(), on.lower() == "true"))
    return tuple(gates)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
