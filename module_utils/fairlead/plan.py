"""What a module means to do, as data: made by pure functions, shown in check mode, executed by apply()."""
from __future__ import annotations

from typing import Any, NamedTuple


class Step(NamedTuple):
    """One change to one thing.

    action: imperative verb ("load", "write", "set", "restart")
    target: the thing, as the user would name it ("module ip_vs", "/etc/sysctl.d/90-fairlead.conf")
    before, after: its text before and after, for the diff; "" means it does not exist
    data:   what apply() needs beyond the target; never shown
    turn:   steps that follow one another with the same turn do not depend on each other
    independent: when it is refused, the steps after it are done all the same, and the refusal is reported at the end
    """

    action: str
    target: str
    before: str = ""
    after: str = ""
    data: Any = None
    turn: float = 0
    independent: bool = False

    def describe(self) -> str:
        return f"{self.action} {self.target}"


class Plan(NamedTuple):
    """Ordered steps; `unchanged` is the sentence that says why there are none."""

    steps: tuple[Step, ...] = ()
    unchanged: str = "nothing to do"
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.steps)

    def describe(self) -> list[str]:
        return [step.describe() for step in self.steps] or [self.unchanged]

    def diff(self) -> list[dict[str, str]]:
        """The steps in the shape in which Ansible prints differences."""
        return [
            {"before_header": step.target, "after_header": f"{step.target} ({step.action})",
             "before": _line(step.before), "after": _line(step.after)}
            for step in self.steps
        ]


def _line(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
