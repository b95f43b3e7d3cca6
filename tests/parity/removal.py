"""Whether the comparison would notice a missing rule: each of the judge's rules is taken away in turn."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

from ansible.module_utils.fairlead.services.server import cluster_ips, families, metadata, policies, ports, requests

# Module and function: each yields findings, so that one without it yields none.
RULES = [
    (metadata, "create"), (metadata, "update"), (metadata, "labels"), (metadata, "_generation"), (metadata,
    "_annotations"),
    (metadata, "_owners"), (metadata, "_finalizers"), (metadata, "_kube_finalizers"),
    (ports, "_name"), (ports, "_port"), (ports, "_duplicates"),
    (policies, "kind"), (policies, "_external_name"), (policies, "selector"), (policies, "affinity"),
    (policies, "external_ips"), (policies, "source_ranges"), (policies, "_wrong_ranges"), (policies, "load_balancer"),
    (policies, "_health_check"), (policies, "_one_of"), (policies, "topology"),
    (cluster_ips, "upgrade_addresses"), (cluster_ips, "upgrade_families"), (cluster_ips, "_one_and_list"),
    (cluster_ips, "_family_names"), (cluster_ips, "_texts"), (cluster_ips, "_against_families"),
    (families, "_reduced"), (families, "_too_many"), (families, "_not_configured"), (families, "_unavailable"),
    (requests, "_changes"),
]


def unnoticed(runs: list[Any]) -> list[str]:
    """Rules whose removal makes no request of these runs come out otherwise."""
    return [f"{module.__name__.rpartition('.')[2]}.{name}" for module, name in RULES
            if not any(_differs(run, module, name) for run in runs)]


def _differs(run: Any, module: Any, name: str) -> bool:
    with without(module, name):
        return any(not case.agrees(run.facts) for case in run.cases)


@contextlib.contextmanager
def without(module: Any, name: str) -> Iterator[None]:
    """The judge without one rule."""
    with mock.patch.object(module, name, lambda *_arguments: ()):
        yield
