"""The one exception of the domain: every expected failure is raised as it and caught in main()."""
from __future__ import annotations

import sys


class FairleadError(Exception):
    """An expected failure, worded for the person who has to act on it.

    field:   what was wrong, by the name the user knows it ("kube_proxy_mode", "/etc/sysctl.d/90-fairlead.conf")
    value:   the offending value, or None when there is none to show
    problem: what is wrong with it, one clause without a full stop
    remedy:  what to do, one imperative clause without a full stop
    """

    def __init__(self, field: str, problem: str, remedy: str, value: object = None) -> None:
        self.field, self.problem, self.remedy, self.value = field, problem, remedy, value
        shown = field if value is None else f"{field}={value!r}"
        super().__init__(f"{shown}: {problem}. {remedy[:1].upper()}{remedy[1:]}.")


def missing_library(name: str) -> FairleadError:
    """A Python package that the control node needs and nodes do not have."""
    return FairleadError(name, f"this Python package is not installed for {sys.executable}",
                         "install it for that interpreter (make setup does it in the checkout)")
