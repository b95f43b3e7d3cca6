"""Requests from a namespace of the bench, and their answers in words that can be compared."""
from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import namespaces

SECONDS = 0.7  # a bench answers within milliseconds; longer than this is silence
TOGETHER = 32


def answers(short: str, targets: Iterable[tuple[str, str, int]], times: int) -> dict[tuple[str, str, int], set[str]]:
    """What each target (protocol, address, port) answers when it is asked so many times from this namespace.

    One that is silent is asked twice, since silence takes long.
    """
    targets = list(targets)
    with namespaces.inside(short), ThreadPoolExecutor(TOGETHER) as pool:  # threads are born into the namespace
        found = {target: {said} for target, said in zip(targets, pool.map(_ask, targets))}
        again = [target for target in targets for _ in range(1 if found[target] == {"silence"} else times - 1)]
        for target, said in zip(again, pool.map(_ask, again)):
            found[target].add(said)
    return found


def _ask(target: tuple[str, str, int]) -> str:
    """"POD sees CLIENT", "refused" or "silence"."""
    protocol, address, port = target
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as connection:
            connection.settimeout(SECONDS)
            connection.connect((address, port))
            return f"{_say(connection, protocol, 'hostname')} sees {_say(connection, protocol, 'clientip')}"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silence"
    except OSError as error:
        return str(error.strerror)


def _say(connection: socket.socket, protocol: str, word: str) -> str:
    if protocol == "UDP":
        connection.send(word.encode())
        return connection.recv(2048).decode()
    connection.sendall(f"GET /{word} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection.recv(2048).decode().rpartition("\r\n")[2]
