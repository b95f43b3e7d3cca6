"""What tests on the lab share: its machines over ssh, its API server, playbooks and the tasks that they changed."""
from __future__ import annotations

import collections
import json
import os
import shlex
import subprocess
import time
from pathlib import Path

import ansible.module_utils
import pytest
import testinfra
import yaml

ROOT = Path(__file__).resolve().parents[1]
ansible.module_utils.__path__.append(str(ROOT / "module_utils"))
from ansible.module_utils.fairlead.lab import process  # noqa: E402
from ansible.module_utils.fairlead.lab.record import RUN  # noqa: E402

INVENTORY = ROOT / "inventories" / "lab"
PLAYBOOK_SECONDS = 900  # a first run on emulated nodes takes about 150


class Lab:
    """The lab of that name, or the one that FAIRLEAD_LAB names; it has to run."""

    def __init__(self, inventory: Path = INVENTORY, name: str = "") -> None:
        self.inventory = inventory
        self.name = name or os.environ.get("FAIRLEAD_LAB") or "lab"
        self.dir = ROOT / ".lab" / self.name
        self.state = json.loads((self.dir / "lab.json").read_text(encoding="utf-8"))
        groups = yaml.safe_load((inventory / "hosts.yml").read_text(encoding="utf-8"))["all"]["children"]
        self.nodes = {name: spec["kube_proxy_mode"] for name, spec in groups["nodes"]["hosts"].items()}
        self.clients = list(groups["clients"]["hosts"])
        self._hosts = {name: spec["lab_host"] for name, spec in groups["nodes"]["hosts"].items()}

    @property
    def daemonset(self) -> bool:
        return self.state["inputs"]["kube_proxy"] == "daemonset"

    @property
    def control_address(self) -> str:
        """Where the API server listens."""
        return f"198.18.{self.state['index']}.1"

    def address(self, node: str, family: int = 4) -> str:
        """A node's address as it stands in a URL."""
        network = (f"198.18.{self.state['index']}." if family == 4 else f"fd98:{self.state['index']}::")
        plain = f"{network}{self._hosts[node]}"
        return plain if family == 4 else f"[{plain}]"

    def node_of(self, mac: str) -> str:
        """The node whose network card this is; bytes may be written without leading zeros."""
        written = {f"52:54:00:00:00:{host}": node for node, host in self._hosts.items()}
        return written[":".join(f"{int(part, 16):02x}" for part in mac.split(":"))]

    def machine(self, name: str) -> testinfra.host.Host:
        """A node or client machine over ssh."""
        # One login for many commands: testinfra shares a connection only when it is told where.
        return testinfra.get_host(f"ssh://{name}", ssh_config=str(self.dir / "ssh_config"),
                                  controlpath=str(RUN / self.name / f"test-{name}"))

    def kubectl(self, *words: str) -> str:
        """What kubectl prints; it has to succeed."""
        argv = [str(self.dir / "bin" / "kubectl"), "--kubeconfig", str(self.dir / "kubeconfig"), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120).stdout

    def get(self, *words: str) -> dict:
        """An object of the API server, or a list of them."""
        return json.loads(self.kubectl("get", "--output", "json", *words))

    def playbook(self, name: str, *words: str) -> PlaybookRun:
        """Run a playbook of the project on the lab. Its output goes where the test's output goes."""
        log = self.dir / "logs" / "last-playbook-tasks.jsonl"
        log.unlink(missing_ok=True)
        environment = {
            **os.environ, "FAIRLEAD_TASK_LOG": str(log), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_log"}
        argv = ["ansible-playbook", "-i", str(self.inventory), str(ROOT / name), *words]
        done = subprocess.run(argv, cwd=ROOT, env=environment, check=False, timeout=PLAYBOOK_SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout)
        records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
        return PlaybookRun(done.returncode, done.stdout, records)

    def python(self, name: str, script: Path, *words: str, network_of: str = "") -> subprocess.Popen[str]:
        """A script of ours running on a machine; its output is text on stdout. network_of: a process there in whose
        network namespace it runs."""
        enter = ["nsenter", f"--net=/proc/{network_of}/ns/net"] if network_of else []
        argv = ["ssh", "-F", str(self.dir / "ssh_config"), name, *enter, "python3", "-", *map(shlex.quote, words)]
        with open(script, encoding="utf-8") as text:
            return subprocess.Popen(argv, stdin=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def pods_answering(self, client: str, node: str, port: int, times: int, family: int = 4) -> collections.Counter:
        """How often each pod answered that many new connections from a client machine to one node's port."""
        return self.pods_answering_at(client, self.address(node, family), port, times)

    def pods_answering_at(self, client: str, address: str, port: int, times: int) -> collections.Counter:
        """The same at any address, written as in a URL."""
        escaped = address.replace("[", "\\[").replace("]", "\\]")  # curl's own ranges use brackets
        url = f"http://{escaped}:{port}/hostname?[1-{times}]"
        # Connection: close makes curl open a new connection for every request.
        result = self.machine(client).run(f"curl -sS --max-time 5 -H 'Connection: close' -w '\\n' '{url}'")
        answers = collections.Counter(result.stdout.split())
        if result.rc or sum(answers.values()) != times:
            answers["(failed)"] += times - sum(answers.values())
            print(f"{client} -> {url}: status {result.rc}: {result.stderr.strip()}")
        return answers

    def power_off(self, node: str) -> None:
        """Cut the power: end the virtual machine that this lab recorded."""
        process.stop(RUN / self.name / "processes" / f"{node}.json", patience=2.0)

    def power_on(self) -> None:
        """Start what is off and wait until every node is Ready."""
        inputs = self.state["inputs"]  # whatever this process's environment asks of a new lab
        assert self.playbook("playbooks/lab_up.yml", "--extra-vars", f"lab_kube_proxy={inputs['kube_proxy']}").ok

    def pods(self, selector: str = "app=myapp") -> set[str]:
        """Names of the ready pods of the walk-through's web server."""
        items = self.get("pods", "--all-namespaces", "--selector", selector)["items"]
        return {pod["metadata"]["name"] for pod in items
                if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])}


class PlaybookRun:
    """How a playbook ended and which tasks changed something."""

    def __init__(self, status: int, output: str, records: list[dict]) -> None:
        self.status, self.output = status, output
        self.changed = {(record["host"], record["task"]) for record in records if record["changed"]}
        self.diffs = {(record["host"], record["task"]): record["diff"] for record in records if record["changed"]}

    @property
    def ok(self) -> bool:
        return self.status == 0


def wait_until(what: str, seconds: float, is_so, pause: float = 1.0) -> None:
    """Wait for a condition; says what it waited for when the deadline passes."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(pause)


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()

