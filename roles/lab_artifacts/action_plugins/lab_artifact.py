"""Build something once and keep it by the hash of what it was made from, showing progress while it is made.

An action plugin, because a module's output appears only when it ends and some of these builds take minutes.

Arguments
    name:   what is built; the directory in the cache is NAME-HASH
    cache:  directory of finished builds
    inputs: list of texts that decide the result (versions, other builds' paths)
    files:  list of files and directories that decide the result; hashed by relative path and content
    steps:  list of {say: TEXT, argv: LIST, env: DICT}; run in an empty directory, in order, without a shell.
            What they leave in ./out is the result.
Returns
    path: the finished build's directory
"""
from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

QUIET_SECONDS = 10  # a line of progress at most this often
STEP_LIMIT = 90 * 60  # seconds; the slowest step, compiling Kubernetes, takes 8 minutes on two cores that are idle


def digest(inputs: list[str], files: list[str]) -> str:
    """Twelve hexadecimal digits that change when any input text or any file's name or content does."""
    whole = hashlib.sha256(json.dumps(inputs).encode())
    for name in files:
        top = Path(name)
        for path in [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file()):
            relative = path.name if path == top else str(path.relative_to(top))
            whole.update(f"\0{relative}\0{path.stat().st_mode & 0o111}\0".encode() + path.read_bytes())
    return whole.hexdigest()[:12]


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = self._task.args
        name, cache = args["name"], Path(args["cache"])
        key = f"{name}-{digest(args.get('inputs', []), args.get('files', []))}"
        result.update(path=str(cache / key), changed=False)
        if (cache / key).is_dir():
            return result
        result["changed"] = True
        if self._task.check_mode:
            return result
        try:
            self._build(name, key, cache, args["steps"])
        except OSError as error:
            raise AnsibleActionFail(
                f"{name}: cannot be built in {cache}: {error}. Make room there or set FAIRLEAD_CACHE to another place.",
            ) from error
        return result

    def _build(self, name: str, key: str, cache: Path, steps: list[dict]) -> None:
        (cache / "logs").mkdir(parents=True, exist_ok=True)
        with open(cache / f"{key}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released by the kernel when this process ends, however it ends
            if (cache / key).is_dir():
                return  # somebody else built it while we waited
            work = cache / f"{key}.work"
            shutil.rmtree(work, ignore_errors=True)
            (work / "out").mkdir(parents=True)
            log = cache / "logs" / f"{key}.log"
            started = time.monotonic()
            with open(log, "w", encoding="utf-8") as stream:
                for step in steps:
                    self._step(name, step, work, log, stream)
            os.rename(work / "out", cache / key)
            shutil.rmtree(work)
            _say(name, started, "done")

    def _step(self, name: str, step: dict, work: Path, log: Path, stream) -> None:
        started = time.monotonic()
        argv = [str(word) for word in step["argv"]]
        environment = {**os.environ, **{k: str(v) for k, v in step.get("env", {}).items()}}
        _say(name, started, step["say"])
        stream.write(f"$ {' '.join(argv)}\n")
        stream.flush()
        program = argv[0] if "/" not in argv[0] else str(work / argv[0])  # a path starts where the step runs
        if shutil.which(program, path=environment["PATH"]) is None:
            raise AnsibleActionFail(f"{name}: {argv[0]} is not installed. Run `make setup`.")
        # setpriv: a build whose playbook is killed must not go on behind the next run's back
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *argv], cwd=work, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        try:
            said = started
            while process.poll() is None:
                time.sleep(0.2)
                now = time.monotonic()
                if now - started > STEP_LIMIT:
                    raise AnsibleActionFail(f"{name}: {step['say']} did not end in {STEP_LIMIT} s. Log: {log}")
                if now - said >= QUIET_SECONDS:
                    said = now
                    _say(name, started, f"{step['say']}: {_last_line(log)}")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=30)
        if process.returncode:
            raise AnsibleActionFail(
                f"{name}: {step['say']} ended with status {process.returncode}: {_last_line(log)}. "
                f"Read the log, remove the cause and run the same command again. Log: {log}")


def _last_line(log: Path) -> str:
    with open(log, "rb") as stream:
        stream.seek(max(0, log.stat().st_size - 2000))
        lines = stream.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:90] if lines else ""


def _say(name: str, started: float, text: str) -> None:
    seconds = int(time.monotonic() - started)
    Display().display(f"  {name:<12} {seconds // 60:>2}:{seconds % 60:02}  {text}", color="cyan")
