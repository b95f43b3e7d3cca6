"""Keys whose value is a list that several programs add to, such as net.ipv4.ip_local_reserved_ports. Pure.

The kernel takes "30000-32767,8080", gives it back sorted and merged, and reads an empty text as no ports at all
(kernel/sysctl.c, proc_do_large_bitmap()): so numbers are compared as sets. Other lists are words between blanks.
"""
from __future__ import annotations

import re

_RANGES = re.compile(r"\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*")
_LARGEST = 65535  # the largest bitmap that the kernel has, the ports


def problem(text: str) -> str | None:
    """What is wrong with a list that a user wrote, or None."""
    if not text:
        return "is empty, so there is nothing to include"
    if not _is_ranges(text):
        return None if re.fullmatch(r"[^,]+", text) else "is neither ranges such as 8080,30000-32767 nor words"
    for part in text.split(","):
        low, _dash, high = part.partition("-")
        if not int(low) <= int(high or low) <= _LARGEST:
            return f"{part} is no range of numbers up to {_LARGEST}"
    return None


def includes(whole: str, part: str) -> bool:
    """Whether every element of `part` is in `whole`."""
    if _is_ranges(part) and (not whole or _is_ranges(whole)):
        return _numbers(part) <= _numbers(whole)
    return set(part.split()) <= set(whole.split())


def union(*texts: str) -> str:
    """All elements of all texts, each once; numbers sorted and as ranges, words in the order in which they come."""
    if all(not text or _is_ranges(text) for text in texts):
        return _ranges(set().union(*map(_numbers, texts)))
    return " ".join(dict.fromkeys(word for text in texts for word in text.split()))


def without(whole: str, part: str) -> str:
    """`whole` less the elements of `part`."""
    if (not whole or _is_ranges(whole)) and (not part or _is_ranges(part)):
        return _ranges(_numbers(whole) - _numbers(part))
    gone = set(part.split())
    return " ".join(word for word in whole.split() if word not in gone)


def _is_ranges(text: str) -> bool:
    return bool(_RANGES.fullmatch(text))


def _numbers(text: str) -> set[int]:
    numbers: set[int] = set()
    for part in text.split(",") if text else ():
        low, _dash, high = part.partition("-")
        numbers.update(range(int(low), min(int(high or low), _LARGEST) + 1))
    return numbers


def _ranges(numbers: set[int]) -> str:
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)
