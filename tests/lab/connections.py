"""New connections to node ports, from a client machine of the lab. Standard library; sent over ssh as text.

spread COUNT URL:          COUNT connections one after the other, each closed before the next one begins
hold COUNT URL:            COUNT connections that are all open at the same time
watch SECONDS RATE URL...: RATE new connections a second to each
Prints JSON: pod -> connections that it answered; for watch, a line for each connection as it ends.
"""
from __future__ import annotations

import asyncio
import collections
import json
import sys
import time
import urllib.parse

SECONDS = 5.0


async def ask(url: str, opened: list) -> str:
    """The answer's body. The connection is left open in `opened`."""
    place = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.wait_for(asyncio.open_connection(place.hostname, place.port), SECONDS)
    opened.append(writer)
    writer.write(f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
    length = next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return (await asyncio.wait_for(reader.readexactly(int(length)), SECONDS)).decode()


async def close(opened: list) -> None:
    for writer in opened:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in opened), return_exceptions=True)


async def spread(count: int, url: str) -> dict[str, int]:
    pods: collections.Counter = collections.Counter()
    for _number in range(count):
        opened: list = []
        pods[await ask(url, opened)] += 1
        await close(opened)
    return pods


async def hold(count: int, url: str) -> dict[str, int]:
    pods: collections.Counter = collections.Counter()
    opened: list = []
    for _number in range(count):  # one after the other, so that a scheduler sees each before the next
        pods[await ask(url, opened)] += 1
    await close(opened)
    return pods


async def watch(seconds: float, rate: float, urls: list[str]) -> None:
    start = time.monotonic()

    async def once(url: str) -> None:
        began, opened, ok = time.monotonic() - start, [], True
        try:
            await ask(url, opened)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            ok = False
        took = time.monotonic() - start - began
        print(json.dumps({"url": url, "at": round(began, 2), "took": round(took, 2), "ok": ok}), flush=True)
        await close(opened)

    asked = []
    for number in range(int(seconds * rate)):
        await asyncio.sleep(max(0.0, number / rate - (time.monotonic() - start)))
        asked += [asyncio.ensure_future(once(url)) for url in urls]
    await asyncio.gather(*asked)


def main() -> None:
    verb, first, *rest = sys.argv[1:]
    if verb == "watch":
        asyncio.run(watch(float(first), float(rest[0]), rest[1:]))
    else:
        print(json.dumps(asyncio.run({"spread": spread, "hold": hold}[verb](int(first), rest[0]))))


main()
