"""The pattern of everything that changes something: observe, plan, apply, observe again.

This is the only place that looks at check mode, and the only one that decides `changed`.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
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
    prepare: Callable[[Plan], None] | None = None,
    settle: Callable[[], None] | None = None,
    together: int = 1,
) -> None:
    """Bring the machine to the desired state and leave through module.exit_json() or module.fail_json().

    report: the resulting state, as the module returns it; the rest as reach() takes it
    """
    done: list[str] = []
    try:
        planned, observed = reach(observe, plan, apply, done, check_mode=module.check_mode, prepare=prepare,
                                  settle=settle, together=together)
    except FairleadError as error:
        module.fail_json(msg=str(error), applied=done)
        return
    result: dict[str, Any] = {"changed": planned.changed, "plan": planned.describe(), **report(observed)}
    if module._diff:
        result["diff"] = planned.diff()
    for warning in planned.warnings:
        module.warn(warning)
    module.exit_json(**result)


def reach(
    observe: Callable[[], Observed],
    plan: Callable[[Observed], Plan],
    apply: Callable[[Step], None],
    done: list[str],
    *,
    check_mode: bool,
    prepare: Callable[[Plan], None] | None = None,
    settle: Callable[[], None] | None = None,
    together: int = 1,
) -> tuple[Plan, Observed]:
    """The plan that was made, and what is there now. Raises FairleadError; `done` then holds the steps that were made.

    observe:  reads the machine into plain data; no effects
    plan:     pure; from what was observed to the steps that are missing
    apply:    executes one step
    prepare:  whatever can fail before the first step is taken; not called in check mode
    settle:   waits until what is now in place also works; not called in check mode, where nothing new is in place
    together: how many steps of one turn are taken at once
    """
    observed = observe()
    planned = plan(observed)
    if check_mode:
        return planned, observed
    if planned.changed:
        if prepare:
            prepare(planned)
        _take_all(planned, apply, done, together)
        observed = observe()
        left = plan(observed)
        if left.changed:
            raise FairleadError(
                left.steps[0].target, f"is still not as asked after: {'; '.join(done[:20])}",
                "look for another program on this machine that sets it back")
    if settle:
        settle()
    return planned, observed


def _take_all(planned: Plan, apply: Callable[[Step], None], done: list[str], together: int) -> None:
    """Take the steps; what was done is appended to `done` as it is done.

    A refused step ends it, unless the step is independent: then the others are done first, and one error names all that
    was refused and what became of the rest.
    """
    refused: list[FairleadError] = []
    for _turn, steps in groupby(planned.steps, key=lambda step: step.turn):
        for step in _taken(apply, list(steps), together, refused):
            done.append(step.describe())
    if refused:
        first = refused[0]
        others = [f"{error.field}={error.value!r}: {error.problem}" for error in refused[1:]]
        fate = f"all {len(done)} other steps were done" if done else "nothing else was to do"
        raise FairleadError(first.field, "; ".join([first.problem, *others, fate]), first.remedy, first.value)


def _taken(apply: Callable[[Step], None], steps: list[Step], together: int,
           refused: list[FairleadError]) -> Iterator[Step]:
    """Each step once it has been taken. After an error no further one is begun, and those under way are waited for;
    that of an independent step is appended to `refused` instead."""
    if together == 1 or len(steps) == 1:
        for step in steps:
            try:
                apply(step)
            except FairleadError as error:
                if not step.independent:
                    raise
                refused.append(error)
            else:
                yield step
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - nodes take one step after the other

    failure: FairleadError | None = None
    with ThreadPoolExecutor(together) as pool:
        pending = [(step, pool.submit(apply, step)) for step in steps]
        for step, future in pending:
            if future.cancelled():
                continue
            try:
                future.result()
                yield step
            except FairleadError as error:
                failure = failure or error
                for _step, other in pending:
                    other.cancel()
    if failure:
        raise failure
