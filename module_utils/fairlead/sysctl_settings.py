"""Kernel settings as the user writes them: keys, values and how they compare. Pure."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible.module_utils.fairlead import sysctl_lists

EXACT, AT_LEAST, AT_MOST, INCLUDES = "exact", "at_least", "at_most", "includes"
COMPARES = (EXACT, AT_LEAST, AT_MOST, INCLUDES)

_KEY = re.compile(r"[A-Za-z0-9_@:+./-]+")
# The kernel reads numbers as strtoul() with base 0 does.
_NUMBER = re.compile(r"-?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # all but the tab
# Writing one of these changes other keys under it (all interfaces; accept_redirects and others go back to the
# defaults of a router or a host), so they come before the rest, live and in the file.
_FIRST = ("ip_forward", "forwarding", "disable_ipv6")


class Setting(NamedTuple):
    """One wanted key. path is below /proc/sys; key is how the drop-in spells it. late: the module that brings it may
    come after us, so that its absence is no error."""

    path: str
    value: str
    compare: str = EXACT
    late: bool = False

    @property
    def key(self) -> str:
        return path_key(self.path)


class Parsed(NamedTuple):
    """What the user wrote: the settings in the order in which they apply, and all that is wrong with the
    rest."""

    settings: tuple[Setting, ...]
    problems: tuple[str, ...] = ()


def key_path(key: str) -> str:
    """The path below /proc/sys. As for systemd and procps, the first '.' or '/' is the separator and the
    other one is then an ordinary character: net.ipv4.conf.eth0/100.forwarding and
    net/ipv4/conf/eth0.100/forwarding are one. Since nothing below net.ipv4.conf.<interface> has further
    levels, net.ipv4.conf.eth0.100.forwarding can only mean the same, and is taken so (systemd would take it
    for a missing key).

    Raises ValueError with what is wrong.
    """
    if key.startswith("-"):
        raise ValueError("a leading '-' would hide errors (write the key without it)")
    if key.startswith("/"):
        raise ValueError("a key, not a path, is asked for (write it without /proc/sys/)")
    if not _KEY.fullmatch(key):
        raise ValueError("not a key (write one key by its full name, without blanks and patterns)")
    separator = re.search(r"[./]", key)
    if separator is None:
        raise ValueError("not a full name (write it whole, such as net.ipv4.ip_forward)")
    path = key if separator.group() == "/" else key.translate(str.maketrans("./", "/."))
    parts = path.split("/")
    if "/" not in key and len(parts) > 5 and parts[0] == "net" and parts[2] in ("conf", "neigh"):
        parts = [*parts[:3], ".".join(parts[3:-1]), parts[-1]]
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError("has an empty part between its separators")
    return "/".join(parts)


def path_key(path: str) -> str:
    """The spelling for files: with dots, unless a part holds one itself; systemd and procps read both."""
    return path if "." in path else path.replace("/", ".")


class Value(NamedTuple):
    """What stands behind a key: the text to write, how it compares, and whether the key may come late."""

    text: str
    compare: str = EXACT
    late: bool = False


def parse_value(value: Any) -> Value:
    """Raises ValueError with what is wrong."""
    compare, late = EXACT, False
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - {"value", "compare", "late"})
        if unknown or "value" not in value:
            raise ValueError("a value in braces needs 'value' and takes 'compare' and 'late' and nothing else")
        compare, late, value = value.get("compare", EXACT), value.get("late", False), value["value"]
        if compare not in COMPARES:
            raise ValueError(f"compare={compare!r} is not known (write {', '.join(COMPARES[:-1])} or {COMPARES[-1]})")
        if not isinstance(late, bool):
            raise ValueError(f"late={late!r} is no boolean (write true or false)")
    return Value(_text(value, compare), compare, late)


def _text(value: Any, compare: str) -> str:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is a boolean, which no key takes (write {int(value)})")
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is neither a number nor text (write several numbers as one text, "
                         "\"4096 131072 6291456\")")
    if _CONTROL.search(value):
        raise ValueError("holds a line break or another control character (write it on one line)")
    text = " ".join(value.split())
    if compare in (AT_LEAST, AT_MOST) and not numbers(text):
        raise ValueError(f"{text!r} is no number, so nothing can be {compare.replace('_', ' ')} that")
    wrong = sysctl_lists.problem(text) if compare == INCLUDES else None
    if wrong:
        raise ValueError(f"{text!r}: {wrong}")
    return text


def parse(settings: Mapping[str, Any]) -> Parsed:
    """All settings, and all problems at once, so that one run shows everything that has to be mended."""
    problems: list[str] = []
    by_path: dict[str, tuple[str, Setting]] = {}
    for key, value in settings.items():
        try:
            setting = Setting(key_path(str(key)), *parse_value(value))
        except ValueError as error:
            problems.append(f"{key}: {error}")
            continue
        other, same = by_path.setdefault(setting.path, (str(key), setting))
        if same is not setting:
            problems.append(f"{key}: is the same key as {other} (keep one of them)")
    ordered = sorted((setting for _key, setting in by_path.values()), key=_order)
    return Parsed(tuple(ordered), tuple(sorted(problems)))


def with_computed(parsed: Parsed, computed: Iterable[Setting]) -> Parsed:
    """The user's settings and those that were worked out for him; his own word on a key counts."""
    own = {setting.path for setting in parsed.settings}
    more = [setting for setting in computed if setting.path not in own]
    return Parsed(tuple(sorted([*parsed.settings, *more], key=_order)), parsed.problems)


def _order(setting: Setting) -> tuple[bool, str]:
    return setting.path.rsplit("/", 1)[-1] not in _FIRST, setting.path


def numbers(text: str) -> list[int] | None:
    """The text as numbers, or None when any word of it is none."""
    words = text.split()
    return [_number(word) for word in words] if words and all(map(_NUMBER.fullmatch, words)) else None


def _number(word: str) -> int:
    digits = word.lstrip("-")
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    return int(digits, base) * (-1 if word.startswith("-") else 1)


def same(one: str, other: str) -> bool:
    """Whether the kernel would take both texts for one value: runs of blanks and tabs are one, 0x10 is 16."""
    if one.split() == other.split():
        return True
    first, second = numbers(one), numbers(other)
    return first is not None and first == second


def satisfied(setting: Setting, value: str) -> bool:
    """Whether this value is as asked."""
    if setting.compare == INCLUDES:
        return sysctl_lists.includes(value, setting.value)
    if setting.compare == EXACT:
        return same(setting.value, value)
    limit, found = numbers(setting.value), numbers(value)
    if not (limit and found) or len(limit) != len(found):
        return False
    pairs = zip(found, limit)
    return all(have >= least for have, least in pairs) if setting.compare == AT_LEAST else all(
        have <= most for have, most in pairs)


def wanted_value(setting: Setting, value: str | None) -> str:
    """What to write where `value` is found (None: nothing known); a floor lifts what is below it, a ceiling lowers what
    is above it, a list gains what it lacks, and no more."""
    if value is None or setting.compare == EXACT:
        return setting.value
    if satisfied(setting, value):
        return " ".join(value.split())
    if setting.compare == INCLUDES:
        return sysctl_lists.union(value, setting.value)
    limit, found = numbers(setting.value) or [], numbers(value) or []
    if len(limit) != len(found):
        return setting.value
    choose = max if setting.compare == AT_LEAST else min
    return " ".join(str(choose(pair)) for pair in zip(limit, found))
