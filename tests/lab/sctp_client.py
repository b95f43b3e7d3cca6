"""SCTP associations, from a node of the lab. Standard library; sent over ssh as text.

spread COUNT ADDRESS PORT:         COUNT associations one after the other; prints JSON: pod -> how many it answered
watch SECONDS ADDRESS PORT KEPT:   a new one to PORT every half second and one to KEPT that stays; a JSON line for each
                                   answer
serve SECONDS NAME PORT:           what the kept one needs, since agnhost ends each after one answer: NAME for every
                                   message; prints its process first

Each association has one address on either side. An end that is not bound offers every address of its machine, a pod's
own and, in ipvs mode, a node's cluster addresses among them, and no NAT translates those: a heartbeat past the NAT is
aborted by whoever holds the address. Kubernetes says the same of multihomed associations (Service: supported
protocols).
"""
from __future__ import annotations

import collections
import json
import os
import selectors
import socket
import sys
import threading
import time

SECONDS, PAUSE = 5.0, 0.5
ANYWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # nothing is sent there: documentation's own


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
    ends = threading.Timer(seconds, os._exit, [0])
    ends.daemon = True
    ends.start()
    listening = [listener(family, port) for family in ANYWHERE]
    print(os.getpid(), flush=True)
    with selectors.DefaultSelector() as ready:
        for sock in listening:
            ready.register(sock, selectors.EVENT_READ)
        while True:
            for key, _events in ready.select():
                sock, _peer = key.fileobj.accept()
                threading.Thread(target=_answer, args=(sock, name.encode()), daemon=True).start()


def listener(family: int, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # an earlier association may still be ending
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((own_address(family, ANYWHERE[family]), port))
    sock.listen()
    return sock


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
