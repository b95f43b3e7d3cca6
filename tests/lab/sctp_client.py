"""SCTP associations, from a node of the lab. Standard library; sent over ssh as text.

spread COUNT ADDRESS PORT:         COUNT associations one after the other; prints JSON: pod -> how many it answered
watch SECONDS ADDRESS PORT KEPT:   a new one to PORT every half second and one to KEPT that stays; a JSON line for each
                                   answer
serve SECONDS NAME PORT:           what the kept one needs, since agnhost ends each after one answer: NAME for every
                                   message; prints its process first

Each association has one address on either side. One that is not bound offers every address of the node, its Services'
cluster addresses in ipvs mode among them, and no NAT translates those: a heartbeat to one of them is aborted by whoever
holds it. Kubernetes says the same of multihomed associations (Service: supported protocols).
"""
from __future__ import annotations

import collections
import json
import os
import socket
import sys
import threading
import time

SECONDS, PAUSE = 5.0, 0.5


def opened(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    sock.settimeout(SECONDS)
    if family == socket.AF_INET6:  # or the server would answer with its IPv4 address too
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((own_address(family, address), 0))
    sock.connect((address, port))
    return sock


def own_address(family: int, address: str) -> str:
    """The address from which this machine reaches that one."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((address, 9))
        return sock.getsockname()[0]


def ask(sock: socket.socket) -> str:
    """The name of the pod."""
    sock.sendall(b"hostname")
    return sock.recv(2048).decode().strip()


def spread(count: int, address: str, port: int) -> None:
    pods: collections.Counter = collections.Counter()
    for _number in range(count):
        with opened(address, port) as sock:
            pods[ask(sock)] += 1
    print(json.dumps(pods))


def watch(seconds: float, address: str, port: int, kept_port: int) -> None:
    end = time.monotonic() + seconds
    with opened(address, kept_port) as kept:
        while time.monotonic() < end:
            for kind in ("kept", "new"):
                line = {"kind": kind, "ok": True}
                try:
                    if kind == "kept":
                        line["pod"] = ask(kept)
                    else:
                        with opened(address, port) as sock:
                            line["pod"] = ask(sock)
                except OSError as error:
                    line.update(ok=False, error=str(error))
                print(json.dumps(line), flush=True)
            time.sleep(PAUSE)


def serve(seconds: float, name: str, port: int) -> None:
    threading.Timer(seconds, os._exit, [0]).start()
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as listening:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(("::", port))
        listening.listen()
        print(os.getpid(), flush=True)
        while True:
            sock, _peer = listening.accept()
            threading.Thread(target=_answer, args=(sock, name.encode()), daemon=True).start()


def _answer(sock: socket.socket, name: bytes) -> None:
    with sock:
        while sock.recv(2048):
            sock.sendall(name)


def main() -> None:
    verb, first, place, *ports = sys.argv[1:]
    if verb == "watch":
        watch(float(first), place, *map(int, ports))
    elif verb == "serve":
        serve(float(first), place, int(ports[0]))
    else:
        spread(int(first), place, int(ports[0]))


main()
