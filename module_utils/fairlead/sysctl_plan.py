"""From wanted and observed settings to steps, and their effects."""
from __future__ import annotations

from dataclasses import dataclass

from ansible.module_utils.fairlead import files
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_observe import LOADABLE, MISSING
from ansible.module_utils.fairlead.kernel_modules_plan import package_remedy
from ansible.module_utils.fairlead.plan import Plan, Step
from ansible.module_utils.fairlead.sysctl_observe import (
    INITIAL,
    Observed,
    brought_by,
    parse_dropin,
    write_live,
)
from ansible.module_utils.fairlead.sysctl_settings import Parsed, Setting, satisfied, wanted_value

_REMEDY = "mend these keys in the role's settings; nothing was changed"


@dataclass(frozen=True)
class Desired:
    """What the user asked for: the settings and the file that holds them for boot."""

    parsed: Parsed
    path: str


def check_path(path: str) -> str:
    if not path.startswith("/") or not path.endswith(".conf"):
        raise FairleadError("path", "systemd reads only files that end in .conf",
                            "give an absolute path such as /etc/sysctl.d/90-fairlead.conf", path)
    return path


def plan(desired: Desired, observed: Observed) -> Plan:
    """Live values first, then the file: what the kernel refuses must not wait there for the next boot.

    A key that is absent now and comes with a module that can be loaded is no error yet: in check mode on a
    fresh node the module has only been predicted. Its value is planned as if the module were there, and every
    step carries the refusal with which apply() stops before it changes anything, should this be a real run.
    """
    settings = desired.parsed.settings
    absent = [setting for setting in settings if observed.live[setting.path] is None]
    coming = [setting for setting in absent if _comes(setting, observed)]
    problems = [*desired.parsed.problems,
                *(why_absent(setting, observed) for setting in absent if setting not in coming)]
    if problems:
        raise FairleadError("settings", "; ".join(problems), _REMEDY)
    refusal = _refusal(coming, observed) if coming else None
    steps = [
        Step("set", setting.key, value or "", wanted_value(setting, value), data=refusal or setting.path)
        for setting, value in ((setting, _value(setting, observed)) for setting in settings)
        if value is None or not satisfied(setting, value)
    ]
    text = dropin_text(desired, observed)
    if text is None and observed.dropin is not None:
        steps.append(Step("remove", desired.path, observed.dropin, "", data=refusal))
    elif text is not None and text != observed.dropin:
        steps.append(Step("write", desired.path, observed.dropin or "", text, data=refusal))
    if coming and not steps:
        # All would be well with the module loaded. It is not, and a real run has to say so.
        steps.append(Step("expect", _keys(coming), data=refusal))
    return Plan(tuple(steps),
                unchanged=f"all {len(settings)} keys are as asked, in the kernel and in {desired.path}")


def apply(desired: Desired, step: Step, root: str = "/") -> None:
    if isinstance(step.data, FairleadError):
        raise step.data
    if step.action == "set":
        write_live(step.data, step.after, root)
    elif step.action == "write":
        files.write_text(desired.path, step.after)
    else:
        files.remove(desired.path)


def report(desired: Desired, observed: Observed) -> dict[str, object]:
    return {"file": desired.path,
            "settings": {setting.key: observed.live[setting.path] for setting in desired.parsed.settings}}


def dropin_text(desired: Desired, observed: Observed) -> str | None:
    """The whole file, or None when nothing is wanted. A floor keeps what the file holds, or else the live
    value, when that is above it: our file must not lower at boot what the kernel or another program made
    larger."""
    if not desired.parsed.settings:
        return None
    kept = parse_dropin(observed.dropin)
    lines = [files.OWNER_LINE, "# Kernel settings for kube-proxy; systemd-sysctl.service sets them at boot."]
    for setting in desired.parsed.settings:
        value = kept.get(setting.path)
        if value is None or not satisfied(setting, value):
            value = _value(setting, observed)
        lines.append(f"{setting.key} = {wanted_value(setting, value)}".rstrip())
    return "\n".join(lines) + "\n"


def _value(setting: Setting, observed: Observed) -> str | None:
    """The live value, or the one with which the key is going to appear."""
    value = observed.live[setting.path]
    return INITIAL.get(setting.path) if value is None else value


def _comes(setting: Setting, observed: Observed) -> bool:
    module, kernel = brought_by(setting.path), observed.kernel
    return module is not None and kernel is not None and kernel.found[module].state == LOADABLE


def why_absent(setting: Setting, observed: Observed) -> str:
    """One clause on a key that is not there and will not come by itself."""
    module, kernel = brought_by(setting.path), observed.kernel
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
        "nothing was changed", "run role kernel_modules first, with the module in its list")


def _keys(settings: list[Setting]) -> str:
    return ", ".join(setting.key for setting in settings)
