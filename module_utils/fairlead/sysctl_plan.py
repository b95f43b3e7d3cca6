"""From wanted and observed settings to steps. Pure."""
from __future__ import annotations

from collections.abc import Mapping

from ansible.module_utils.fairlead import files, sysctl_journal
from ansible.module_utils.fairlead.conf_dirs import replaced
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_missing import package_remedy
from ansible.module_utils.fairlead.kernel_modules_observe import LOADABLE, MISSING
from ansible.module_utils.fairlead.plan import Plan, Step
from ansible.module_utils.fairlead.sysctl_boot import effective, winner
from ansible.module_utils.fairlead.sysctl_files import Desired, boot_values, current, texts
from ansible.module_utils.fairlead.sysctl_journal import Entry
from ansible.module_utils.fairlead.sysctl_observe import Observed, brought_by
from ansible.module_utils.fairlead.sysctl_settings import Setting, path_key, same, satisfied, wanted_value

_REMEDY = "mend these keys in the role's settings; nothing was changed"


def plan(desired: Desired, observed: Observed) -> Plan:
    """The journal first, so that the way back is on disk before anything changes. Then live values, then the files:
    what the kernel refuses must not wait there for the next boot. Last the journal forgets the keys that went back.

    A key that is absent now and comes with a module that can be loaded is no error yet: in check mode on a
    fresh node the module has only been predicted. Its value is planned as if the module were there, and every
    step carries the refusal with which apply() stops before it changes anything, should this be a real run.
    """
    settings = desired.parsed.settings
    absent = [setting for setting in settings
              if observed.live[setting.path] is None and not _is_late(setting, observed)]
    coming = [setting for setting in absent if _comes(setting, observed)]
    problems = [*desired.parsed.problems,
                *(why_absent(setting, observed) for setting in absent if setting not in coming)]
    if problems:
        raise FairleadError("settings", "; ".join(problems), _REMEDY)
    refusal = _refusal(coming, observed) if coming else None
    journal = sysctl_journal.parse(observed.files[desired.journal], desired.journal)
    begun, settled = _journals(desired, observed, journal)
    steps = [*files.step(desired.journal, observed.files[desired.journal], begun),
             *_live_steps(desired, observed, journal),
             *_restore_steps(desired, observed, journal)]
    values = boot_values(desired, observed)
    for path, text in texts(desired, values).items():
        data = (values, settings) if path == desired.path else None
        steps += files.step(path, observed.files[path], text, data)
    steps += files.step(desired.journal, begun, settled, {key: journal[key] for key in _left(desired, journal)})
    if coming and not steps:
        # All would be well with the module loaded. It is not, and a real run has to say so.
        steps.append(Step("expect", _keys(coming)))
    if refusal:
        steps = [Step(step.action, step.target, step.before, step.after, refusal) for step in steps]
    unchanged = f"all {len(settings)} keys are as asked, in the kernel and in {desired.path}"
    return Plan(tuple(steps), unchanged if settings else "no key is asked for, and none is kept",
                tuple(boot_findings(desired, observed)))


def _journals(desired: Desired, observed: Observed, journal: Mapping[str, Entry]) -> tuple[str | None, str | None]:
    """The journal's text before the keys are changed and after it."""
    others = effective(replaced(observed.boot, desired.path, None))
    before, after = dict(journal), {}
    for setting in desired.parsed.settings:
        line = winner(others, setting.path)
        live = observed.live[setting.path]
        if live is None and not setting.late:
            live = observed.first.get(setting.path)
        before[setting.path] = sysctl_journal.begun(
            journal.get(setting.path), setting, live, line.value if line else None, observed.side.get(setting.path, {}))
        after[setting.path] = sysctl_journal.settled(before[setting.path], setting)
    return sysctl_journal.render(before), sysctl_journal.render(after)


def _live_steps(desired: Desired, observed: Observed, journal: Mapping[str, Entry]) -> list[Step]:
    steps = []
    for setting in desired.parsed.settings:
        if _is_late(setting, observed):
            continue
        value = current(setting, observed, journal)
        live = observed.live[setting.path]
        wanted = wanted_value(setting, value)
        if value is None or not satisfied(setting, value) or (live is not None and not same(live, wanted)):
            steps.append(Step("set", setting.key, (live if live is not None else value) or "", wanted,
                              data=(setting.path, {}), independent=True))
    return steps


def _restore_steps(desired: Desired, observed: Observed, journal: Mapping[str, Entry]) -> list[Step]:
    """Keys that are wanted no longer go back to what they were."""
    others = effective(replaced(observed.boot, desired.path, None))
    wanted = {setting.path for setting in desired.parsed.settings}
    steps = []
    for path in _left(desired, journal):
        live, entry, line = observed.live[path], journal[path], winner(others, path)
        if live is None:
            continue
        value = sysctl_journal.earlier_value(path, entry, live, line.value if line else None)
        # All of them are looked at again after the write, which changes them; only what differs now is shown.
        side = {key: old for key, old in entry.side.items() if key not in wanted}
        shown = {key: old for key, old in side.items() if observed.side.get(path, {}).get(key, old) != old}
        if value is not None and (shown or not same(live, value)):
            before = {path: live, **{key: observed.side[path][key] for key in shown}}
            steps.append(Step("restore", path_key(path), _lines(before), _lines({path: value, **shown}),
                              data=(path, {path: value, **side}), independent=True))
    return steps


def _lines(values: Mapping[str, str]) -> str:
    """One value as it is; of several each with its key."""
    if len(values) == 1:
        return next(iter(values.values()))
    return "\n".join(f"{path_key(path)} = {value}" for path, value in values.items())


def _left(desired: Desired, journal: Mapping[str, Entry]) -> list[str]:
    wanted = {setting.path for setting in desired.parsed.settings}
    return [path for path in journal if path not in wanted]


def boot_findings(desired: Desired, observed: Observed) -> list[str]:
    """A sentence on every key that boot would give another value than asked, with the file and line that do it."""
    planned = texts(desired, boot_values(desired, observed))[desired.path]
    lines = effective(replaced(observed.boot, desired.path, planned))
    procps = effective(observed.procps)
    found = []
    for setting in desired.parsed.settings:
        line = winner(lines, setting.path)
        if line and line.file != desired.path and line.value is not None and not satisfied(setting, line.value):
            found.append(f"{line.place} sets {setting.key} = {line.value} at boot and wins over {desired.path}, which "
                         f"asks for {asked(setting)}; remove that line or ask for its value")
        line = winner(procps, setting.path)
        if line and line.value is not None and not satisfied(setting, line.value):
            found.append(f"{line.place} sets {setting.key} = {line.value} whenever somebody runs `sysctl --system` or "
                         f"`sysctl -p`, though not at boot; {desired.path} asks for {asked(setting)}; "
                         "remove that line")
    return found


def asked(setting: Setting) -> str:
    """The wish as a person reads it."""
    return setting.value if setting.compare == "exact" else f"{setting.compare.replace('_', ' ')} {setting.value}"


def _is_late(setting: Setting, observed: Observed) -> bool:
    """Not there, and allowed to come with its module whenever that is loaded."""
    if not setting.late or observed.live[setting.path] is not None:
        return False
    return _comes(setting, observed)


def _comes(setting: Setting, observed: Observed) -> bool:
    module, kernel = brought_by(setting.path), observed.kernel
    if setting.path in observed.unreadable:
        return False
    return bool(module and kernel and module in kernel.found and kernel.found[module].state == LOADABLE)


def why_absent(setting: Setting, observed: Observed) -> str:
    """One clause on a key that is not there and will not come by itself."""
    module, kernel = brought_by(setting.path), observed.kernel
    if setting.path in observed.unreadable:
        return f"{setting.key}: {observed.unreadable[setting.path]}"
    if module is None or kernel is None:
        if setting.path.startswith("net/ipv6/"):
            return f"{setting.key}: the kernel has no such key (is IPv6 switched off on this node?)"
        return f"{setting.key}: the kernel has no such key (look for a slip in its name)"
    state = kernel.found[module].state
    if state == MISSING:
        return (f"{setting.key}: comes with module {module}, which kernel {kernel.release} does not have "
                f"({package_remedy(kernel.distribution, kernel.release)})")
    return f"{setting.key}: module {module} is {state} but has no such key here (look for a slip in its name)"


def _refusal(coming: list[Setting], observed: Observed) -> FairleadError:
    modules = sorted({brought_by(setting.path) or "" for setting in coming})
    return FairleadError(
        "settings", f"{_keys(coming)}: not there as long as module {', '.join(modules)} is not loaded; "
        "nothing was changed", "run role kernel_modules first, with the module in its list; or mark a key whose module "
        "comes later by itself with late: true")


def _keys(settings: list[Setting]) -> str:
    return ", ".join(setting.key for setting in settings)
