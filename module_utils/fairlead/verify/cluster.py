"""Reading objects from the API server, as the plain dictionaries that it sends. Control node only."""
from __future__ import annotations

import json
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError, missing_library

REQUEST_SECONDS = 15  # an API server that takes longer than this is not well


class Cluster:
    """Read-only access. `now` is the API server's own clock as of the last answer, so that the age of an object
    does not depend on the control node's clock."""

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - on the control node only
        except ImportError as error:
            raise missing_library("kubernetes") from error
        self.now = datetime.now(timezone.utc)
        self._failures = client.ApiException
        place = kubeconfig or "kubeconfig"
        try:
            configuration = client.Configuration()
            config.load_kube_config(config_file=kubeconfig, context=context, client_configuration=configuration,
                                    persist_config=False)
        except (config.ConfigException, OSError, ValueError) as error:
            raise FairleadError(place, f"cannot be used: {error}".rstrip("."),
                                "name a kubeconfig (and context) of this cluster that the control node can read",
                                ) from error
        configuration.retries = False
        self._host = configuration.host
        self._client = client.ApiClient(configuration)

    def items(self, path: str, labels: str = "") -> list[dict[str, Any]]:
        """The objects in the list at this path, for instance /api/v1/nodes."""
        return self.get(path, labels).get("items") or []

    def get(self, path: str, labels: str = "") -> dict[str, Any]:
        """What the API server answers at this path; an empty dictionary when it does not know the path."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with kubernetes

        query = [("labelSelector", labels)] if labels else []
        request = self._client.param_serialize("GET", path, query_params=query, auth_settings=["BearerToken"],
                                               header_params={"Accept": "application/json"})
        try:
            answer = self._client.call_api(*request, _request_timeout=REQUEST_SECONDS)
            text = answer.read()
            if answer.status == 404:
                return {}
            if not 200 <= answer.status <= 299:
                raise self._refused(path, answer.status, text)
            self.now = _clock(answer.getheader("Date")) or self.now
            return json.loads(text)
        except self._failures as error:
            raise self._refused(path, error.status, error.body) from error
        except (HTTPError, OSError, ValueError) as error:
            raise FairleadError(self._host, f"the API server gives no answer: {error}".rstrip("."),
                                "start it, or name another kubeconfig") from error

    def _refused(self, path: str, status: int, body: bytes | str | None) -> FairleadError:
        try:
            reason = json.loads(body or "")["message"]
        except (ValueError, KeyError, TypeError):
            reason = f"HTTP status {status}"
        remedy = {401: "name a kubeconfig whose credentials are valid",
                  403: "let its user list nodes, Services, EndpointSlices and, beside MetalLB, L2Advertisements",
                  400: "correct the label selector"}.get(status, "look at the API server's log")
        return FairleadError(self._host + path, f"the API server refuses: {reason}".rstrip("."), remedy)


def _clock(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except (TypeError, ValueError):
        return None
