"""New connections to node ports, timed. Standard library; runs on a machine outside the cluster, Python 3.8 or later.

client.py ADDRESS PORT,PORT,... COUNT SECONDS TOGETHER prints JSON:
first:  milliseconds of connect() of COUNT connections, one after the other: the first packet there and its answer back
rate:   connections a second, each with one request and its answer, by TOGETHER at once for SECONDS
failed: connections of both that failed
A connection is closed with a reset, so that no port waits: the same client can ask again at once.
"""
from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time

PATIENCE = 5.0
PAUSE = 0.002  # between the timed ones, so that they do not queue
RESET = struct.pack("ii", 1, 0)


def connect(address: str, port: int) -> tuple[socket.socket, float]:
    began = time.perf_counter()
    made = socket.create_connection((address, port), PATIENCE)
    took = time.perf_counter() - began
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return made, took


def first(address: str, ports: list[int], count: int) -> tuple[list[float], int]:
    took, failed = [], 0
    for number in range(count):
        try:
            made, seconds = connect(address, ports[number % len(ports)])
            made.close()
            took.append(seconds * 1000)
        except OSError:
            failed += 1
        time.sleep(PAUSE)
    return took, failed


def ask(address: str, ports: list[int], until: float, counts: list[int]) -> None:
    """counts: [answered, failed]"""
    number = 0
    while time.monotonic() < until:
        number += 1
        try:
            made, _seconds = connect(address, ports[number % len(ports)])
            with made:
                made.sendall(b"GET /hostname HTTP/1.1\r\nHost: bench\r\n\r\n")
                counts[0 if made.recv(2048) else 1] += 1
        except OSError:
            counts[1] += 1


def rate(address: str, ports: list[int], seconds: float, together: int) -> tuple[float, int]:
    began = time.monotonic()
    counts = [[0, 0] for _number in range(together)]
    threads = [threading.Thread(target=ask, args=(address, ports[number:] + ports[:number], began + seconds, own))
               for number, own in enumerate(counts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(own[0] for own in counts) / (time.monotonic() - began), sum(own[1] for own in counts)


def main() -> None:
    address, ports, count, seconds, together = sys.argv[1:6]
    numbers = [int(port) for port in ports.split(",")]
    first(address, numbers, len(numbers))  # addresses are resolved, the pods' servers are awake
    took, failed = first(address, numbers, int(count))
    each, more = rate(address, numbers, float(seconds), int(together))
    print(json.dumps({"first": [round(one, 3) for one in took], "rate": round(each, 1), "failed": failed + more}))


main()
