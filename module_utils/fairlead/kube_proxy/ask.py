"""What a running kube-proxy says of itself on its two local ports."""
from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import modes, userspace

METRICS_PORT, HEALTH_PORT = 10249, 10256  # defaults of metricsBindAddress and healthzBindAddress
POLL_SECONDS = 0.5
SECONDS = 3.0  # a busy emulated node answers within one
VERSION = re.compile(r'^kubernetes_build_info\{.*git_version="(v[^"]+)"', re.MULTILINE)
STARTED = re.compile(r"^process_start_time_seconds (\S+)$", re.MULTILINE)
SYNCED = re.compile(
    r'^kubeproxy_sync_proxy_rules_last_timestamp_seconds(?:\{ip_family="(IPv[46])"\})? (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """mode: what /proxyMode says, None when nobody answers; healthy: whether /healthz says 200."""

    mode: str | None
    healthy: bool
    last_updated: str = ""


def get(port: int, path: str) -> tuple[int, str]:
    """(status, body) of http://127.0.0.1:PORT/PATH; (0, "") when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def ask() -> Answer:
    """The mode and health of the kube-proxy on this machine."""
    status, mode = get(METRICS_PORT, "/proxyMode")
    health, body = get(HEALTH_PORT, "/healthz")
    try:
        updated = str(json.loads(body).get("lastUpdated", "")) if body else ""
    except (ValueError, AttributeError):
        updated = ""
    return Answer(mode.strip() if status == 200 else None, health == 200, updated)


def version(metrics: str) -> str:
    """The release of the running kube-proxy, from the text of /metrics; "" when nobody answered."""
    found = VERSION.search(metrics)
    return found.group(1) if found else ""


def synced_families(metrics: str) -> set[str]:
    """The address families whose rules kube-proxy has written since it started, from the text of /metrics.

    /healthz is no such proof: it answers 200 while kube-proxy is starting (pkg/proxy/healthcheck/proxy_health.go).
    Releases without the label speak of both families at once.
    """
    return {family or "both" for family, seconds in SYNCED.findall(metrics) if float(seconds) > 0}


def written(mode: str, metrics: str) -> set[str]:
    """The same, in whatever mode it runs: userspace mode has no such metrics, so the kernel is asked."""
    if mode != modes.USERSPACE:
        return synced_families(metrics)
    saved = Commands().run(["iptables-save", "-t", "nat"], timeout=60).stdout
    return {"both"} if userspace.has_rules(saved) else set()


def last_syncs(metrics: str) -> dict[str, str]:
    """Family -> UTC time of its last complete sync, from the text of /metrics; families not written are left out."""
    return {family or "both": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(float(seconds)))
            for family, seconds in SYNCED.findall(metrics) if float(seconds) > 0}


def started(metrics: str) -> float:
    """When the answering process began, in seconds since 1970, from the text of /metrics; 0 when it does not say."""
    found = STARTED.search(metrics)
    return float(found.group(1)) if found else 0.0


def wait_until_serving(mode: str, families: Iterable[str], timeout: float, since: float = 0.0) -> None:
    """Until kube-proxy answers in this mode and has written the rules of every named family once.

    since: a process that began before this time is not the one that is waited for, and may still answer for a while
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = ask()
        metrics = get(METRICS_PORT, "/metrics")[1] if answer.mode else ""
        if since and started(metrics) < since:
            answer = Answer(None, False)
        if answer.mode and answer.mode != mode:
            raise FairleadError("kube_proxy_mode", f"kube-proxy came up in {answer.mode} mode instead",
                                "read its log on the node", mode)
        synced = written(answer.mode, metrics) if answer.mode else set()
        if answer.healthy and ("both" in synced or synced >= set(families)):
            return
        if time.monotonic() > deadline:
            raise FairleadError(
                "kube-proxy", f"did not serve in {mode} mode within {timeout:g} s (/proxyMode: "
                f"{answer.mode or 'no answer'}, /healthz: {'200' if answer.healthy else 'not 200'}, rules written: "
                f"{', '.join(sorted(synced)) or 'none'})", "read its log on the node")
        time.sleep(POLL_SECONDS)
