"""Looking at a node's modules, the effects of a plan for them, and what the module returns."""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead import kernel_modules_journal as journals
from ansible.module_utils.fairlead import kernel_modules_parameters as parameters
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.comparison import Row, row
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_blocked import read_rules, why_blocked
from ansible.module_utils.fairlead.kernel_modules_observe import (
    BLOCKED,
    BUILTIN,
    LOADABLE,
    LOADED,
    observe_kernel,
    parse_users,
)
from ansible.module_utils.fairlead.kernel_modules_plan import Desired, Observed, as_asked, boot_findings, plan
from ansible.module_utils.fairlead.plan import Step


def observe(desired: Desired, root: str = "/", release: str | None = None) -> Observed:
    kernel = observe_kernel((*desired.names, *desired.parameters), root, release)
    journal = files.read_text(desired.journal)
    earlier = journals.parse(journal, desired.journal)
    asked = {module: {*desired.parameters.get(module, ()), *earlier.parameters.get(module, ())}
             for module in {*desired.parameters, *earlier.parameters}}
    return Observed(
        kernel, files.read_text(desired.path), files.read_text(desired.options_path), journal,
        parameters=parameters.observe(sorted(asked), asked, root),
        users=parse_users(files.read_text(f"{root.rstrip('/')}/proc/modules") or ""),
        rules=read_rules(root),
    )


def apply(desired: Desired, step: Step, commands: Commands, root: str = "/") -> None:
    if step.action == "load":
        _run(commands, ["modprobe", "--", step.data], step.target,
             "look into dmesg and /etc/modprobe.d on the node; a container cannot load modules, its host has to")
    elif step.action == "unload":
        _run(commands, ["rmmod", "--", step.data], step.target,
             "see who uses it in /proc/modules, or leave it until the next boot")
    elif step.action in ("set", "restore"):
        module, name = step.data
        parameters.write(module, name, step.after, root)
    elif step.action == "remove":
        files.remove(step.target)
    else:
        files.write_text(step.target, step.after)


def _run(commands: Commands, argv: list[str], target: str, remedy: str) -> None:
    result = commands.run(argv, timeout=60)
    if not result.ok:
        said = (result.stderr or result.stdout).strip() or f"status {result.status} and no word"
        raise FairleadError(target, f"{argv[0]} ended with an error: {said}", remedy)


def report(desired: Desired, observed: Observed) -> dict[str, Any]:
    kernel = observed.kernel
    states = {}
    for name in desired.names:
        found = kernel.found[name]
        blocked = found.state == LOADABLE and why_blocked(found.name, observed.rules, kernel.locked)
        states[found.name] = BLOCKED if blocked else found.state
    renamed = {name: kernel.found[name].name for name in desired.names if kernel.found[name].name != name}
    return {
        "kernel": kernel.release, "mode": desired.mode, "file": desired.path, "modules": dict(sorted(states.items())),
        "renamed": renamed,
        "parameters": {module: {name: found.value for name, found in sorted(values.items())}
                       for module, values in sorted(observed.parameters.items())},
        "compared": [*(row(f"module {name}", "in the kernel", state, state in (BUILTIN, LOADED))
                       for name, state in sorted(states.items())), *_parameters(desired, observed)],
        "findings": findings(desired, observed),
    }


def _parameters(desired: Desired, observed: Observed) -> list[Row]:
    """A parameter that the kernel does not show cannot be told."""
    rows = []
    for module, values in sorted(desired.parameters.items()):
        for name, wished in sorted(values.items()):
            found = observed.parameters.get(module, {}).get(name)
            shown = found is not None and found.value is not None
            rows.append(row(f"parameter {module}.{name}", wished, found.value if found and shown else "not shown",
                            as_asked(module, name, wished, found) if found and shown else None))
    return rows


def findings(desired: Desired, observed: Observed) -> list[str]:
    """Everything that is not as asked, one sentence each; empty when a run would change nothing and boot agrees."""
    sentences = []
    for step in plan(desired, observed).steps:
        if step.action in ("load", "unload"):
            sentences.append(f"{step.target} is {step.before}")
        elif step.action in ("set", "restore"):
            sentences.append(f"{step.target} is {step.before or 'not shown'}, asked is {step.after}")
        elif step.target != desired.journal:
            sentences.append(files.finding(step))
    return [*sentences, *boot_findings(desired, observed)]
