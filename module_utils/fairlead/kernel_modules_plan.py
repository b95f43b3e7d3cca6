"""From wanted and observed modules to steps. Pure.

Order: the journal, so that what was there before is on disk; the parameters, which a module takes when it is loaded;
the modules; then the file for boot, since a name that cannot be loaded now must not be left for the next boot.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead import kernel_modules_journal as journals
from ansible.module_utils.fairlead import kernel_modules_parameters as module_parameters
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_blocked import Rules, why_blocked, why_not_at_boot
from ansible.module_utils.fairlead.kernel_modules_journal import Journal
from ansible.module_utils.fairlead.kernel_modules_missing import missing_error
from ansible.module_utils.fairlead.kernel_modules_observe import BUILTIN, LOADABLE, LOADED, MISSING, Kernel
from ansible.module_utils.fairlead.plan import Plan, Step


class Desired(NamedTuple):
    """What the user asked for, worked out. No names: everything of ours goes."""

    mode: str
    names: tuple[str, ...]
    path: str
    parameters: Mapping[str, Mapping[str, str]] = {}
    unload: bool = False
    options_path: str = module_parameters.PATH
    journal: str = journals.PATH


class Observed(NamedTuple):
    """The node: its kernel, our files, the parameters in the kernel, who uses which module, and what forbids
    loading."""

    kernel: Kernel
    file: str | None
    options: str | None = None
    journal: str | None = None
    parameters: Mapping[str, Mapping[str, module_parameters.Found]] = {}
    users: Mapping[str, tuple[int, frozenset[str]]] = {}
    rules: Rules = Rules()


def check_path(path: str) -> str:
    if not path.startswith("/") or not path.endswith(".conf"):
        raise FairleadError("path", "systemd reads only files that end in .conf",
                            "give an absolute path such as /etc/modules-load.d/fairlead.conf", path)
    return path


def real_names(desired: Desired, kernel: Kernel) -> tuple[str, ...]:
    """The sorted names by which this kernel knows the wanted modules: two aliases of one module are one."""
    return tuple(sorted({kernel.found[name].name for name in desired.names}))


def file_text(desired: Desired, kernel: Kernel) -> str | None:
    """The file for boot, or None when nothing is wanted. Built-in modules stand in it too: systemd passes over them,
    and after a change of the kernel they may have become loadable."""
    if not desired.names:
        return None
    head = (files.OWNER_LINE,
            f"# Modules for kube-proxy in {desired.mode} mode. systemd-modules-load.service loads them at",
            "# boot, before systemd-sysctl.service sets the keys that come with them.")
    return "\n".join((*head, *real_names(desired, kernel))) + "\n"


def plan(desired: Desired, observed: Observed) -> Plan:
    kernel, rules = observed.kernel, observed.rules
    absent = [name for name in desired.names if kernel.found[name].state == MISSING]
    if absent:
        raise missing_error(absent, kernel)
    to_load = sorted({kernel.found[name].name for name in desired.names if kernel.found[name].state == LOADABLE})
    blocked = {name: why for name in to_load for why in [why_blocked(name, rules, kernel.locked)] if why}
    if blocked:
        raise blocked_error(blocked)
    before = journals.parse(observed.journal, desired.journal)
    begun = _begun(desired, observed, before)
    gone = _to_unload(desired, observed, before)
    steps = [
        *files.step(desired.options_path, observed.options, module_parameters.file_text(desired.parameters)),
        *(Step("load", f"module {name}", "not loaded", "loaded", data=name) for name in to_load),
        *_parameter_steps(desired, observed, before),
        *files.step(desired.path, observed.file, file_text(desired, kernel)),
        *(Step("unload", f"module {name}", "loaded", "not loaded", data=name) for name in gone),
    ]
    settled = begun.only(real_names(desired, kernel), _still_ours(desired, observed, before, gone), desired.parameters)
    # That a module of an earlier mode left the kernel with a reboot is no change of ours, and waits for the next one.
    if steps or begun != before or not desired.names:
        first = files.step(desired.journal, observed.journal, begun.render())
        steps = [*first, *steps, *files.step(desired.journal, begun.render(), settled.render())]
    warnings = (*_warnings(desired, observed, before, gone), *boot_findings(desired, observed))
    return Plan(tuple(steps), _unchanged(desired), warnings)


def _unchanged(desired: Desired) -> str:
    if not desired.names:
        return "no module is asked for, and none is kept"
    return f"all {len(desired.names)} modules are in the kernel and {desired.path} names them"


def _begun(desired: Desired, observed: Observed, journal: Journal) -> Journal:
    """The journal with everything in it that is going to be changed."""
    modules = {name: _in_kernel(observed.kernel, name) for name in real_names(desired, observed.kernel)}
    values = {module: {name: found.value for name, found in _found(observed, module, names).items()}
              for module, names in desired.parameters.items()}
    return journal.with_new(modules, values)


def _found(observed: Observed, module: str, names: Mapping[str, str]) -> dict[str, module_parameters.Found]:
    shown = observed.parameters.get(module, {})
    return {name: shown.get(name, module_parameters.Found(None, False)) for name in names}


def _in_kernel(kernel: Kernel, real_name: str) -> bool:
    return any(found.name == real_name and found.state in (LOADED, BUILTIN) for found in kernel.found.values())


def _parameter_steps(desired: Desired, observed: Observed, journal: Journal) -> list[Step]:
    """Parameters to set in modules that are in the kernel already, then those that go back."""
    steps = []
    for module, values in sorted(desired.parameters.items()):
        for name, found in _found(observed, module, values).items():
            if found.writable and not as_asked(module, name, values[name], found):
                steps.append(Step("set", f"{module}.{name}", found.value or "", values[name], (module, name),
                                  independent=True))
    for module, name, value in journal.left(desired.parameters):
        found = observed.parameters.get(module, {}).get(name)
        if found and found.writable and value is not None and found.value != value:
            # Not independent: were it refused, the journal must not forget the value.
            steps.append(Step("restore", f"{module}.{name}", found.value or "", value, (module, name)))
    return steps


def as_asked(module: str, name: str, wanted: str, found: module_parameters.Found) -> bool:
    return found.value is not None and module_parameters.same(module, name, wanted, found.value)


def _left(desired: Desired, observed: Observed, journal: Journal) -> list[str]:
    """Modules in the kernel that came with us and are wanted no longer."""
    wanted = set(real_names(desired, observed.kernel))
    return sorted(name for name, was_there in journal.modules.items()
                  if not was_there and name not in wanted and name in observed.users)


def _to_unload(desired: Desired, observed: Observed, journal: Journal) -> list[str]:
    """Those of them that nobody uses, users first: a module that only others of them use is free once they are gone."""
    left, order = _left(desired, observed, journal) if desired.unload else [], []
    free = True
    while free:
        free = [name for name in left if name not in order and observed.users[name][1] <= set(order)
                and observed.users[name][0] == sum(_held(name, user) for user in observed.users[name][1])]
        order += free
    return order


def _held(name: str, user: str) -> int:
    """For how many uses a user of a module counts. A scheduler of ip_vs counts twice: it needs ip_vs, and is registered
    with it (register_ip_vs_scheduler in the kernel's ip_vs_sched.c); so do ip_vs_ftp and ip_vs_pe_sip."""
    return 2 if name == "ip_vs" and user.startswith("ip_vs_") else 1


def _still_ours(desired: Desired, observed: Observed, journal: Journal, gone: list[str]) -> set[str]:
    return set(_left(desired, observed, journal)) - set(gone)


def _warnings(desired: Desired, observed: Observed, journal: Journal, gone: list[str]) -> list[str]:
    stay = sorted(_still_ours(desired, observed, journal, gone)) if desired.unload else []
    words = []
    for name in stay:
        times, users = observed.users[name]
        by = f" (by {', '.join(sorted(users))})" if users else ""
        words.append(f"module {name} stays in the kernel: it is in use {times} times{by}")
    for module, values in sorted(desired.parameters.items()):
        for name, found in _found(observed, module, values).items():
            waits = module in observed.parameters and not found.writable
            if waits and not as_asked(module, name, values[name], found):
                words.append(f"{module}.{name} is {found.value or 'not shown'}, asked is {values[name]}: it can only "
                             "be given when the module is loaded; reboot, or unload the module while nobody uses it")
    return words


def boot_findings(desired: Desired, observed: Observed) -> list[str]:
    """What will not be at boot as it was asked."""
    rules = observed.rules
    found = [f"module {name}: {why}" for name in real_names(desired, observed.kernel)
             if not _is_builtin(observed.kernel, name) for why in [why_not_at_boot(name, rules)] if why]
    for module, values in sorted(desired.parameters.items()):
        for name, value in sorted(values.items()):
            option = rules.options.get(module, {}).get(name)
            given = rules.cmdline.get(f"{module}.{name}")
            if _is_builtin(observed.kernel, module):
                if given is None or not module_parameters.same(module, name, value, given):
                    found.append(f"{module}.{name}: the module is built in, so modprobe.d does not reach it at boot; "
                                 f"add {module}.{name}={value} to the kernel's command line")
            elif option and not option.place.startswith(f"{desired.options_path}:") and option.value != value:
                found.append(f"{option.place} gives {module} {name}={option.value} and wins over "
                             f"{desired.options_path}, which asks for {value}; remove it there")
    return found


def _is_builtin(kernel: Kernel, real_name: str) -> bool:
    return any(found.name == real_name and found.state == BUILTIN for found in kernel.found.values())


def blocked_error(blocked: Mapping[str, str]) -> FairleadError:
    """One error for all of them; those with one reason stand together."""
    reasons: dict[str, list[str]] = {}
    for name, why in sorted(blocked.items()):
        reasons.setdefault(why, []).append(name)
    clauses = [f"{', '.join(names)}: {why}" for why, names in reasons.items()]
    return FairleadError(f"kernel module {', '.join(sorted(blocked))}", f"blocked: {'; '.join(clauses)}",
                         "nothing was changed; mend this and run again")
