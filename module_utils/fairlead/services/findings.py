"""What is wrong with a manifest, in the API server's own words where it has some."""
from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ansible.module_utils.fairlead.verify.words import plain

ERROR, ADVICE = "error", "advice"
SHOWN = 50  # findings in one message; all of them are in the module's result
VALUE_LENGTH = 200
SENTENCE_LENGTH = 2000
_PLACE = ("file", "line", "column")
_UNKNOWN = "unknown field"  # the API server's strict decoder says so


@dataclass(frozen=True)
class Finding:
    """One mistake.

    item:    where the object comes from ("services[2]")
    object:  "Service walkthrough/myapp"
    field:   path as the API server writes it ("spec.ports[0].nodePort")
    reason:  Required, Invalid, Duplicate, NotSupported, Forbidden or TooLong
    message: what is wrong, as the API server's status would say it
    fix:     what to write, one imperative clause without a full stop
    level:   error (the API server refuses it, or nothing can be written) or advice
    file, line, column: where the field stands, for what was read from a file; counted from 1
    """

    field: str
    reason: str
    message: str
    fix: str
    level: str = ERROR
    item: str = ""
    object: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def words(self) -> str:
        fix = f" {self.fix[:1].upper()}{self.fix[1:]}." if self.fix else ""
        place = f"{self.file}:{self.line}:{self.column}" if self.file else self.item
        parts = [f"{place} {self.object}".rstrip(), self.field, self.message]
        return plain(f"{': '.join(filter(None, parts))}.{fix}", SENTENCE_LENGTH)

    def data(self) -> dict[str, Any]:
        """As a module returns it: an object from variables has no place in a file."""
        return {key: value for key, value in asdict(self).items() if self.file or key not in _PLACE}


def required(field: str, fix: str, detail: str = "") -> Finding:
    return Finding(field, "Required", _said("Required value", detail), fix)


def invalid(field: str, value: Any, detail: str, fix: str) -> Finding:
    return Finding(field, "Invalid", _said(f"Invalid value: {shown(value)}", detail), fix)


def duplicate(field: str, value: Any, fix: str) -> Finding:
    return Finding(field, "Duplicate", f"Duplicate value: {shown(value)}", fix)


def forbidden(field: str, detail: str, fix: str) -> Finding:
    return Finding(field, "Forbidden", _said("Forbidden", detail), fix)


def too_long(field: str, longest: int, fix: str) -> Finding:
    return Finding(field, "TooLong", f"Too long: may not be more than {longest} bytes", fix)


def not_supported(field: str, value: Any, supported: Iterable[str], fix: str = "") -> Finding:
    """`fix` when the caller knows what was meant; else the nearest supported value."""
    names = sorted(supported)
    return Finding(field, "NotSupported",
                   f"Unsupported value: {shown(value)}: supported values: {', '.join(map(shown, names))}",
                   fix or f"write {near(str(value), names) or ' or '.join(names)}")


def unknown_field(parent: str, name: Any, known: Iterable[str], fix: str = "") -> Finding:
    meant = near(str(name), known)
    field = f"{parent}.{plain(name)}" if parent else plain(name)
    return Finding(field, "Invalid", f'{_UNKNOWN} "{field}"', fix or (f"write {meant}" if meant else "remove it"))


def is_unknown_field(finding: Finding) -> bool:
    return finding.message.startswith(_UNKNOWN)


def near(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or an empty string."""
    folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(folded), n=1, cutoff=0.7)
    return folded[close[0]] if close else ""


def shown(value: Any) -> str:
    """A value as the API server quotes it, harmless and not too long."""
    return plain(json.dumps(value, ensure_ascii=False, default=str), VALUE_LENGTH)


def summary(findings: list[Finding], consequence: str) -> str:
    """All of them in one message, a line each."""
    lines = [finding.words() for finding in findings[:SHOWN]]
    if len(findings) > SHOWN:
        lines.append(f"and {len(findings) - SHOWN} more")
    count = "1 mistake" if len(findings) == 1 else f"{len(findings)} mistakes"
    return "\n".join([f"{count}; {consequence}:", *lines])


def _said(what: str, detail: str) -> str:
    return f"{what}: {detail}" if detail else what
