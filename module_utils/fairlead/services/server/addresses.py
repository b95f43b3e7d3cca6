"""Addresses and networks as the API server reads them (k8s.io/utils/net and apimachinery/pkg/util/validation/ip.go).

Kubernetes keeps an old parser that forgives leading zeros ("10.010.0.1") and reads ::ffff:10.0.0.1 as IPv4. From the
gate StrictIPCIDRValidation on, such spellings are refused in new values.
"""
from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

IPV4, IPV6 = "IPv4", "IPv6"
_BITS = {IPV4: 32, IPV6: 128}
_DIGITS = re.compile(r"[0-9]+")
_HEX = re.compile(r"[0-9a-fA-F]+")
_MAPPED = 0xFFFF << 32


class Address(NamedTuple):
    """number: the address as an integer of its family; mapped: it was written as ::ffff:a.b.c.d; zeros: with zeros in
    front that other programs read as octal or not at all."""

    family: str
    number: int
    mapped: bool = False
    zeros: bool = False

    def special(self) -> str:
        """ValidateEndpointIP: why nothing can be reached at this address, in the API server's words."""
        for family, start, prefix, words in _SPECIAL:
            if family == self.family and self.number >> (_BITS[family] - prefix) == start >> (_BITS[family] - prefix):
                return words
        # Go looks at the scope alone, whatever the flags beside it: ff02 as well as ff12.
        if self.family == IPV6 and self.number >> 120 == 0xFF and self.number >> 112 & 0x0F == 2:
            return _MULTICAST
        return ""


class Network(NamedTuple):
    """prefix: bits in the network's part; tidy: netip.ParsePrefix takes it and no bit is set after the prefix."""

    family: str
    number: int
    prefix: int
    tidy: bool

    def usable(self) -> range:
        """Addresses that a Service can get: without the network's first and, for IPv4, last (NewIPAllocator)."""
        size = 1 << (_BITS[self.family] - self.prefix)
        first = self.number >> (size.bit_length() - 1) << (size.bit_length() - 1)
        return range(first + 1, first + size - (1 if self.family == IPV4 else 0))


_UNSPECIFIED = "may not be unspecified"
_LOOPBACK = "may not be in the loopback range (127.0.0.0/8, ::1/128)"
_LINK_LOCAL = "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
_MULTICAST = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
_SPECIAL = (
    (IPV4, 0, 32, _UNSPECIFIED), (IPV6, 0, 128, _UNSPECIFIED),
    (IPV4, 127 << 24, 8, _LOOPBACK), (IPV6, 1, 128, _LOOPBACK),
    (IPV4, 0xA9FE << 16, 16, _LINK_LOCAL), (IPV6, 0xFE80 << 112, 10, _LINK_LOCAL),
    (IPV4, 224 << 24, 24, _MULTICAST),
)


@lru_cache(maxsize=8192)
def parse_address(text: str) -> Address | None:
    """ParseIPSloppy. None when it is no address."""
    if ":" not in text:
        return _ipv4(text)
    return _ipv6(text)


@lru_cache(maxsize=1024)
def parse_network(text: str) -> Network | None:
    """ParseCIDRSloppy. None when it is no network."""
    address_text, slash, bits = text.partition("/")
    address = parse_address(address_text)
    prefix = _number(bits)
    if not slash or address is None or prefix is None:
        return None
    # The text decides how long the mask may be: 32 bits only for dotted notation.
    if prefix > (128 if ":" in address_text else 32):
        return None
    if address.mapped:
        return Network(IPV6, address.number | _MAPPED, prefix, False)
    host = address.number & ((1 << (_BITS[address.family] - prefix)) - 1)
    leading = len(bits) > 1 and bits[0] == "0"
    return Network(address.family, address.number, prefix, not (host or leading or address.zeros))


def address_problem(text: str, strict: bool) -> str:
    """IsValidIPForLegacyField: what is wrong with an address, nothing when all is well."""
    address = parse_address(text)
    if address is None:
        return "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    if strict and address.zeros:
        return "must not have leading 0s"
    if strict and address.mapped:
        return "must not be an IPv4-mapped IPv6 address"
    return ""


def network_problem(text: str, strict: bool) -> str:
    """IsValidCIDRForLegacyField: what is wrong with a network, nothing when all is well."""
    network = parse_network(text)
    if network is None:
        return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    if strict and not network.tidy:
        return "must not have leading 0s, an IPv4-mapped address or bits set beyond the prefix length"
    return ""


def family_of(text: str) -> str:
    """'IPv4', 'IPv6', or nothing for what is no address. ::ffff:10.0.0.1 counts as IPv4."""
    address = parse_address(text)
    return address.family if address else ""


def _ipv4(text: str) -> Address | None:
    number, zeros, octets = 0, False, text.split(".")
    if len(octets) != 4:
        return None
    for octet in octets:
        value = _number(octet)
        if value is None or value > 255:
            return None
        zeros = zeros or (len(octet) > 1 and octet[0] == "0")
        number = number << 8 | value
    return Address(IPV4, number, False, zeros)


def _ipv6(text: str) -> Address | None:
    head, ellipsis, tail = text.partition("::")
    before, after = _groups(head, not ellipsis), _groups(tail, True)
    if before is None or after is None:
        return None
    missing = 8 - len(before[0]) - len(after[0])
    if missing < 1 if ellipsis else missing:
        return None
    number = 0
    for group in (*before[0], *[0] * missing, *after[0]):
        number = number << 16 | group
    zeros = before[1] or after[1]
    if number >> 32 == 0xFFFF:
        return Address(IPV4, number & 0xFFFFFFFF, True, zeros)
    return Address(IPV6, number, False, zeros)


def _groups(text: str, last: bool) -> tuple[list[int], bool] | None:
    """The 16 bit groups of one side of ::, and whether one has zeros in front. Only the last may be dotted."""
    if not text:
        return [], False
    groups: list[int] = []
    zeros = False
    parts = text.split(":")
    for index, part in enumerate(parts):
        if "." in part and last and index == len(parts) - 1:
            dotted = _ipv4(part)
            if dotted is None:
                return None
            groups += [dotted.number >> 16, dotted.number & 0xFFFF]
            zeros = zeros or dotted.zeros
        elif not _HEX.fullmatch(part) or len(part.lstrip("0")) > 4:
            return None
        else:
            groups.append(int(part, 16))
            zeros = zeros or len(part) > 4
    return groups, zeros


def _number(digits: str) -> int | None:
    """Plain decimal digits, however many zeros in front; None for anything else and what no address or mask needs."""
    if not _DIGITS.fullmatch(digits) or len(digits.lstrip("0")) > 3:
        return None
    return int(digits.lstrip("0") or "0")
