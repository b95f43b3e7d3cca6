"""How the API server says no before all rules were asked."""
from __future__ import annotations

from ansible.module_utils.fairlead.services.findings import Finding

BAD_REQUEST, CONFLICT, INVALID, INTERNAL_ERROR = 400, 409, 422, 500


class RefusedError(Exception):
    """The answer is final: what comes later in the API server is never asked.

    code:     status of the answer. Only 422 names fields in `status.details.causes`
    findings: why
    """

    def __init__(self, findings: list[Finding], code: int = INVALID) -> None:
        self.findings, self.code = findings, code
        super().__init__(f"{code}: {', '.join(finding.field for finding in findings)}")
