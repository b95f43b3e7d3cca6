"""Rules for names, worded as the API server words them (apimachinery/pkg/util/validation, api/validate/content).

Each returns what is wrong, nothing when all is well. They are pure and asked for the same few names thousands of times,
hence the caches.
"""
from __future__ import annotations

import re
from functools import lru_cache

_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PORT_NAME = re.compile(r"[-a-z0-9]+")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

DNS_1035 = ("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
            "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')")
DNS_1123_LABEL = ("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
                  "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
                  "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')")
DNS_1123_SUBDOMAIN = ("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
                      "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
                      "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')")
QUALIFIED = ("must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
             "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
             "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')")
LABEL_VALUE = ("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
               "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
               "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')")
_CACHED = 8192


@lru_cache(maxsize=_CACHED)
def dns_1035_label(text: str) -> tuple[str, ...]:
    """IsDNS1035Label."""
    return _length(text, 63) + (() if _LABEL_1035.fullmatch(text) else (DNS_1035,))


@lru_cache(maxsize=_CACHED)
def dns_1123_label(text: str) -> tuple[str, ...]:
    """IsDNS1123Label."""
    if _LABEL_1123.fullmatch(text):
        return _length(text, 63)
    return (*_length(text, 63), "must not contain dots" if _SUBDOMAIN.fullmatch(text) else DNS_1123_LABEL)


@lru_cache(maxsize=_CACHED)
def dns_1123_subdomain(text: str) -> tuple[str, ...]:
    """IsDNS1123Subdomain."""
    return _length(text, 253) + (() if _SUBDOMAIN.fullmatch(text) else (DNS_1123_SUBDOMAIN,))


@lru_cache(maxsize=_CACHED)
def qualified_name(text: str) -> tuple[str, ...]:
    """IsQualifiedName: a label key, a finalizer, an application protocol, a load balancer's class."""
    parts = text.split("/")
    if len(parts) > 2:
        return (f"a valid label key {QUALIFIED} with an optional DNS subdomain prefix and '/' "
                "(e.g. 'example.com/MyName')",)
    problems: list[str] = []
    if len(parts) == 2:
        problems += [f"prefix part {problem}" for problem in
                     (dns_1123_subdomain(parts[0]) if parts[0] else ("must be non-empty",))]
    name = parts[-1]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append("name part must be no more than 63 characters")
    if not _QUALIFIED.fullmatch(name):
        problems.append(f"name part {QUALIFIED}")
    return tuple(problems)


@lru_cache(maxsize=_CACHED)
def label_value(text: str) -> tuple[str, ...]:
    """IsValidLabelValue."""
    return _length(text, 63) + (() if not text or _QUALIFIED.fullmatch(text) else (LABEL_VALUE,))


@lru_cache(maxsize=_CACHED)
def port_name(text: str) -> tuple[str, ...]:
    """IsValidPortName: IANA service names."""
    problems = list(_length(text, 15))
    if not _PORT_NAME.fullmatch(text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        problems.append("must contain at least one letter (a-z)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text[:1] == "-" or text[-1:] == "-":
        problems.append("must not begin or end with a hyphen")
    return tuple(problems)


def port_number(number: int) -> tuple[str, ...]:
    """IsValidPortNum."""
    return () if 1 <= number <= 65535 else ("must be between 1 and 65535, inclusive",)


def path_segment(text: str, prefix: bool) -> tuple[str, ...]:
    """IsPathSegmentName, or IsPathSegmentPrefix: what can be part of a URL."""
    if not prefix and text in (".", ".."):
        return (f"may not be '{text}'",)
    return tuple(f"may not contain '{part}'" for part in ("/", "%") if part in text)


def before_suffix(text: str) -> str:
    """maskTrailingDash: a name that something is appended to may end in a dash."""
    return f"{text[:-2]}a" if len(text) > 1 and text.endswith("-") else text


def _length(text: str, longest: int) -> tuple[str, ...]:
    return (f"must be no more than {longest} characters",) if len(text) > longest else ()
