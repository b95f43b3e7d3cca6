"""The effects of a plan for settings, and what the node looks like afterwards."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead import conntrack, files, sysctl_journal
from ansible.module_utils.fairlead.comparison import Row, row
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Step
from ansible.module_utils.fairlead.sysctl_boot import effective, winner
from ansible.module_utils.fairlead.sysctl_files import Desired, dropin_text
from ansible.module_utils.fairlead.sysctl_observe import Observed, parse_dropin, read_live, write_live
from ansible.module_utils.fairlead.sysctl_plan import asked, boot_findings, plan
from ansible.module_utils.fairlead.sysctl_settings import Setting, path_key, same, satisfied


@dataclass
class Applier:
    """Executes the steps of one plan and remembers which keys the kernel refused: they do not get into the drop-in,
    and stay in the journal."""

    desired: Desired
    root: str = "/"
    refused: set[str] = field(default_factory=set)

    def __call__(self, step: Step) -> None:
        if isinstance(step.data, FairleadError):
            raise step.data
        if step.action in ("set", "restore"):
            self._write_live(step)
            return
        text = self._text(step)
        if text:
            files.write_text(step.target, text)
        else:
            files.remove(step.target)

    def _write_live(self, step: Step) -> None:
        path, values = step.data
        try:
            for key, value in (values or {path: step.after}).items():
                found = read_live(key, self.root) if key != path else None
                if key == path or (found is not None and not same(found, value)):
                    write_live(key, value, self.root)
        except FairleadError:
            self.refused.add(path)
            raise

    def _text(self, step: Step) -> str:
        if not self.refused or step.data is None:
            return step.after
        if step.target == self.desired.journal:
            kept = {path: entry for path, entry in step.data.items() if path in self.refused}
            entries = {**sysctl_journal.parse(step.after, step.target), **kept}
            return sysctl_journal.render(entries) or ""
        values, settings = step.data
        earlier = parse_dropin(step.before)
        kept = {path: value for path, value in values.items() if path not in self.refused}
        kept.update({path: earlier[path] for path in self.refused if path in values and path in earlier})
        return dropin_text(settings, kept) or f"{files.OWNER_LINE}\n"


def report(desired: Desired, observed: Observed, table: dict[str, int]) -> dict[str, Any]:
    """table: figures of the connection table (sysctl_observe.read_conntrack)."""
    lines = effective(observed.boot)
    boot = {setting.key: winner(lines, setting.path) for setting in desired.parsed.settings}
    return {
        "file": desired.path,
        "settings": {setting.key: observed.live[setting.path] for setting in desired.parsed.settings},
        "boot": {key: {"value": line.value, "place": line.place} for key, line in boot.items() if line},
        "conntrack": conntrack_report(table),
        "compared": [_compared(setting, observed.live[setting.path]) for setting in desired.parsed.settings],
        "findings": findings(desired, observed),
    }


def _compared(setting: Setting, live: str | None) -> Row:
    """A key that may come late with its module is no difference while it is not there."""
    if live is None:
        return row(setting.key, asked(setting), None, None if setting.late else False)
    return row(setting.key, asked(setting), " ".join(live.split()), satisfied(setting, live))


def findings(desired: Desired, observed: Observed) -> list[str]:
    """Everything that is not as asked, one sentence each; empty when a run would change nothing and boot agrees."""
    sentences = []
    for step in plan(desired, observed).steps:
        if step.action in ("set", "restore"):
            sentences.append(f"{step.target} is {step.before or 'not there'}, asked is {step.after}")
        elif step.target != desired.journal:
            sentences.append(files.finding(step))
    return [*sentences, *boot_findings(desired, observed)]


def conntrack_report(table: dict[str, int]) -> dict[str, Any]:
    if not table:
        return {}
    size, buckets, count = table["max"], table["buckets"], table["count"]
    return {"max": size, "buckets": buckets, "count": count,
            "full_percent": round(100 * count / size, 1) if size else 0.0,
            "memory_mib": conntrack.memory_mib(size, buckets, table["entry_bytes"])}


def conntrack_warnings(table: dict[str, int]) -> list[str]:
    """A table that is nearly full drops new connections without a word to those who make them."""
    shown = conntrack_report(table)
    if shown and shown["full_percent"] >= 80:
        return [f"the connection table is {shown['full_percent']:g} % full ({shown['count']} of {shown['max']}); raise "
                f"{path_key(conntrack.MAX)}: a full one drops every new connection"]
    return []
