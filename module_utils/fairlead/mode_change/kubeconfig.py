"""Credentials that are on the node, read with the standard library alone."""
from __future__ import annotations

import base64
import json
import os
import re
import ssl
import tempfile
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible.module_utils.fairlead.errors import FairleadError

_KEYS = ("server", "certificate-authority", "certificate-authority-data", "client-certificate",
         "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile", "tls-server-name")
_LINE = re.compile(r"^\s*(?:-\s+)?\"?([A-Za-z-]+)\"?:\s*[\"']?([^\"'\s]+)[\"']?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Access:
    """Where the API server is and how to be let in; `trust` holds certificates, the token is read at each request,
    since tokens in files are renewed. whose: whom the API server then sees, for messages."""

    host: str
    port: int
    trust: ssl.SSLContext
    token: str = ""
    token_file: str = ""
    whose: str = "kube-proxy's user (ClusterRole system:node-proxier)"

    def headers(self) -> dict[str, str]:
        token = self.token
        if self.token_file:
            with open(self.token_file, encoding="utf-8") as stream:
                token = stream.read().strip()
        return {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}


def read(path: str, variable: str = "kube_proxy_kubeconfig", whose: str = Access.whose) -> Access:
    """variable: of the role, which names this file. Raises FairleadError when the file cannot be used."""
    try:
        found = _values_of(path)
        host, port, trust = _server(found, path)
        _present(trust, found, path)
        return Access(host, port, trust, found.get("token", ""), _place(found.get("tokenFile"), path) or "", whose)
    except (OSError, KeyError, ValueError) as error:
        raise _useless(path, variable, error) from error


def with_token(path: str, token: str, variable: str) -> Access:
    """The same API server, and this token in place of the file's user: a certificate beside it would win."""
    try:
        host, port, trust = _server(_values_of(path), path)
        return Access(host, port, trust, token)
    except (OSError, KeyError, ValueError) as error:
        raise _useless(path, variable, error) from error


def values(text: str) -> dict[str, str]:
    """The few fields that count, of a kubeconfig with one cluster and one user.

    JSON, or YAML in the block style that kubectl and kubeadm write: nodes need no YAML library. A field that comes
    twice would need the whole language, so it is refused.
    """
    try:
        document = json.loads(text)
        found = {**document["clusters"][0]["cluster"], **document["users"][0]["user"]}
        return {key: value for key, value in found.items() if key in _KEYS and isinstance(value, str)}
    except ValueError:
        pass
    found = {}
    for key, value in _LINE.findall(text):
        if key in _KEYS:
            if found.get(key, value) != value:
                raise ValueError(f"{key} is there more than once")
            found[key] = value
    return found


def _values_of(path: str) -> dict[str, str]:
    with open(path, encoding="utf-8") as stream:
        return values(stream.read())


def _server(found: dict[str, str], path: str) -> tuple[str, int, ssl.SSLContext]:
    parts = urlsplit(found["server"])
    trust = ssl.create_default_context(cafile=_place(found.get("certificate-authority"), path),
                                       cadata=_decoded(found.get("certificate-authority-data")))
    return parts.hostname or "", parts.port or 443, trust


def _useless(path: str, variable: str, error: Exception) -> FairleadError:
    return FairleadError(path, f"cannot be used to reach the API server: {error!r}",
                         f"name a kubeconfig with one cluster and one user in {variable}")


def _present(trust: ssl.SSLContext, found: dict[str, str], path: str) -> None:
    """The client's certificate, where there is one."""
    certificate = _place(found.get("client-certificate"), path)
    key = _place(found.get("client-key"), path)
    if certificate and key:
        trust.load_cert_chain(certificate, key)
    elif "client-certificate-data" in found:
        # ssl takes client certificates from files only; this one is unlinked before anything else runs.
        text = "\n".join(_decoded(found[name]) or "" for name in ("client-certificate-data", "client-key-data"))
        with tempfile.NamedTemporaryFile("w", dir="/run" if os.access("/run", os.W_OK) else None) as stream:
            stream.write(text)
            stream.flush()
            trust.load_cert_chain(stream.name)


def _decoded(text: str | None) -> str | None:
    return base64.b64decode(text, validate=True).decode() if text else None


def _place(name: str | None, kubeconfig: str) -> str | None:
    return os.path.join(os.path.dirname(kubeconfig), name) if name else None
