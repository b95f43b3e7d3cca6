"""Run the module service_verdict and show its lines as a person reads them.

An action plugin, because a task's result can only be printed as quoted JSON, and because only here the directory is
known in which ansible-playbook was called.
"""
from __future__ import annotations

import os

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

COLOURS = {"proven": "green", "disproven": "red", "unknown": "yellow"}


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        for name in ("report", "page", "earlier"):
            if arguments.get(name):
                arguments[name] = os.path.abspath(os.path.expanduser(arguments[name]))
        result.update(self._execute_module("service_verdict", module_args=arguments, task_vars=task_vars))
        result["report"] = arguments.get("report")
        for line in result.get("lines", []):
            Display().display(line["text"], color=COLOURS.get(line["verdict"]))
        return result
