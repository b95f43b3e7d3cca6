"""The API server as this part needs it: read, server-side apply, and what kinds there are. Control node only.

Objects are plain dictionaries over one connection that is kept open.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services.model import Manifest, label
from ansible.module_utils.fairlead.verify.words import plain

REQUEST_SECONDS = 30
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Answer:
    """What came back: HTTP status, the object (or the Status that says why not), and the server's warnings."""

    status: int
    body: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return 200 <= self.status <= 299


@dataclass(frozen=True)
class Kind:
    plural: str
    namespaced: bool


@dataclass
class Api:
    """Use Api.connect(). `send` is the one way out: (method, path with query, body) to Answer."""

    send: Callable[[str, str, str | None], Answer]
    host: str
    _kinds: dict[str, dict[str, Kind]] = field(default_factory=dict)

    @classmethod
    def connect(cls, kubeconfig: str | None, context: str | None) -> Api:
        connection = Connection(kubeconfig, context)
        return cls(connection.send, connection.host)

    def get(self, path: str) -> Manifest | None:
        """The object or list at this path, or None when there is none."""
        answer = self.send("GET", path, None)
        if answer.status == 404:
            return None
        return self.granted(answer, f"read {path}").body

    def apply(self, path: str, manifest: Manifest, manager: str, force: bool, dry_run: bool) -> Answer:
        """Server-side apply; whether it was accepted is the caller's to judge."""
        query = f"fieldManager={quote(manager, safe='')}&fieldValidation=Strict"
        query += f"&force={'true' if force else 'false'}{'&dryRun=All' if dry_run else ''}"
        return self.send("PATCH", f"{path}?{query}", json.dumps(manifest))

    def granted(self, answer: Answer, what: str) -> Answer:
        if not answer.ok:
            remedy = {401: "name a kubeconfig whose credentials are valid",
                      403: "give its user the right to do this"}.get(answer.status, "look at the API server's log")
            raise FairleadError(self.host, f"the API server refuses to {what}: {reason(answer)}", remedy)
        return answer

    def kind(self, manifest: Manifest) -> Kind:
        """What this server knows of the object's kind; asked once per API version."""
        version, name = manifest["apiVersion"], manifest["kind"]
        if version not in self._kinds:
            listed = (self.get(_root(version)) or {}).get("resources") or []
            self._kinds[version] = {entry["kind"]: Kind(entry["name"], entry["namespaced"]) for entry in listed
                                    if "/" not in entry["name"]}
        known = self._kinds[version].get(name)
        if known is None:
            raise FairleadError(label(manifest), f'this API server knows no kind "{name}" in version "{version}"',
                                "write a version that it serves (kubectl api-resources lists them)")
        return known

    def path(self, manifest: Manifest) -> str:
        """Where this object lies."""
        known, metadata = self.kind(manifest), manifest["metadata"]
        place = f"/namespaces/{quote(metadata['namespace'], safe='')}" if known.namespaced else ""
        return f"{_root(manifest['apiVersion'])}{place}/{known.plural}/{quote(metadata['name'], safe='')}"


class Connection:
    """HTTP with the kubernetes client's configuration of address, certificates and credentials."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - on the control node only
        except ImportError as error:
            raise FairleadError("kubernetes", missing_required_lib("kubernetes").rstrip("."),
                                "install it for the interpreter of this host") from error
        configuration = client.Configuration()
        try:
            config.load_kube_config(config_file=kubeconfig, context=context, client_configuration=configuration,
                                    persist_config=False)
        except (config.ConfigException, OSError, ValueError) as error:
            raise FairleadError(kubeconfig or "kubeconfig", f"cannot be used: {error}".rstrip("."),
                                "name a kubeconfig (and context) of this cluster that the control node can read",
                                ) from error
        configuration.retries = False
        self.host = configuration.host
        self._failures = client.ApiException
        self._client = client.ApiClient(configuration)

    def send(self, method: str, path: str, body: str | None) -> Answer:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with kubernetes

        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"  # JSON is YAML
        request = self._client.param_serialize(method, path, header_params=headers, body=body,
                                               auth_settings=["BearerToken"])
        try:
            answer = self._client.call_api(*request, _request_timeout=REQUEST_SECONDS)
            text = answer.read()
        except (self._failures, HTTPError, OSError) as error:
            problem = getattr(error, "reason", None) or error
            raise FairleadError(self.host, f"the API server gives no answer: {plain(problem, 500)}".rstrip("."),
                                "start it, or name another kubeconfig") from error
        return Answer(answer.status, _decoded(text), tuple(
            plain(found, 500) for found in _WARNING.findall(answer.getheader("Warning") or "")))


def reason(answer: Answer) -> str:
    return plain(answer.body.get("message") or f"HTTP status {answer.status}", 1000).rstrip(".")


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _decoded(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:  # a proxy in between, for instance
        body = {"message": text[:200].decode("utf-8", "replace")}
    return body if isinstance(body, dict) else {"message": str(body)[:200]}
