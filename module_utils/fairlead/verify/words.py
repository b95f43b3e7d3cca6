"""Strings that come from a cluster or from the network, made harmless before a person's terminal sees them."""
from __future__ import annotations

import unicodedata
from collections.abc import Iterable

LONGEST = 253  # a DNS name; nothing we print of a cluster's own is longer

# Cc: control characters, terminal escapes among them (CVE-2021-25743). Cf: invisible ones, which include those that
# turn the direction of writing. Cs, Co, Cn: not characters. Zl, Zp: line breaks.
_HARMFUL = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def plain(text: object, longest: int = LONGEST) -> str:
    """The text with everything that is not plainly visible written as an escape; too long a text is cut."""
    shown = str(text)[:longest + 1]
    if not shown.isprintable():
        shown = "".join(
            character.encode("unicode_escape").decode("ascii") if unicodedata.category(character) in _HARMFUL
            else character for character in shown)
    return shown if len(shown) <= longest else shown[:longest - 1] + "…"


def listed(words: Iterable[str], most: int = 6) -> str:
    """'a, b, c': at most `most` of them, then how many more there are."""
    words = list(words)
    more = [f"and {len(words) - most} more"] if len(words) > most else []
    return ", ".join(words[:most] + more)
