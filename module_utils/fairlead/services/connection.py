"""HTTP to an API server: address, certificates and credentials as the kubernetes client reads them. Control node only.

Connections are kept open and may be used by several threads. A server that is busy (429, 503) or cannot be reached for
a moment is asked again until a deadline.
"""
from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError, missing_library
from ansible.module_utils.fairlead.verify.words import plain

REQUEST_SECONDS = 30  # for one answer
PATIENCE_SECONDS = 60  # for a server that asks to come back later
LONGEST_PAUSE = 10  # whatever a server asks for
TOGETHER = 8  # requests at once: more do not make an API server of two cores faster
_BUSY = (429, 503)
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_APPLY = "application/apply-patch+yaml"  # JSON is YAML


@dataclass(frozen=True)
class Answer:
    """What came back: HTTP status, the object (or the Status that says why not), and the server's warnings."""

    status: int
    body: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return 200 <= self.status <= 299


class Connection:
    """Use send(); `host` is the server's address."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - on the control node only
        except ImportError as error:
            raise missing_library("kubernetes") from error
        configuration = client.Configuration()
        try:
            config.load_kube_config(config_file=kubeconfig, context=context, client_configuration=configuration,
                                    persist_config=False)
        except (config.ConfigException, OSError, ValueError) as error:
            raise FairleadError(kubeconfig or "kubeconfig", f"cannot be used: {error}".rstrip("."),
                                "name a kubeconfig (and context) of this cluster that the control node can read",
                                ) from error
        configuration.retries = _patient()
        configuration.connection_pool_maxsize = TOGETHER
        self.host = configuration.host
        # Certificates are part of the connection. With a token the client looks anew before each request whether it has
        # to be renewed, and reads the proxies of the environment again: a quarter of what a request costs here.
        self._auth = ["BearerToken"] if configuration.api_key else []
        self._failures = client.ApiException
        self._client = client.ApiClient(configuration)

    def send(self, method: str, path: str, body: str | None) -> Answer:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with kubernetes

        headers = {"Accept": "application/json"}
        content: Any = body
        if body is not None:
            headers["Content-Type"] = _APPLY if method == "PATCH" else "application/json"
            content = body if method == "PATCH" else json.loads(body)  # the client writes JSON itself
        request = self._client.param_serialize(method, path, header_params=headers, body=content,
                                               auth_settings=self._auth)
        try:
            answer = self._client.call_api(*request, _request_timeout=REQUEST_SECONDS)
            text = answer.read()
        except (self._failures, HTTPError, OSError) as error:
            problem = getattr(error, "reason", None) or error
            raise FairleadError(self.host, f"the API server gives no answer: {plain(problem, 500)}".rstrip("."),
                                "start it, or name another kubeconfig; what was done is kept, so run again") from error
        return Answer(answer.status, _decoded(text), tuple(
            plain(found, 500) for found in _WARNING.findall(answer.getheader("Warning") or "")))


def _patient() -> Any:
    """urllib3's own retries, with an end in time. Every request of ours may be repeated: server-side apply and delete
    (with the object's uid) have the same effect twice as once."""
    from urllib3.util import Retry  # noqa: PLC0415 - comes with kubernetes

    class Patient(Retry):
        started = 0.0

        def new(self, **words: Any) -> Any:
            made = super().new(**words)
            made.started = self.started or time.monotonic()
            return made

        def is_exhausted(self) -> bool:
            late = bool(self.started) and time.monotonic() - self.started > PATIENCE_SECONDS
            return late or super().is_exhausted()

    return Patient(total=None, connect=4, read=2, status=100, other=0, redirect=0, allowed_methods=None,
                   status_forcelist=_BUSY, backoff_factor=0.2, backoff_max=LONGEST_PAUSE,
                   retry_after_max=LONGEST_PAUSE, raise_on_status=False)


def _decoded(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:  # a proxy in between, for instance
        body = {"message": text[:200].decode("utf-8", "replace")}
    return body if isinstance(body, dict) else {"message": str(body)[:200]}
