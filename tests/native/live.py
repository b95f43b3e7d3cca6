"""Runs on the bench's node: a live change with the words that only tests give to the guard.

Standard input: [what start.request() takes, what is added to it]. Prints the journal's state or the failure as JSON.
"""
from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, "/opt/fairlead")
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import ask
from ansible.module_utils.fairlead.mode_change import start

words, more = json.load(sys.stdin)
try:
    request = start.request(running=ask.ask().mode or "", old=Path(words["path"]).read_text(encoding="utf-8"), **words)
    print(json.dumps(start.change({**request, **more}, Commands())))
except FairleadError as error:
    print(json.dumps({"failed": True, "msg": str(error)}))
