"""The probe as a process between two calls of a module, on this machine's loopback."""
from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import time

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.probe import course, process
from ansible.module_utils.fairlead.probe import load as program


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"pod1")

    def log_message(self, *_words):
        pass


@pytest.fixture
def port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def flows(port):
    to = {"kind": "new", "port": port, "rate": 50.0}
    return process.resolved([{"name": "new", "address": "node", **to}, {"name": "six", "address": "node6", **to},
                             {"name": "opens", "address": "node", "path": "", **to}], ["127.0.0.1"])


def seen(load, count, patience=20.0):
    deadline = time.monotonic() + patience
    while len(load.results()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return load.results()


def test_it_goes_on_between_calls_and_ends_when_told(tmp_path, port):
    load = process.Load("a", str(tmp_path))
    load.start(flows(port), 60)
    assert load.process()
    seen(load, 20)
    again = process.Load("a", str(tmp_path))
    again.stop()
    assert not again.process()
    judged = process.judge(again.results())
    assert judged["failures"] == 0
    assert {each["flow"] for each in again.results()} == {"new", "opens"}  # this node has no IPv6
    assert "0 failed" in process.told("a", judged)


def test_failures_are_counted(tmp_path):
    load = process.Load("b", str(tmp_path))
    load.start(flows(1), 60)  # nobody listens there
    seen(load, 5)
    load.stop()
    judged = process.judge(load.results())
    assert judged["failures"] == judged["failed"] == judged["new"] > 0


def test_a_load_without_bounds_is_refused(tmp_path):
    with pytest.raises(FairleadError, match="rate"):
        process.Load("c", str(tmp_path)).start(process.resolved(
            [{"name": "x", "kind": "new", "address": "node", "port": 1, "rate": 1e6}], ["127.0.0.1"]), 60)
    with pytest.raises(FairleadError, match="has no address"):
        process.resolved([{"name": "x"}], [])


def test_moves_count_or_not():
    results = [{"at": at, "flow": "a", "kind": "affinity", "source": "s", "ok": True, "ms": 1.0, "answer": pod,
                "error": "", "resent": 0, "id": 0} for at, pod in ((1.0, "pod1"), (2.0, "pod2"))]
    assert process.judge(results)["failures"] == 1
    assert process.judge(results, moves=False)["failures"] == 0


def test_the_course():
    def one(at, kind, ok=True, ms=1.0):
        return {"at": at, "kind": kind, "ok": ok, "ms": ms}

    first = course.seconds([one(5.1, "new"), one(5.2, "new", ok=False), one(5.9, "affinity", ms=9.0),
                            one(6.0, "established"), one(6.1, "udp", ok=False), one(6.2, "stall")])
    assert [(each["at"], each["new"], each["failed"], each["kept"], each["unanswered"], each["longest"])
            for each in first] == [(5, 3, 1, 0, 0, 9.0), (6, 0, 0, 1, 1, 0.0)]
    both = course.together([first, course.seconds([one(5.5, "new", ms=20.0), one(7.0, "new")])])
    assert [(each["at"], each["new"], each["longest"]) for each in both] == [(5, 4, 20.0), (6, 0, 0.0), (7, 1, 1.0)]


def test_it_keeps_more_connections_than_a_login_may_open_files(port):
    document = {"seconds": 1, "flows": [{"name": "kept", "kind": "established", "address": "127.0.0.1", "port": port,
                                         "sources": ["127.0.0.1"], "count": 60, "interval": 0.2}]}
    done = subprocess.run(["prlimit", "--nofile=32:4096", sys.executable, program.__file__], text=True, timeout=60,
                          input=json.dumps(document), capture_output=True, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["id"] for each in results if each["ok"]} == set(range(60))
    assert [each["error"] for each in results if not each["ok"]] == []
