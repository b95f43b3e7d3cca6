"""YAML text that every reader takes for the same values: YAML 1.1 and 1.2, PyYAML and the API server's Go parser.

An emitter of our own, since ours is the simple half of the task: plain data, block style, no anchors. It takes a small
part of the time of PyYAML with its C library, and quotes what *any* reader would mistype.
"""
from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

# Texts that begin with a letter and hold nothing that means something to YAML, options of programs, and IPv4 addresses.
_WORD = r"[A-Za-z0-9_./+=(),-]+"
_PLAIN = re.compile(rf"(?:--?)?[A-Za-z/_](?:[A-Za-z0-9_./+=-]|:(?=[A-Za-z0-9/]))*(?: {_WORD})*"
                    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?")
# Of those, what is not a text to some reader. Keys as well: `on:` is true to many.
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"))
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\x1b": "\\e", "\x85": "\\N",
            "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P"}
_CACHED = 65536  # texts: keys, labels, names of ports; they come again and again


def dump(value: Any) -> str:
    """Block style, keys in the order in which they come, no anchors, LF at the end.

    Takes what JSON can hold, and texts of any kind. Lists stand at the level of their key, as kubectl writes them.
    """
    lines: list[str] = []
    if isinstance(value, dict) and value:
        _mapping(value, "", "", lines)
    elif isinstance(value, list) and value:
        _list(value, "", lines)
    else:
        lines.append(_scalar(value, "  "))
    lines.append("")
    return "\n".join(lines)


def _mapping(mapping: dict[str, Any], indent: str, first: str, lines: list[str]) -> None:
    """first: what stands before the first key instead of the indentation ("- " in a list)."""
    lead = first or indent
    for key, value in mapping.items():
        kind = type(value)
        name = _key(key)
        if kind is str:
            lines.append(f"{lead}{name}: {_text(value)}" if "\n" not in value
                         else f"{lead}{name}: {_block(value, indent + '  ')}")
        elif isinstance(value, dict) and value:
            lines.append(f"{lead}{name}:")
            _mapping(value, indent + "  ", "", lines)
        elif isinstance(value, list) and value:
            lines.append(f"{lead}{name}:")
            _list(value, indent, lines)
        else:
            lines.append(f"{lead}{name}: {_scalar(value, indent + '  ')}")
        lead = indent


def _list(values: list[Any], indent: str, lines: list[str]) -> None:
    for value in values:
        if isinstance(value, dict) and value:
            _mapping(value, indent + "  ", indent + "- ", lines)
        elif isinstance(value, list) and value:
            start = len(lines)
            _list(value, indent + "  ", lines)
            lines[start] = f"{indent}- {lines[start][len(indent) + 2:]}"
        else:
            lines.append(f"{indent}- {_scalar(value, indent + '  ')}")


def _scalar(value: Any, indent: str) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (dict, list)):
        return "{}" if isinstance(value, dict) else "[]"
    text = str(value)
    return _block(text, indent) if "\n" in text else _text(text)


def _float(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    shown = float.__repr__(value)
    # YAML 1.1 takes 1e+20 for a text: its numbers with an exponent have a point.
    return shown if "e" not in shown or "." in shown else shown.replace("e", ".0e")


def _key(key: Any) -> str:
    text = key if isinstance(key, str) else _scalar(key, "")
    # A longer key than this is no simple key any more; nothing of Kubernetes has one.
    return _quoted(text) if "\n" in text or len(text) > 120 else _text(text)


@lru_cache(maxsize=_CACHED)
def _text(text: str) -> str:
    """A text on one line: plain where no reader can mistake it, else in single quotes, else escaped."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if text.isprintable() and not any(character > "\uffff" for character in text):
        return "'" + text.replace("'", "''") + "'"
    return _quoted(text)


def _block(text: str, indent: str) -> str:
    """A text of several lines as they are, where that is possible."""
    lines = text.split("\n")
    fits = all(line == "" or (line.isprintable() and line[-1] != " ") for line in lines) and any(lines)
    if not fits or text[0] in " \n" or any(character > "\uffff" for character in text):
        return _quoted(text)
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    sign = "-" if ends == 0 else "" if ends == 1 else "+"
    # Line breaks that are kept stand as empty lines, the last of which ends with the block itself.
    kept = body.split("\n") + [""] * max(ends - 1, 0)
    return "|" + sign + "".join(f"\n{indent}{line}" if line else "\n" for line in kept)


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(one) or _escaped(one) for one in text) + '"'


def _escaped(character: str) -> str:
    if character.isprintable() and character <= "\uffff":
        return character
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
