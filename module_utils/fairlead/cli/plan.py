"""fairlead plan: what a change of kube-proxy's release or mode breaks or changes here, and when."""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kube_proxy import modes, planner
from ansible.module_utils.fairlead.verify.words import plain

NOTHING, SOMETHING = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="now", required=True, metavar="1.34", help="release of kube-proxy now")
    parser.add_argument("--to", dest="wanted", metavar="1.40", help="release to go to; left out, it stays")
    parser.add_argument("--mode", default="", help="mode now; left out, that of the configuration")
    parser.add_argument("--to-mode", default="", help="mode to go to; left out, the one that the release leaves")
    parser.add_argument("--config", metavar="FILE", help="kube-proxy's configuration now")
    parser.add_argument("--services", nargs="*", default=[], metavar="PATH", help="files and directories with Services")
    parser.add_argument("--kubeconfig", metavar="FILE", help="of a cluster to read the Services from instead")
    parser.add_argument("--output", choices=["text", "json"], default="text")


def run(arguments: argparse.Namespace) -> int:
    documents = _documents(arguments.config) if arguments.config else []
    config = next((one for one in documents if one.get("kind") == "KubeProxyConfiguration"), {})
    if arguments.config and not config:
        raise FairleadError("--config", "holds no KubeProxyConfiguration", "name kube-proxy's own file",
                            arguments.config)
    services = _from_cluster(arguments.kubeconfig) if arguments.kubeconfig else _from_files(arguments.services)
    situation = planner.Situation(
        modes.release(arguments.now), modes.release(arguments.wanted or arguments.now),
        arguments.mode or config.get("mode", ""), arguments.to_mode, config, services)
    changes = planner.plan(situation)
    old, new = planner.present_mode(situation), planner.target_mode(situation)
    if arguments.output == "json":
        print(json.dumps({"from": arguments.now, "to": arguments.wanted or arguments.now, "mode": old, "to_mode": new,
                          "services": len(services), "changes": [change.data() for change in changes]}, indent=2))
    else:
        print("\n".join(_text(changes, old, new, len(services))))
    return SOMETHING if changes else NOTHING


def _text(changes: list[planner.Change], old: str, new: str, services: int) -> list[str]:
    lines = []
    for change in changes:
        plan = ", upstream's plan" if change.planned else ""
        when = f"with mode {new}" if change.when == "mode" else f"{change.when}{plan}"
        lines += [plain(f"{change.effect:<8}{when}: {change.subject}: {change.what}", 1000),
                  plain(f"        {change.fix[:1].upper()}{change.fix[1:]}. Source: {change.source}", 1000)]
    count = {word: sum(change.effect == word for change in changes)
             for word in (planner.BREAKS, planner.CHANGES, planner.NOTICE)}
    told = ", ".join(f"{number} {word}" for word, number in count.items() if number) or "nothing changes"
    return [*lines, f"{old} to {new}, {services} Services: {told}"]


def _from_files(paths: list[str]) -> list[dict[str, Any]]:
    files = [file for path in paths for file in (
        sorted(Path(path).rglob("*.y*ml")) if Path(path).is_dir() else [Path(path)])]
    found = [document for file in files for document in _documents(str(file))]
    listed = [item for one in found for item in (one.get("items") or [] if one.get("kind") == "List" else [one])]
    return [one for one in listed if one.get("kind") == "Service" and one.get("apiVersion") == "v1"]


def _documents(path: str) -> list[dict[str, Any]]:
    import yaml  # noqa: PLC0415 - on the control node only

    try:
        text = Path(path).read_text(encoding="utf-8")
        return [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FairleadError(path, f"cannot be read: {plain(error, 300)}", "name a readable YAML file") from error


def _from_cluster(kubeconfig: str) -> list[dict[str, Any]]:
    try:
        from kubernetes import client, config  # noqa: PLC0415 - only for a cluster
        from urllib3.exceptions import HTTPError  # noqa: PLC0415
    except ImportError as error:
        raise FairleadError("kubernetes", "this Python package is not there", "run make setup") from error
    try:
        config.load_kube_config(config_file=kubeconfig)
        answer = client.CoreV1Api().list_service_for_all_namespaces(_preload_content=False, _request_timeout=15)
        return json.loads(answer.data)["items"]
    except (config.ConfigException, client.ApiException, HTTPError, OSError) as error:
        raise FairleadError("--kubeconfig", f"the Services cannot be read: {plain(error, 300)}",
                            "name one of a cluster that can be reached", kubeconfig) from error
