"""The lab as a person has it in a terminal: kubectl, ssh, dig and curl from a pod. What is run is shown."""
from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60  # for one command, on an emulated machine
SPACE, LABEL = "walkthrough", "fairlead.io/walkthrough"


class Lab:
    def __init__(self) -> None:
        name = os.environ.get("FAIRLEAD_LAB") or "lab"
        self._dir = ROOT / ".lab" / name
        if not (self._dir / "kubeconfig").exists():
            sys.exit(f"The lab {name} does not run; make lab brings it up.")

    def kubectl(self, *words: str, ok: bool = True, feed: str | None = None, show: bool = True) -> str:
        argv = [str(self._dir / "bin" / "kubectl"), "--kubeconfig", str(self._dir / "kubeconfig"), "--namespace", SPACE]
        return self._run(["kubectl", *words], [*argv, *words], ok, feed, show)

    def get(self, *words: str) -> dict[str, Any]:
        return json.loads(self.kubectl("get", "--output", "json", *words, show=False))

    def on(self, machine: str, *words: str, ok: bool = True, show: bool = True) -> str:
        """A command on a machine of the lab, by ssh."""
        argv = ["ssh", "-F", str(self._dir / "ssh_config"), machine, shlex.join(words)]
        return self._run([f"[{machine}]", *words], argv, ok, None, show)

    def in_pod(self, pod: str, *words: str, ok: bool = True) -> str:
        return self.kubectl("exec", pod, "--", *words, ok=ok)

    def _run(self, shown: list[str], argv: list[str], ok: bool, feed: str | None, show: bool) -> str:
        done = subprocess.run(argv, input=feed, capture_output=True, text=True, errors="replace", timeout=SECONDS,
                              check=False, **({} if feed is not None else {"stdin": subprocess.DEVNULL}))
        text = (done.stdout + ("" if done.returncode == 0 and ok else done.stderr)).rstrip()
        if show:
            print("  $ " + " ".join(word if word.startswith("[") else shlex.quote(word) for word in shown))
            for line in text.splitlines():
                print(f"    {line}")
        if ok and done.returncode:
            raise Failed(f"{' '.join(shown)}: status {done.returncode}: {done.stderr.strip()[-300:]}")
        return text

    def fairlead_check(self, name: str, text: str) -> str:
        """What bin/fairlead says of a file."""
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, name)
            file.write_text(text, encoding="utf-8")
            done = subprocess.run([ROOT / "bin" / "fairlead", "check", file], capture_output=True, text=True,
                                  check=False, timeout=SECONDS)
        said = done.stdout.replace(f"{directory}/", "").rstrip()
        print(f"  $ fairlead check {name}\n" + "\n".join(f"    {line}" for line in said.splitlines()))
        return said

    def make(self, *objects: dict[str, Any]) -> None:
        """Objects for this walk only."""
        for item in objects:
            item["metadata"].setdefault("labels", {})[LABEL] = "temporary"
        several = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("create", "--filename=-", feed=json.dumps(several))

    def clean(self) -> None:
        self.kubectl("delete", "statefulsets,pods,services,endpointslices", f"--selector={LABEL}=temporary",
                     "--grace-period=1", "--ignore-not-found", show=False)

    def wait(self, what: str, seconds: float, is_so) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise Failed(f"waited {seconds:g} s for {what}")
            time.sleep(1)


class Failed(Exception):
    """A step that did not end as it must."""


def must(is_so: object, otherwise: str) -> None:
    if not is_so:
        raise Failed(otherwise)
