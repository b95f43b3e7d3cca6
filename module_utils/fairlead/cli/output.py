"""Findings in the forms that people and pipelines read: text, JSON, SARIF and JUnit.

Whatever comes from a file is made harmless first: a name may hold terminal escapes.
"""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from ansible.module_utils.fairlead.cli.inputs import JSON, JUNIT, SARIF
from ansible.module_utils.fairlead.services.findings import ERROR, SENTENCE_LENGTH, Finding
from ansible.module_utils.fairlead.verify.words import plain

FIELDS = ("file", "line", "column", "field", "reason", "message", "fix", "level")
_RED, _YELLOW, _GREEN, _BOLD, _OFF = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[1m", "\x1b[0m"
_RULES = "https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/"


def write(findings: list[Finding], form: str, counted: str, stream: TextIO | None = None) -> None:
    """counted: what was looked at, for people ("12 objects in 3 files")."""
    stream = stream or sys.stdout
    findings = sorted(findings, key=lambda finding: (finding.file, finding.line, finding.column))
    if form == JSON:
        stream.write(as_json(findings))
    elif form == SARIF:
        stream.write(as_sarif(findings))
    elif form == JUNIT:
        stream.write(as_junit(findings))
    else:
        stream.write(as_text(findings, counted, colour=coloured(stream)))


def coloured(stream: TextIO) -> bool:
    """On a terminal, unless its user does not want it (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def as_text(findings: list[Finding], counted: str, colour: bool) -> str:
    def paint(code: str, words: str) -> str:
        return f"{code}{words}{_OFF}" if colour else words

    lines = []
    for finding in findings:
        level = paint(_RED if finding.level == ERROR else _YELLOW, finding.level.ljust(6))
        place = paint(_BOLD, f"{plain(finding.file, 1000)}:{finding.line}:{finding.column}")
        field = f"{plain(finding.field)}: " if finding.field else ""
        lines.append(f"{level} {place} {finding.object}".rstrip())
        lines.append(f"       {field}{plain(finding.message, SENTENCE_LENGTH)}")
        if finding.fix:
            lines.append(f"       {plain(finding.fix[:1].upper() + finding.fix[1:], SENTENCE_LENGTH)}.")
    errors = sum(finding.level == ERROR for finding in findings)
    said = ", ".join(f"{number} {word}{'s' if word == 'error' and number > 1 else ''}"
                     for number, word in ((errors, "error"), (len(findings) - errors, "advice")) if number)
    end = paint(_RED if errors else _YELLOW if findings else _GREEN, said or "nothing to say")
    return "\n".join([*lines, *([""] if lines else []), f"{counted}: {end}", ""])


def painted(line: str, colour: bool) -> str:
    """A line of a unified diff."""
    code = {"+": _GREEN, "-": _RED}.get(line[:1], "")
    return f"{code}{line}{_OFF}" if colour and code else line


def as_json(findings: list[Finding]) -> str:
    return json.dumps(data(findings), indent=2) + "\n"


def data(findings: list[Finding]) -> dict[str, Any]:
    return {"findings": [_data(finding) for finding in findings],
            "accepted": all(finding.level != ERROR for finding in findings)}


def _data(finding: Finding) -> dict[str, Any]:
    return {name: plain(value, SENTENCE_LENGTH) if isinstance(value := getattr(finding, name), str) else value
            for name in FIELDS}


def as_sarif(findings: list[Finding]) -> str:
    """SARIF 2.1.0, as code-scanning services take it."""
    reasons = sorted({finding.reason for finding in findings})
    results = [{
        "ruleId": finding.reason, "level": "error" if finding.level == ERROR else "note",
        "message": {"text": _sentence(finding)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": plain(finding.file, 1000).replace(os.sep, "/")},
            "region": {"startLine": max(finding.line, 1), "startColumn": max(finding.column, 1)}}}],
    } for finding in findings]
    driver = {"name": "fairlead", "rules": [{"id": reason, "helpUri": _RULES} for reason in reasons]}
    return json.dumps({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
                       "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}]},
                      indent=2) + "\n"


def as_junit(findings: list[Finding]) -> str:
    """A test case for each finding; advice passes, with its words as output. One that passes when there is none."""
    from xml.sax.saxutils import escape, quoteattr  # noqa: PLC0415 - 20 ms that only this form needs

    cases = []
    for finding in findings:
        name = quoteattr(f"{plain(finding.file, 1000)}:{finding.line}:{finding.column} {plain(finding.field)}")
        words = escape(_sentence(finding))
        kind = f"type={quoteattr(finding.reason)} message={quoteattr(plain(finding.message, 500))}"
        body = (f"<failure {kind}>{words}</failure>" if finding.level == ERROR
                else f"<system-out>{words}</system-out>")
        cases.append(f'    <testcase classname="fairlead" name={name}>{body}</testcase>')
    cases = cases or ['    <testcase classname="fairlead" name="everything"/>']
    failures = sum(finding.level == ERROR for finding in findings)
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>",
                      f'  <testsuite name="fairlead" tests="{len(cases)}" failures="{failures}">', *cases,
                      "  </testsuite>", "</testsuites>", ""])


def _sentence(finding: Finding) -> str:
    field = f"{finding.field}: " if finding.field else ""
    fix = f" {finding.fix[:1].upper()}{finding.fix[1:]}." if finding.fix else ""
    return plain(f"{finding.object}: {field}{finding.message}.{fix}".removeprefix(": "), SENTENCE_LENGTH)


def counted(objects: Iterable[Any], files: Iterable[str]) -> str:
    many, files = len(list(objects)), len(set(files))
    return f"{many} object{'' if many == 1 else 's'} in {files} file{'' if files == 1 else 's'}"
