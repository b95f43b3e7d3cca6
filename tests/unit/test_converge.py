"""What becomes of a plan when a step is refused."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Plan, Step


class Failed(Exception):
    """What fail_json() leaves through."""


class Module:
    """Stands in for AnsibleModule."""

    check_mode = False
    _diff = False

    def fail_json(self, **words):
        raise Failed(words)


def run(*steps: Step) -> dict:
    def apply(step: Step) -> None:
        if step.before == "refuse":
            raise FairleadError(step.target, "is refused", "write another", step.after)

    with pytest.raises(Failed) as caught:
        converge(Module(), lambda: None, lambda observed: Plan(steps), apply, lambda observed: {})
    return caught.value.args[0]


def test_an_independent_step_that_is_refused_does_not_hide_the_others():
    failed = run(Step("set", "a", "refuse", "1", independent=True), Step("set", "b", "", "2", independent=True),
                 Step("set", "c", "refuse", "3", independent=True), Step("write", "file"))
    assert failed["msg"] == "a='1': is refused; c='3': is refused; all 2 other steps were done. Write another."
    assert failed["applied"] == ["set b", "write file"]


def test_any_other_step_that_is_refused_ends_it():
    failed = run(Step("write", "a", "refuse"), Step("set", "b", independent=True))
    assert failed["applied"] == []
