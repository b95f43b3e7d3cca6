"""What a plain YAML scalar means to Kubernetes: API server and kubectl read YAML with a Go library of YAML 1.1's time.

So `yes` is a truth value, `010` is eight, `1e3` is a number and `12:30` is not (go.yaml.in/yaml/v2, resolve.go, then
sigs.k8s.io/yaml, which makes JSON of it). A reader of our own time would judge another object than the server gets.
"""
from __future__ import annotations

import re
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
# What JSON has no word for; the conversion fails there, and so does the rule that wants another type here.
_ENDLESS = {".nan": "nan", ".NaN": "nan", ".NAN": "nan", **{
    f"{sign}{name}": f"{sign}inf" for sign in ("", "+", "-") for name in (".inf", ".Inf", ".INF")}}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INT = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_BASES = {"x": 16, "b": 2, "o": 8}
_NUMBER_STARTS = frozenset("+-.0123456789")
_LONGEST = 70  # 64 binary digits with sign and prefix; a longer number is no integer of 64 bits
_WHOLE = 1e21  # below it Go writes a float without an exponent, so a whole one becomes an integer

STR, INT, FLOAT, BOOL, NULL = (f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null"))


def resolve(text: str, json: bool = False) -> Any:
    """The value of a plain scalar. json: the text is JSON, where 80.0 stays a float and words are what they are."""
    if text[:1] in _NUMBER_STARTS:
        return _number(text, json)
    if text in _WORDS:
        return _WORDS[text]
    return text


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with an explicit tag; ValueError when the text is not of that type."""
    if tag == FLOAT:
        return float(_number(text, True))
    if tag not in (INT, BOOL, NULL):
        return text
    value = resolve(text)
    if type(value) is not {INT: int, BOOL: bool, NULL: type(None)}[tag]:
        raise ValueError(text)
    return value


def _number(text: str, json: bool) -> Any:
    if text in _ENDLESS:
        return float(_ENDLESS[text])
    digits = text.replace("_", "") if "_" in text and text[0] != "." else text
    whole = _INT.fullmatch(digits) if len(digits) <= _LONGEST else None
    if whole:
        value = _integer(*whole.groups())
        if -2**63 <= value < 2**64:
            return value
    if not _FLOAT.fullmatch(digits):
        return text
    value = float(digits)
    return int(value) if not json and abs(value) < _WHOLE and value == int(value) else value


def _integer(sign: str, digits: str) -> int:
    base = 10
    if digits[0] == "0" and len(digits) > 1:
        base = _BASES.get(digits[1].lower(), 8)
        digits = digits[2:] if digits[1].isalpha() else digits
    return int(digits, base) * (-1 if sign == "-" else 1)
