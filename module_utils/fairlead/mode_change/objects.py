"""The API server, asked from the node: Services and EndpointSlices as they change, and the Node itself."""
from __future__ import annotations

import http.client
import json
import queue
import threading
import time
from typing import Any
from urllib.parse import urlencode

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.mode_change.kubeconfig import Access

SERVICES, SLICES = "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"
REQUEST_SECONDS = 20.0
MERGE = "application/merge-patch+json"
WATCH_SECONDS = 240  # then the API server ends the answer and the watch is renewed
PAUSE_SECONDS = 1.0
Object = dict[str, Any]


class Expired(Exception):
    """The API server no longer knows where the watch left off: list again."""


def get(access: Access, path: str, **query: str) -> Object:
    """One object or list; FairleadError when the API server refuses or cannot be reached."""
    return _ask(access, "GET", _with(path, query))


def patch(access: Access, path: str, change: Object, **query: str) -> Object:
    """The object after a merge patch, in which None removes; errors as in get()."""
    return _ask(access, "PATCH", _with(path, query), json.dumps(change))


def _ask(access: Access, method: str, path: str, body: str | None = None) -> Object:
    connection = _connection(access, REQUEST_SECONDS)
    headers = {**access.headers(), **({"Content-Type": MERGE} if body else {})}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FairleadError(f"https://{access.host}:{access.port}", f"the API server gives no answer: {error}",
                            "look at the network between this node and the API server") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise FairleadError(path, f"the API server refuses: {found.get('message', answer.status)}",
                            f"let {access.whose} {method.lower()} this")
    return found


class Watch(threading.Thread):
    """Follows one collection. `events` gets (path, kind, object) with kind ADDED, MODIFIED or DELETED, and
    (path, "LISTED", list of objects) when it had to begin anew. A lost API server is asked again until stop()."""

    def __init__(self, access: Access, path: str, version: str, events: queue.Queue[tuple[str, str, Any]]) -> None:
        super().__init__(daemon=True, name=f"watch {path}")
        self._access, self._path, self._version, self._events = access, path, version, events
        self._ended = threading.Event()

    def stop(self) -> None:
        self._ended.set()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._follow()
            except Expired:
                self._list_again()
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(PAUSE_SECONDS)

    def _follow(self) -> None:
        connection = _connection(self._access, WATCH_SECONDS + REQUEST_SECONDS)
        query = {"watch": "1", "resourceVersion": self._version, "allowWatchBookmarks": "true",
                 "timeoutSeconds": str(WATCH_SECONDS)}
        try:
            connection.request("GET", _with(self._path, query), headers=self._access.headers())
            answer = connection.getresponse()
            if answer.status != 200:
                raise Expired if answer.status == 410 else OSError(f"HTTP status {answer.status}")
            for line in answer:
                if self._ended.is_set():
                    return
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise Expired if event["object"].get("code") == 410 else OSError(str(event["object"]))
                self._version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._events.put((self._path, event["type"], event["object"]))
        finally:
            connection.close()

    def _list_again(self) -> None:
        try:
            listed = get(self._access, self._path)
        except FairleadError:
            time.sleep(PAUSE_SECONDS)
            return
        self._version = listed["metadata"]["resourceVersion"]
        self._events.put((self._path, "LISTED", listed["items"] or []))


def _connection(access: Access, seconds: float) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(access.host, access.port, timeout=seconds, context=access.trust)


def _with(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
