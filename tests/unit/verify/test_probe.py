"""The probe against real servers on loopback."""
from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import pytest
from ansible.module_utils.fairlead.verify import probe as verify_probe
from ansible.module_utils.fairlead.verify.ask import NoAnswer, ask, source_of
from ansible.module_utils.fairlead.verify.probe import Bounds, Task, probe, probe_all, probe_clients


def http(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.0 {status}\r\nContent-Type: text/plain\r\n\r\n{body}".encode()


@contextmanager
def server(*answers, family=socket.AF_INET, host="127.0.0.1", hold=0.0):
    """Answers connections in turn; None closes without a word. `hold`: seconds that it keeps each one open."""
    listener = socket.create_server((host, 0), family=family, backlog=64)
    served, stop = [], threading.Event()

    def serve():
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            answer = answers[len(served) % len(answers)]
            with connection:
                served.append(connection.recv(4096))
                if answer:
                    connection.sendall(answer)
                stop.wait(hold)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], served
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def run(port, connections, until=(), *, address="127.0.0.1", end=30.0):
    return probe(Task("x", address, port, "/hostname", connections, until=list(until)), Bounds(2.0),
                 time.monotonic() + end)


def test_counts_answers_over_fresh_connections():
    with server(http("pod-a\n"), http("pod-b")) as (port, served):
        result = run(port, 6)
    assert result["answers"] == {"pod-a": 3, "pod-b": 3}
    assert (result["connections"], result["failures"], result["error"]) == (6, 0, "")
    assert len(served) == 6
    assert served[0].startswith(b"GET /hostname HTTP/1.0\r\nHost: 127.0.0.1:")
    assert 0 < result["latency_ms"]["min"] <= result["latency_ms"]["median"] <= result["latency_ms"]["max"]


def test_stops_when_every_pod_was_seen():
    with server(http("a"), http("a"), http("b")) as (port, _):
        assert run(port, 60, ["a", "b"])["answers"] == {"a": 2, "b": 1}


def test_ipv6():
    with server(http("six"), family=socket.AF_INET6, host="::1") as (port, served):
        assert run(port, 1, address="::1")["answers"] == {"six": 1}
    assert f"Host: [::1]:{port}".encode() in served[0]


def test_refused_is_given_up_after_the_second():
    result = run(free_port(), 60)
    assert (result["connections"], result["failures"], result["own_faults"]) == (2, 2, 0)
    assert result["error"] == "connect: ECONNREFUSED Connection refused"
    assert result["latency_ms"] == {}


def test_one_failure_among_answers_is_kept():
    with server(http("a"), None, http("a"), http("a")) as (port, _):
        result = run(port, 4)
    assert (result["answers"], result["failures"]) == ({"a": 3}, 1)
    assert result["error"] == "receive: the connection was closed without an HTTP answer"


def test_a_silent_server_meets_the_deadline():
    started = time.monotonic()
    with server(None, hold=3) as (port, _), pytest.raises(NoAnswer, match="receive: ETIMEDOUT no answer"):
        ask("TCP", "127.0.0.1", port, "/", 0.3)
    assert time.monotonic() - started < 2


def test_a_server_that_does_not_close_is_believed_its_length():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\npod-a"
    with server(answer, hold=3) as (port, _):
        assert ask("TCP", "127.0.0.1", port, "/", 1.0) == "pod-a"


def test_another_status_is_a_failure():
    with server(http("sorry", "503 Service Unavailable")) as (port, _), \
            pytest.raises(NoAnswer, match="HTTP status 503 instead of 200"):
        ask("TCP", "127.0.0.1", port, "/", 1.0)


def test_an_answer_is_made_plain_and_short():
    with server(http("\x1b[31mred" + "x" * 5000)) as (port, _):
        answer = ask("TCP", "127.0.0.1", port, "/", 1.0)
    assert answer.startswith("\\x1b[31mred")
    assert len(answer) == 253


def test_what_the_client_cannot_even_try_is_its_own_fault():
    result = run(80, 12, address="255.255.255.255")  # Linux refuses TCP to the broadcast address by itself
    assert (result["failures"], result["own_faults"]) == (2, 2)
    assert result["error"] == "connect: ENETUNREACH Network is unreachable"


def test_the_budget_ends_it():
    with server(http("a")) as (port, _):
        result = run(port, 60, end=-1)
    assert result["unfinished"]
    assert result["connections"] == 0


def test_cells_run_side_by_side():
    with server(http("a"), hold=0.01) as (port, served):
        tasks = [Task(str(number), "127.0.0.1", port, "/", 3) for number in range(5)]
        results = probe_all(tasks, Bounds(2, 4, 20))
    assert [result["id"] for result in results] == ["0", "1", "2", "3", "4"]
    assert len(served) == 15


def promise(*pods, share="all"):
    return {"outcome": "answer", "pods": list(pods), "share": share, "why": "", "source": []}


def asked_again(answers, expect, patience, connections=4):
    """The result of one cell that a server answers in turn."""
    with server(*answers) as (port, _):
        task = Task("x", "127.0.0.1", port, "/", connections, until=expect["pods"], expect=expect)
        return probe_all([task], Bounds(2, 1, 20, patience))[0]


def test_what_arrives_late_is_asked_again_as_a_whole(monkeypatch):
    monkeypatch.setattr(verify_probe, "PAUSE", 0.05)
    result = asked_again([http("a")] * 4 + [http("b"), http("a")], promise("a", "b"), patience=10)
    assert (result["answers"], result["round"]) == ({"a": 1, "b": 1}, 2)
    assert 0 < result["after"] < 10


class Clock:
    """Time as the probe sees it; a busy machine does not change what the test shows."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 0.01
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def test_what_never_comes_is_given_up_when_patience_ends(monkeypatch):
    monkeypatch.setattr(verify_probe, "time", Clock())
    result = asked_again([http("a")], promise("a", "b"), patience=10)
    assert result["answers"] == {"a": 4}
    assert result["round"] == 5  # 2 s between rounds, and the sixth would begin too late
    assert 8 < result["after"] < 10


@pytest.mark.parametrize("expect, patience", [(promise("a"), 10), (promise("a", "b"), 0)], ids=["holds", "no patience"])
def test_is_asked_once(expect, patience):
    result = asked_again([http("a")], expect, patience)
    assert (result["round"], result["after"]) == (1, 0.0)


@contextmanager
def udp_server(*answers, family=socket.AF_INET, host="127.0.0.1"):
    """Answers datagrams in turn; None loses one."""
    served = []
    with socket.socket(family, socket.SOCK_DGRAM) as listener:
        listener.bind((host, 0))
        listener.settimeout(10)

        def serve():
            while True:
                try:
                    text, sender = listener.recvfrom(4096)
                except OSError:
                    return
                answer = answers[len(served) % len(answers)]
                served.append((text, sender))
                if text == b"end":
                    return
                if answer:
                    listener.sendto(answer.encode(), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], served
        finally:
            with socket.socket(family, socket.SOCK_DGRAM) as last:
                last.sendto(b"end", listener.getsockname())
            thread.join(5)


def udp(port, connections, timeout=2.0, address="127.0.0.1", **bounds):
    task = Task("u", address, port, "hostname", connections, "UDP")
    return probe(task, Bounds(timeout, **bounds), time.monotonic() + 30)


def test_udp_asks_from_a_new_port_each_time():
    with udp_server("pod-a", "pod-b") as (port, served):
        result = udp(port, 4)
    assert result["answers"] == {"pod-a": 2, "pod-b": 2}
    assert result["course"] == [["pod-a", 1], ["pod-b", 1]] * 2
    assert {text for text, _ in served[:4]} == {b"hostname"}
    assert len({sender for _, sender in served[:4]}) == 4


def test_udp_over_ipv6():
    with udp_server("six", family=socket.AF_INET6, host="::1") as (port, _):
        assert udp(port, 1, address="::1")["answers"] == {"six": 1}


def test_a_lost_datagram_is_sent_again():
    with udp_server(None, "pod-a") as (port, _):
        result = udp(port, 1, timeout=1.0)
    assert (result["answers"], result["failures"]) == ({"pod-a": 1}, 0)


def test_udp_refused_and_silent():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        silent = udp(mute.getsockname()[1], 1, timeout=0.2)
    assert silent["error"] == "receive: ETIMEDOUT no answer within 0.2 s"
    refused = udp(mute_port(), 5)
    assert (refused["failures"], refused["own_faults"]) == (2, 0)
    assert "ECONNREFUSED" in refused["error"]


def mute_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def test_the_source_is_asked_once():
    with server(http("a"), http("a"), http("192.0.2.1:4711")) as (port, served):
        task = Task("x", "127.0.0.1", port, "/hostname", 2)
        result = probe(task, Bounds(sources={"TCP": "/clientip"}), time.monotonic() + 30)
    assert (result["source"], result["connections"]) == ("192.0.2.1", 2)
    assert served[2].startswith(b"GET /clientip ")


@pytest.mark.parametrize(("answer", "source"), [
    ("192.0.2.1:4711", "192.0.2.1"), ("[2001:db8::1]:4711", "2001:db8::1"), ("", ""), ("hello", ""),
    ("2001:db8::1", "2001:db8::1"), ("192.0.2.1", "192.0.2.1"), ("12:30:59", "")])
def test_source_of(answer, source):
    assert source_of(answer) == source


def test_counts_of_latency():
    assert verify_probe.latency([0.0004, 0.0015, 0.0016, 0.009]) == {
        "min": 0.4, "median": 1.55, "max": 9.0, "counts": [1, 2, 0, 0, 1]}


def test_a_pod_that_does_not_appear_is_told_and_the_others_are_asked():
    with server(http("a")) as (port, _):
        task = {"id": "x", "address": "127.0.0.1", "port": port, "ask": "/", "connections": 1}
        seen = probe_clients([{"name": "node1", "tasks": [task]},
                              {"name": "pod on node1", "pod": "5f6ee9c5-no-such", "tasks": [task]}],
                             Bounds(pod_wait=0.1))
    assert seen["node1"]["results"][0]["answers"] == {"a": 1}
    assert seen["pod on node1"] == {"msg": "the probe pod did not appear on the node within 0.1 s"}
