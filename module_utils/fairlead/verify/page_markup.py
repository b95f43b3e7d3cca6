"""The pieces that the report's page is put together from: text made harmless, tables, signs. Pure."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from ansible.module_utils.fairlead.verify.findings import DISPROVEN, NONE, PROVEN, UNKNOWN
from ansible.module_utils.fairlead.verify.words import plain

SIGNS = {PROVEN: "✓", DISPROVEN: "✗", UNKNOWN: "?", NONE: "·"}
UNASKED, PART = "unasked", "part"  # of a sample: nothing, and not all, of what a square stands for was asked
CIRCLE = "○"  # the sign of what was not asked

Cell = dict[str, Any]


def text(words: object, longest: int = 400) -> str:
    """Nothing of a cluster's own becomes markup, and nothing hides in the direction of writing."""
    return escape(plain(words, longest), quote=True)


def section(title: str, body: str, say: str = "") -> str:
    told = f'<p class="say">{text(say, 1000)}</p>' if say else ""
    return f"<section><h2>{text(title)}</h2>{told}{body}</section>"


def table(heads: list[str], rows: list[list[str]], kind: str = "") -> str:
    head = "".join(f'<th scope="col">{text(word)}</th>' for word in heads)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return framed(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", kind)


def framed(inside: str, kind: str) -> str:
    """A table that scrolls by itself where the page is too narrow for it."""
    return f'<div class="scroll"><table class="{kind}">{inside}</table></div>'


def bullets(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{text(line, 1000)}</li>" for line in lines) + "</ul>"


def th(words: str) -> str:
    return f'<th scope="row">{text(words)}</th>'


def td(words: str) -> str:
    return f"<td>{text(words)}</td>"


def by(cells: Iterable[Cell], key: Callable[[Cell], Any]) -> dict[Any, list[Cell]]:
    """The cells in groups, in the order in which they come."""
    groups: dict[Any, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return groups


def starts(keys: Iterable[Any]) -> list[bool]:
    """Where in a row of keys a new one begins; the first is no such place."""
    keys = list(keys)
    return [index > 0 and keys[index - 1] != key for index, key in enumerate(keys)]


def service_port(cell: Cell) -> tuple[str, int, str]:
    return cell["service"], cell["service_port"], cell["protocol"]
