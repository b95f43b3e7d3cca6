"""The pods' servers, all in one process: HTTP and UDP on port 8080 of every pod, each in its own namespace.

Answers as agnhost's netexec does: GET /hostname and the UDP text "hostname" give the pod's name, /clientip and
"clientip" the address of the client as the pod sees it. Started as: backends.py PREFIX POD...
"""
from __future__ import annotations

import selectors
import socket
import sys

import namespaces

PORT = 8080


class Server:
    """One event loop over the listening sockets of all pods and their connections."""

    def __init__(self) -> None:
        self._poll = selectors.DefaultSelector()

    def listen(self, pod: str) -> None:
        for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            tcp, udp = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
            for each in (tcp, udp):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                each.bind((any_address, PORT))
                each.setblocking(False)
            tcp.listen(4096)
            self._poll.register(tcp, selectors.EVENT_READ, (self._accept, pod))
            self._poll.register(udp, selectors.EVENT_READ, (self._datagram, pod))

    def run(self) -> None:
        while True:
            for key, _events in self._poll.select():
                handler, pod = key.data
                handler(key.fileobj, pod)

    def _accept(self, listener: socket.socket, pod: str) -> None:
        for _ in range(64):
            try:
                connection, peer = listener.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            self._poll.register(connection, selectors.EVENT_READ, (self._request, (pod, peer[0])))

    def _request(self, connection: socket.socket, about: tuple[str, str]) -> None:
        try:
            text = connection.recv(4096)
            if text:
                answer = (about[1] if b"/clientip" in text else about[0]).encode()
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
                return
        except (BlockingIOError, ConnectionError):
            pass
        self._poll.unregister(connection)
        connection.close()

    def _datagram(self, server: socket.socket, pod: str) -> None:
        text, peer = server.recvfrom(2048)
        server.sendto((peer[0] if text.startswith(b"clientip") else pod).encode(), peer)


def main() -> None:
    process, pods = int(sys.argv[1]), sys.argv[2:]
    server = Server()
    for pod in pods:
        with namespaces.inside(pod, process):
            server.listen(pod)
    print("ready", flush=True)
    server.run()


if __name__ == "__main__":
    main()
