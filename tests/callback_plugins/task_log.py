"""Write one JSON line per task result, so that a test can compare what check mode predicted with what was changed."""
from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_log
type: aggregate
short_description: Write one JSON line per task result
description: Writes host, task and whether it changed something to the file that FAIRLEAD_TASK_LOG names.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_log"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result):
        record = {"host": result.host.get_name(), "task": result.task.get_name(),
                  "changed": bool(result.result.get("changed", False)), "diff": result.result.get("diff")}
        with open(os.environ["FAIRLEAD_TASK_LOG"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
