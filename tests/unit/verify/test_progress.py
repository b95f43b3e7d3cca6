"""How far a proof is: what the machine writes down, and what a person reads on the control node."""
from __future__ import annotations

import json
import os
import runpy
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils.fairlead.verify import progress as progress_module
from ansible.module_utils.fairlead.verify.progress import Progress

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = ROOT / "roles/service_verify/action_plugins/service_probe_info.py"
parse = runpy.run_path(str(PLUGIN))["parse"]


def test_counts_are_written_as_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(progress_module, "EVERY", 0)
    path, before = tmp_path / "course", os.umask(0o077)
    try:
        with Progress(str(path), 12000) as course:
            assert parse(path.read_text()) == (0, 12000, 0)
            assert stat.S_IMODE(path.stat().st_mode) == 0o644
            for number in range(1, 12):
                course.one()
                assert parse(path.read_text()) == (number, 12000, 0)
            course.again(3)
            assert parse(path.read_text()) == (11, 12000, 3)
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == []


def test_writing_is_bounded_however_fast_cells_are_asked(tmp_path, monkeypatch):
    writes = []
    monkeypatch.setattr(progress_module.os, "pwrite", lambda file, data, at: writes.append(data))
    with Progress(str(tmp_path / "course"), 10000) as course:
        for _ in range(10000):
            course.one()
    assert len(writes) <= 3


def test_nothing_of_somebody_elses_is_written_to(tmp_path):
    (tmp_path / "victim").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    for name in ("victim", "link"):
        with pytest.raises(FileExistsError), Progress(str(tmp_path / name), 1):
            pass
    assert (tmp_path / "victim").read_text() == "x"


@pytest.mark.parametrize("text", ["", "1 2", "1 2 x", "1 2 3 4", "\x1b[2J 1 2", "-1 2 3"])
def test_anything_else_in_the_file_is_passed_over(text):
    assert parse(text) is None


SERVER = """
import http.server, threading, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.05)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"pod-a")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def port():
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as running:
        try:
            yield int(running.stdout.readline())
        finally:
            running.terminate()


def play(tmp_path, cells, port, first="1.0", **differs):
    """The role's own task through Ansible, with a first look after a second; (its output, what it returned)."""
    plugins = tmp_path / "action_plugins"
    plugins.mkdir()
    text = PLUGIN.read_text(encoding="utf-8")
    assert "FIRST = 10.0" in text
    (plugins / "service_probe_info.py").write_text(text.replace("FIRST = 10.0", f"FIRST = {first}"))
    tasks = [{"id": str(number), "address": "127.0.0.1", "port": port, "connections": 1} | differs
             for number in range(cells)]
    task = {"name": "Ask", "register": "seen", "service_probe_info": {
        "clients": [{"name": "here", "tasks": tasks}], "threads": 1, "budget": 120, "patience": 8, "sources": {}}}
    keep = {"ansible.builtin.copy": {"content": "{{ seen | to_json }}", "dest": str(tmp_path / "seen.json"),
                                     "mode": "0600"}}
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task, keep]}]))
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"client1": variables}}}))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(tmp_path / "hosts.json"),
         str(tmp_path / "play.json")], cwd=tmp_path, check=False, timeout=600, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
             "ANSIBLE_LIBRARY": str(ROOT / "library"), "ANSIBLE_MODULE_UTILS": str(ROOT / "module_utils")})
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if "ok=" not in line]
    return lines, json.loads((tmp_path / "seen.json").read_text())


def test_lines_come_while_the_module_runs(tmp_path, port):
    left = set(Path("/tmp").glob("fairlead-proof-*"))
    lines, seen = play(tmp_path, 200, port)
    said = [line for line in lines if line.startswith("client1 ")]
    assert said[0] == "client1 asks 200 cells, with 200 connections at most and within 120 s"
    courses = [line.split()[3:] for line in said[1:-1]]
    assert 3 <= len(courses) <= 6, said
    counts = [int(words[0]) for words in courses]
    assert counts == sorted(counts), "each line is further than the one before"
    assert 0 < counts[-1] < 200
    assert said[-1].startswith("client1 has asked everything, in ")
    assert not any("\r" in line for line in lines)
    assert len(seen["clients"]["here"]["results"]) == 200
    assert set(Path("/tmp").glob("fairlead-proof-*")) == left


def test_what_is_asked_again_is_said(tmp_path, port):
    expect = {"outcome": "answer", "pods": ["pod-b"], "share": "any", "why": "", "source": []}
    lines, _ = play(tmp_path, 2, port, expect=expect)
    assert any("has asked 2 of 2, and asks 2 cells again that are not as promised yet, after " in line
               for line in lines), lines


def test_a_quick_one_has_no_line_between(tmp_path, port):
    lines, _ = play(tmp_path, 2, port, first="10.0")
    assert len([line for line in lines if line.startswith("client1 ")]) == 2
