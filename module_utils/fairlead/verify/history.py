"""A report beside an earlier one: what got worse, what got better, what is new or no longer asked."""
from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import read_text
from ansible.module_utils.fairlead.verify.findings import NONE, PROVEN
from ansible.module_utils.fairlead.verify.words import listed

Report = dict[str, Any]


def load(path: str | None, named: bool) -> Report | None:
    """The report in this file. Without one, or with another version's, None; an error when the user named it."""
    try:
        text = read_text(path) if path else None
        report = json.loads(text) if text else None
        if isinstance(report, dict) and all("verdict" in cell and "id" in cell for cell in report["cells"]):
            return report
    except (ValueError, KeyError, TypeError):
        pass
    if named:
        raise FairleadError("service_verify_earlier", "is no report of this project",
                            "name the JSON file of an earlier run", path)
    return None


def compare(before: Report, now: Report) -> dict[str, Any]:
    """Cells by id. worse: no longer proven. better: proven now. A cell that promises nothing is left out."""
    old, new = (_verdicts(report) for report in (before, now))
    both = old.keys() & new.keys()
    return {
        "time": before.get("time", ""),
        "verdict": before["verdict"],
        "worse": sorted(cell for cell in both if old[cell] == PROVEN != new[cell]),
        "better": sorted(cell for cell in both if new[cell] == PROVEN != old[cell]),
        "added": len(new.keys() - old.keys()),
        "gone": len(old.keys() - new.keys()),
    }


def sentences(since: dict[str, Any] | None) -> list[str]:
    """What a comparison says, for the terminal and the page."""
    if not since:
        return []
    changes = [f"{len(since[name])} cells {words}: {listed(since[name], 3)}" for name, words in
               (("worse", "no longer proven"), ("better", "proven that were not")) if since[name]]
    changes += [f"{since[name]} cells {words}" for name, words in (("added", "new"), ("gone", "no longer asked"))
                if since[name]]
    return [f"since {since['time'] or 'the earlier run'} ({since['verdict']}): "
            + ("; ".join(changes) or "no cell changed its verdict")]


def _verdicts(report: Report) -> dict[str, str]:
    return {cell["id"]: cell["verdict"] for cell in report["cells"] if cell["verdict"] != NONE}
