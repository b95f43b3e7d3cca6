"""The pattern of every module that changes something: observe, plan, apply, observe again.

This is the only place that looks at check mode, and the only one that decides `changed`.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan, Step

Observed = TypeVar("Observed")


def converge(
    module: Any,
    observe: Callable[[], Observed],
    plan: Callable[[Observed], Plan],
    apply: Callable[[Step], None],
    report: Callable[[Observed], dict[str, Any]],
    *,
    settle: Callable[[], None] | None = None,
) -> None:
    """Bring the machine to the desired state and leave through module.exit_json() or module.fail_json().

    observe: reads the machine into plain data; no effects
    plan:    pure; from what was observed to the steps that are missing
    apply:   executes one step
    report:  the resulting state, as the module returns it
    settle:  waits until what is now in place also works; not called in check mode, where nothing new is in place
    """
    done: list[str] = []
    try:
        observed = observe()
        planned = plan(observed)
        if planned.changed and not module.check_mode:
            _apply_all(planned, apply, done)
            observed = observe()
            left = plan(observed)
            if left.changed:
                raise FairleadError(
                    left.steps[0].target, f"is still not as asked after: {'; '.join(done)}",
                    "look for another program on this machine that sets it back")
        if settle and not module.check_mode:
            settle()
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=done)
        return
    result: dict[str, Any] = {"changed": planned.changed, "plan": planned.describe(), **report(observed)}
    if module._diff:
        result["diff"] = planned.diff()
    for warning in planned.warnings:
        module.warn(warning)
    module.exit_json(**result)


def _apply_all(planned: Plan, apply: Callable[[Step], None], done: list[str]) -> None:
    """Execute the steps; what was done is appended to `done` as it is done.

    A refused step ends it, unless the step is independent: then the others are done first, and one error names all that
    was refused and what became of the rest.
    """
    refused: list[FairleadError] = []
    for step in planned.steps:
        try:
            apply(step)
        except FairleadError as error:
            if not step.independent:
                raise
            refused.append(error)
        else:
            done.append(step.describe())
    if refused:
        first = refused[0]
        others = [f"{error.field}={error.value!r}: {error.problem}" for error in refused[1:]]
        fate = f"all {len(done)} other steps were done" if done else "nothing else was to do"
        raise FairleadError(first.field, "; ".join([first.problem, *others, fate]), first.remedy, first.value)
