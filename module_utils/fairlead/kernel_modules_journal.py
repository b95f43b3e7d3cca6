"""What the kernel held before Fairlead came: which modules were there already, and their parameters. Pure."""
from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ansible.module_utils.fairlead.errors import FairleadError

PATH = "/var/lib/fairlead/kernel_modules.json"
_VERSION = 1


class Journal(NamedTuple):
    """modules: whether it was in the kernel when we came; parameters: their values then (None: not shown, or not
    there)."""

    modules: Mapping[str, bool] = {}
    parameters: Mapping[str, Mapping[str, str | None]] = {}

    def with_new(self, modules: Mapping[str, bool], parameters: Mapping[str, Mapping[str, str | None]]) -> Journal:
        """With entries for what is not in it yet; an entry is made once."""
        both = {module: {**values, **self.parameters.get(module, {})} for module, values in parameters.items()}
        return Journal({**modules, **self.modules}, {**self.parameters, **both})

    def only(self, wanted: Collection[str], left: Collection[str],
             parameters: Mapping[str, Collection[str]]) -> Journal:
        """Without what is wanted no longer, apart from modules that came with us and are still there."""
        kept = {module: {name: value for name, value in values.items() if name in parameters.get(module, ())}
                for module, values in self.parameters.items()}
        return Journal({name: there for name, there in self.modules.items() if name in wanted or name in left},
                       {module: values for module, values in kept.items() if values})

    def left(self, wanted: Mapping[str, Collection[str]]) -> list[tuple[str, str, str | None]]:
        """(module, parameter, earlier value) of those that are wanted no longer."""
        return [(module, name, value) for module, values in sorted(self.parameters.items())
                for name, value in sorted(values.items()) if name not in wanted.get(module, ())]

    def render(self) -> str | None:
        """The file's text; None when there is nothing to remember and so no file."""
        if not self.modules and not self.parameters:
            return None
        content = {"version": _VERSION, "modules": self.modules, "parameters": self.parameters}
        return json.dumps(content, indent=1, sort_keys=True) + "\n"


def parse(text: str | None, path: str = PATH) -> Journal:
    """Raises FairleadError for a file that is not ours."""
    if text is None:
        return Journal()
    try:
        content: Any = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']!r} is not {_VERSION}")
        parameters = {module: dict(values) for module, values in content["parameters"].items()}
        return Journal(dict(content["modules"]), parameters)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FairleadError(path, f"is not a journal of this version of Fairlead: {error}",
                            "restore it from a backup, or move it away: what was loaded before Fairlead is then "
                            "forgotten") from error
