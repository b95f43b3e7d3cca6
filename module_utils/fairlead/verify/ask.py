"""One question to a Service over a connection of its own, every wait bounded. Standard library only."""
from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import time
from contextlib import contextmanager, suppress

from ansible.module_utils.fairlead.verify.words import plain

MOST_BYTES = 65536  # of one answer

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]{1,9})[ \t]*\r?$")

# The client itself could not try: this says nothing about the Service.
OWN_FAULTS = (errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.EPERM,
              errno.EACCES, errno.ENOBUFS, errno.ENOMEM, errno.EINVAL)  # EINVAL: a blackhole route


class NoAnswer(Exception):
    """A connection that did not end in an answer; `own` when it is the client's fault."""

    def __init__(self, text: str, own: bool = False) -> None:
        super().__init__(text)
        self.own = own


def ask(protocol: str, address: str, port: int, what: str, timeout: float) -> str:
    """The answer, the whole within `timeout` seconds. what: a path for TCP, the datagram's text for UDP."""
    return (http if protocol == "TCP" else datagram)(address, port, what, timeout)


def http(address: str, port: int, path: str, timeout: float) -> str:
    """The body that a GET brings over a new TCP connection."""
    end = time.monotonic() + timeout
    host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    with failures(timeout) as doing, socket.create_connection((address, port), timeout=timeout) as connection:
        doing.append("send")
        # HTTP/1.0: the server closes after the answer and does not send it in chunks
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode("ascii"))
        doing.append("receive")
        answer = b""
        while not _complete(answer):
            left = end - time.monotonic()
            if left <= 0:
                raise socket.timeout
            connection.settimeout(left)
            part = connection.recv(MOST_BYTES)
            if not part:
                break
            answer += part
    return _body(answer)


def datagram(address: str, port: int, text: str, timeout: float) -> str:
    """What comes back for one datagram from a new source port. A lost one is sent once more half-way: UDP may lose."""
    with failures(timeout) as doing, \
            socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.connect((address, port))  # so that an ICMP refusal reaches us
        connection.settimeout(timeout / 2)
        doing.append("send")
        for last in (False, True):
            connection.send(text.encode())
            doing.append("receive")
            try:
                return plain(connection.recv(MOST_BYTES).decode("utf-8", "replace").strip())
            except socket.timeout:
                if last:
                    raise
    raise AssertionError("unreachable")


@contextmanager
def failures(timeout: float):
    """Turns whatever the kernel reports into NoAnswer, worded after the step that was last appended."""
    doing = ["connect"]
    try:
        yield doing
    except socket.timeout as error:
        raise NoAnswer(f"{doing[-1]}: ETIMEDOUT no answer within {timeout:g} s") from error
    except OSError as error:
        word = errno.errorcode.get(error.errno or 0, "error")
        said = os.strerror(error.errno) if error.errno else str(error)
        raise NoAnswer(f"{doing[-1]}: {word} {said}", own=error.errno in OWN_FAULTS) from error


def source_of(answer: str) -> str:
    """The address in "192.0.2.1:4711" or "[2001:db8::1]:4711", as agnhost answers to clientip; without a port, too."""
    for found in (answer, answer.rpartition(":")[0].strip("[]")):
        with suppress(ValueError):
            return str(ipaddress.ip_address(found))
    return ""


def _complete(answer: bytes) -> bool:
    """Enough was read: all that the answer says it has, or more than we take. Otherwise it ends with the connection."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return len(answer) >= MOST_BYTES or bool(separator and length and len(body) >= int(length[1]))


def _body(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/"):
        raise NoAnswer("receive: the connection was closed without an HTTP answer")
    if words[1] != b"200":
        raise NoAnswer(f"receive: HTTP status {plain(words[1].decode('latin-1'))} instead of 200")
    return plain(body.decode("utf-8", "replace").strip())
