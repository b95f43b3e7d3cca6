"""Durations, addresses and quantities, read exactly as kube-proxy reads them.

kube-proxy parses addresses by a fork of Go's old parser that lets leading zeros pass (k8s.io/utils/net, ParseIPSloppy
and ParseCIDRSloppy), and durations by Go's time.ParseDuration. Python's own readers are stricter or laxer in both, so
a verdict that is to equal kube-proxy's needs these. Pure; each returns None for what kube-proxy refuses.
"""
from __future__ import annotations

import ipaddress
import re
from typing import Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Cidr = tuple[Address, int]

NANOSECONDS = {"ns": 1, "us": 10**3, "\u00b5s": 10**3, "\u03bcs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
               "h": 3600 * 10**9}
_PART = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)", re.ASCII)
_INT64 = 2**63
_LARGEST_OCTETS = 0xFFFFFF  # Go's dtoi gives up here, whatever the number's length
_PORT = re.compile(r"[+-]?\d+", re.ASCII)
_QUANTITY = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?", re.ASCII)


def duration(text: str) -> int | None:
    """Nanoseconds of "1h30m", "-1.5s" or "0"; None without units, or beyond 64 bits."""
    sign, rest = (-1 if text[:1] == "-" else 1), text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total, position = 0, 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if not part or not (part[1] or part[2]):
            return None
        unit, fraction = NANOSECONDS[part[3]], part[2] or ""
        total += int(part[1] or 0) * unit + int(fraction or 0) * unit // 10**len(fraction)
        if total > _INT64 or (total == _INT64 and sign > 0):
            return None
        position = part.end()
    return sign * total if rest else None


def shown_duration(nanoseconds: int) -> str:
    """A duration as a person writes it: 90 s is "1m30s"."""
    if nanoseconds % 10**9:
        return f"{nanoseconds / 10**6:g}ms"
    seconds = nanoseconds // 10**9
    hours, minutes, rest = seconds // 3600, seconds % 3600 // 60, seconds % 60
    words = [f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if number]
    return "".join(words) or "0s"


def address(text: str) -> Address | None:
    """An IPv4 or IPv6 address; leading zeros are decimal, as kube-proxy reads them. No zones."""
    first = re.search(r"[.:]", text)
    if not first:
        return None
    return _ipv4(text) if first[0] == "." else _ipv6(text)


def cidr(text: str) -> Cidr | None:
    """(address as written, prefix length) of "10.0.0.0/8"; host bits are let pass, as kube-proxy does."""
    written, slash, length = text.partition("/")
    found = (_ipv4(written) or _ipv6(written)) if slash else None
    if found is None or not re.fullmatch(r"[0-9]+", length) or int(length) > found.max_prefixlen:
        return None
    return found, int(length)


def family(found: Cidr) -> int:
    """4 or 6, as Go's net.IPNet tells it: a network inside ::ffff:0:0/96 is IPv4, however it is written."""
    network = ipaddress.ip_network(found, strict=False)
    return 4 if network.version == 4 or network.network_address.ipv4_mapped else 6


def strict_cidr(text: str) -> str:
    """How a CIDR ought to be written: no leading zeros, no host bits. "" when it is none."""
    found = cidr(text)
    return str(ipaddress.ip_network(found, strict=False)) if found else ""


def host_port(text: str) -> tuple[str, str] | None:
    """("10.0.0.1", "80"): Go's net.SplitHostPort. The parts are not looked at."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not rest.startswith(":") or ":" in rest[1:]:
            return None
        port = rest[1:]
    else:
        host, colon, port = text.rpartition(":")
        if not colon or ":" in host:
            return None
    return None if set("[]") & set(host + port) else (host, port)


def port(text: str) -> int | None:
    """1 to 65535; strconv.Atoi takes a sign."""
    number = int(text) if _PORT.fullmatch(text) else 0
    return number if 1 <= number <= 65535 else None


def is_quantity(text: str) -> bool:
    """Whether it is a resource.Quantity such as 64Ki."""
    return bool(_QUANTITY.fullmatch(text))


def _ipv4(text: str) -> ipaddress.IPv4Address | None:
    parts = text.split(".")
    if len(parts) != 4 or not all(re.fullmatch(r"[0-9]+", part) and int(part) < _LARGEST_OCTETS for part in parts):
        return None
    octets = [int(part) for part in parts]
    return None if max(octets) > 255 else ipaddress.IPv4Address(bytes(octets))


def _ipv6(text: str) -> ipaddress.IPv6Address | None:
    head, colon, last = text.rpartition(":")
    if not colon or "%" in text:
        return None
    if "." in last:
        embedded = _ipv4(last)
        if embedded is None:
            return None
        last = str(embedded)
    groups = [group.lstrip("0") or "0" if group else "" for group in head.split(":")]
    last = last if "." in last or not last else last.lstrip("0") or "0"
    try:
        return ipaddress.IPv6Address(":".join([*groups, last]))
    except ValueError:
        return None
