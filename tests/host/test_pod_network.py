"""One process asks from two networks at once: its own, and a namespace that stands for a pod's."""
from __future__ import annotations

import http.server
import subprocess
import sys
import threading

import pytest
from ansible.module_utils.fairlead.verify import pod_network, probe

SERVER = """
import http.server, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"inside")
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
print("ready", flush=True)
server.serve_forever()
"""


class Outside(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"outside")

    def log_message(self, *_):
        pass


@pytest.fixture
def two_servers(monkeypatch):
    """The same address and port in both networks, answered by different servers; yields the port."""
    here = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside)
    threading.Thread(target=here.serve_forever, daemon=True).start()
    argv = ["unshare", "--net", "--", sys.executable, "-c", SERVER, str(here.server_port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as inside:
        assert inside.stdout.readline() == "ready\n"
        monkeypatch.setattr(pod_network, "find", lambda uid: inside.pid)
        yield here.server_port
        inside.kill()
    here.shutdown()
    here.server_close()


def test_each_client_asks_from_its_own_network(two_servers):
    tasks = [{"id": str(number), "address": "127.0.0.1", "port": two_servers, "ask": "/", "connections": 5}
             for number in range(8)]
    clients = [{"name": "node1", "tasks": tasks}, {"name": "pod on node1", "pod": "uid", "tasks": tasks},
               {"name": "again", "tasks": tasks}]
    seen = probe.probe_clients(clients, probe.Bounds(threads=4))
    for name, answer in (("node1", "outside"), ("pod on node1", "inside"), ("again", "outside")):
        assert [result["answers"] for result in seen[name]["results"]] == [{answer: 5}] * 8
