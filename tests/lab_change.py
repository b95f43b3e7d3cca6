"""A live change on the lab that waits in a phase, to have time for a fault there; and what its journal says."""
from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from lab_tools import wait_until
from testinfra.host import Host

PLACE, UNIT = "/var/lib/fairlead/mode-change", "fairlead-mode-change"


def state(node: Host) -> dict[str, Any]:
    text = node.run(f"cat {PLACE}/state.json").stdout
    return json.loads(text) if text else {}


def tell(node: Host, **words: Any) -> None:
    """Words that only tests have, for the next guard on the node; see Journal.test_words()."""
    node.check_output(f"mkdir -p {PLACE}")
    node.check_output("printf %%s %s > %s", json.dumps(words), f"{PLACE}/test.json")


def begun(node: Host) -> float:
    """When the last change began, 0 for none: by it wait_for_phase() knows the next one."""
    return state(node).get("begun", 0.0)


def wait_for_phase(node: Host, name: str, earlier: float, seconds: float) -> None:
    """Until a change that began after `earlier` is in this phase, or past it."""
    def there() -> bool:
        found = state(node)
        return found.get("begun", 0.0) > earlier and name in (found["phase"], *found["phases"])

    wait_until(f"phase {name}", seconds, there, 0.3)


@contextlib.contextmanager
def paused(node: Host, phase: str, pause: float, seconds: float, change: Callable[[], Any]) -> Iterator[list[Any]]:
    """From the phase on, in which the guard waits for `pause` seconds, to the end of change(); the list then holds what
    that returned. seconds: that each of the two may take."""
    earlier, answers = begun(node), []
    tell(node, pauses={phase: pause})
    thread = threading.Thread(target=lambda: answers.append(change()))
    thread.start()
    try:
        wait_for_phase(node, phase, earlier, seconds)
        yield answers
    finally:
        thread.join(seconds)
