"""Running the proof on the lab, and what of it is not proven."""
from __future__ import annotations

import json

KINDS = ["node", "pod", "host pod"]


class Proof:
    """playbooks/verify.yml with every kind of client, and what it found."""

    def __init__(self, lab, directory):
        self._lab, self._file = lab, directory / "verify.json"

    def run(self, **wishes):
        """Its report. What is not as promised is asked again for some seconds, so that a stall is no fault."""
        self._file.unlink(missing_ok=True)
        wishes = {"service_verify_kinds": KINDS, "service_verify_patience": 15,
                  "service_verify_report_path": str(self._file),
                  "service_verify_page_path": str(self._file.with_suffix(".html")), **wishes}
        self.playbook = self._lab.playbook("playbooks/verify.yml", "-e", json.dumps(wishes))
        report = json.loads(self._file.read_text(encoding="utf-8"))
        assert self.playbook.ok == (report["verdict"] == "proven")
        return report


def broken(report):
    """The cells that are not proven, and the rows of discovery."""
    cells = {cell["id"]: cell for cell in report["cells"] if cell["verdict"] not in ("proven", "none")}
    rows = {(row["service"], row["check"]) for row in report["discovery_rows"] if row["verdict"] != "proven"}
    return cells, rows
