"""dig runs in the pod's network and sees the pod's resolv.conf, and nothing of that is left on the machine."""
from __future__ import annotations

import os
import subprocess
import time

import pytest
from ansible.module_utils.fairlead.verify import dig

# In the place of dig: answers with what its resolv.conf holds, and the name of a link that only the pod has.
PROGRAM = """#!/bin/sh
echo ';; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1'
echo "name. 5 IN CNAME $(cut -d' ' -f2 </etc/resolv.conf)/$(grep -o only-in-pod /proc/net/dev)"
"""


@pytest.fixture
def pod(tmp_path, monkeypatch):
    """A process with a network and a resolv.conf of its own, and the stand-in for dig."""
    (tmp_path / "dig").write_text(PROGRAM)
    (tmp_path / "dig").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    own = tmp_path / "resolv.conf"
    own.write_text("search demo.svc.cluster.local\n")
    script = ("ip link add only-in-pod type veth && "
              f"mount --bind {own} $(realpath /etc/resolv.conf) && echo ready && exec sleep 600")
    argv = ["unshare", "--net", "--mount", "--", "sh", "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        descriptor = os.open(f"/proc/{process.pid}/ns/net", os.O_RDONLY)
        yield dig.Pod(descriptor, process.pid)
        os.close(descriptor)
        process.kill()


def test_dig_is_in_the_pod(pod):
    with open("/etc/resolv.conf", encoding="utf-8") as file:
        before, mounts = file.read(), os.readlink("/proc/self/ns/mnt")
    question = {"name": "name.", "type": "CNAME", "how": ""}
    results = dig.ask_all([question, question], pod, 2, time.monotonic(), lambda *_: True)
    answers = [result["answers"][0] for result in results]
    assert answers == ["demo.svc.cluster.local/only-in-pod"] * 2
    with open("/etc/resolv.conf", encoding="utf-8") as file:
        assert file.read() == before
    assert os.readlink("/proc/self/ns/mnt") == mounts


def test_what_is_wrong_is_asked_again_until_patience_ends(pod):
    seen = []
    dig.ask_all([{"name": "name.", "type": "CNAME", "how": ""}], pod, 2, time.monotonic() + 3,
                lambda _question, result: seen.append(result) or len(seen) == 2)
    assert len(seen) == 2


def test_a_pod_that_has_ended_is_no_answer(pod):
    results = dig.ask_all([{"name": "name.", "type": "A", "how": ""}], dig.Pod(pod.network, 2 ** 22 + 1), 2,
                          time.monotonic(), lambda *_: True)
    assert "could not ask from the pod" in results[0]["error"]
