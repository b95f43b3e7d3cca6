"""A headless Chromium, driven over its DevTools protocol: what a person sees of a page, and what it complains about."""
from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import websocket

START_SECONDS = 60
ANSWER_SECONDS = 60
# As root it cannot make its own sandbox; the page is a file of ours.
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--remote-debugging-port=0", "--remote-allow-origins=*"]


def program() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One page at a time. events: everything that the browser said since the page was opened."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._number = 0

    def __enter__(self) -> Browser:
        self._profile = tempfile.mkdtemp(prefix="fairlead-page-")
        self._process = subprocess.Popen([program() or "chromium", *OPTIONS, f"--user-data-dir={self._profile}"],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._socket = websocket.create_connection(self._page_address(), timeout=ANSWER_SECONDS)
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _page_address(self) -> str:
        end, file = time.monotonic() + START_SECONDS, Path(self._profile, "DevToolsActivePort")
        while time.monotonic() < end:
            with suppress(OSError, ValueError, StopIteration):
                port = int(file.read_text(encoding="ascii").splitlines()[0])
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                    return next(each["webSocketDebuggerUrl"] for each in json.load(answer) if each["type"] == "page")
            time.sleep(0.2)
        raise AssertionError(f"{program()} did not start within {START_SECONDS} s")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, width: int = 1280, dark: bool = False, media: str = "") -> float:
        """Show this file; seconds until it was loaded."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.events.clear()
        started = time.monotonic()
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not self._happened("Page.loadEventFired"):
            self.events.append(json.loads(self._socket.recv()))
        # Twice round the frames: then it is on the screen, not only parsed.
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
        return time.monotonic() - started

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, file: Path, whole: bool = True) -> None:
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(data))

    def complaints(self) -> list[str]:
        """What a console would show in red or yellow, and whatever was thrown."""
        found = [event["params"]["entry"] for event in self._all("Log.entryAdded")]
        thrown = [str(event["params"]) for event in self._all("Runtime.exceptionThrown")]
        said = [str(event["params"]) for event in self._all("Runtime.consoleAPICalled")]
        return [f"{entry['level']}: {entry['text']}" for entry in found] + thrown + said

    def fetched(self) -> list[str]:
        return [event["params"]["request"]["url"] for event in self._all("Network.requestWillBeSent")]

    def _all(self, method: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("method") == method]

    def _happened(self, method: str) -> bool:
        return bool(self._all(method))
