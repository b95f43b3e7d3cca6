"""Parameters of modules: how the user writes them, what the kernel shows of them, and the file that gives them at
load time."""
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible.module_utils.fairlead.conntrack import rounded
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import OWNER_LINE, read_text
from ansible.module_utils.fairlead.kernel_modules_wanted import check_names, normalise

PATH = "/etc/modprobe.d/fairlead.conf"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VALUE = re.compile(r"[^\s\"'\\\\#]{1,1000}")  # what modprobe.d and the kernel take without quotes
_TRUE, _FALSE = ("Y", "y", "1", "on"), ("N", "n", "0", "off")  # kstrtobool()

Parameters = Mapping[str, Mapping[str, str]]


class Found(NamedTuple):
    """One parameter of a module in the kernel. value: None when the kernel does not show it."""

    value: str | None
    writable: bool


def parse(parameters: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Values by module and parameter, in the kernel's spelling. Raises FairleadError with all that is wrong."""
    check_names(parameters, "parameters")
    problems, parsed = [], {}
    for module, values in parameters.items():
        if not isinstance(values, Mapping) or not values:
            problems.append(f"{module}: write its parameters as a dictionary")
            continue
        for name, value in values.items():
            text = {True: "Y", False: "N"}[value] if isinstance(value, bool) else str(value)
            if not _NAME.fullmatch(str(name)):
                problems.append(f"{module}.{name}: not the name of a parameter")
            elif value is None or isinstance(value, (list, Mapping)) or not _VALUE.fullmatch(text):
                problems.append(f"{module}.{name}: {value!r} is not one number or word without blanks and quotes")
            else:
                parsed.setdefault(normalise(str(module)), {})[normalise(str(name))] = text
    if problems:
        raise FairleadError("parameters", "; ".join(sorted(problems)),
                            "write them as {nf_conntrack: {hashsize: 65536}}")
    return parsed


def observe(modules: Iterable[str], names: Mapping[str, Iterable[str]], root: str = "/") -> dict[str, dict[str, Found]]:
    """What /sys/module shows of these parameters; nothing for a module that is not in the kernel."""
    return {module: {name: _found(os.path.join(root, "sys/module", module, "parameters", name))
                     for name in names.get(module, ())}
            for module in modules if os.path.isdir(os.path.join(root, "sys/module", module))}


def _found(path: str) -> Found:
    try:
        writable = bool(os.stat(path).st_mode & 0o200)
    except OSError:
        return Found(None, False)
    try:
        text = read_text(path)
    except FairleadError:  # a parameter that can only be written
        text = None
    return Found(text.strip() if text is not None else None, writable)


def same(module: str, name: str, wanted: str, found: str) -> bool:
    """Whether the kernel shows what was asked: Y is 1 for a flag, 0x10 is 16, and the connection table is rounded
    up."""
    if wanted == found or (wanted in _TRUE and found == "Y") or (wanted in _FALSE and found == "N"):
        return True
    try:
        number = int(wanted, 0)
        return str(rounded(number) if (module, name) == ("nf_conntrack", "hashsize") else number) == found
    except ValueError:
        return False


def write(module: str, name: str, value: str, root: str = "/") -> None:
    path = os.path.join(root, "sys/module", module, "parameters", name)
    try:
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FairleadError(f"{module}.{name}", f"the kernel does not take this value: {error.strerror}",
                            "write a value that `modinfo --parameters` allows, as root on the machine itself",
                            value) from error


def file_text(parameters: Parameters) -> str | None:
    """The file of modprobe.d, or None when no parameter is asked for."""
    if not parameters:
        return None
    lines = [f"options {module} {' '.join(f'{name}={value}' for name, value in sorted(values.items()))}"
             for module, values in sorted(parameters.items())]
    return "\n".join([OWNER_LINE, "# Parameters of modules, given to them whenever they are loaded.", *lines]) + "\n"
