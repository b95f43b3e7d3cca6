"""The tables of tests/unit/cases/services, sent to real API servers: at every rule there is a request that needs it,
whatever the seed is. What the tables say themselves is not asked here; the server says it."""
from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import yaml
from api_server import ApiServer

from parity import compare
from parity.generate import Manifest

CASES = Path(__file__).resolve().parents[1] / "unit/cases/services"


def run(server: ApiServer, release: tuple[int, int], whole: bool) -> list[compare.Case]:
    """Every case, on a server that has no Services yet, since the tables name ports and addresses.

    whole: each stored Service of the tables can be made in this cluster; one of fewer families or ports leaves some out
    """
    services = list(_creates())
    return [*compare.creates(server, services), *compare.reals(server, services, release), *_updates(server, whole)]


def _creates() -> Iterator[Manifest]:
    for case in _table("server_create.yml"):
        metadata = {"name": "web", "namespace": "default", **case.get("metadata", {})}
        yield _service(metadata, case.get("spec", {"ports": [{"port": 80}]}))


def _updates(server: ApiServer, whole: bool) -> Iterator[compare.Case]:
    table = _table("server_update.yml")
    for number, (name, spec) in enumerate(table["stored"].items()):
        code, stored = server.request("POST", compare.SERVICES, _service({"name": "web"}, spec))
        if code != 201:
            if whole:
                raise AssertionError(f"the stored Service {name} is refused: {stored.get('message')}")
            continue
        for index, case in enumerate(case for case in table["cases"] if case["of"] == name):
            yield compare.change(server, 1000 * number + index, stored, changed(stored, case))
        compare.delete(server, stored)


def changed(stored: Manifest, case: Manifest) -> Manifest:
    """A case's new version of the stored object."""
    new = copy.deepcopy(stored)
    for part, changes in (("spec", case.get("change", {})), ("metadata", case.get("metadata", {}))):
        new[part] = {key: value for key, value in {**new[part], **changes}.items() if value is not None}
    return new


def _service(metadata: Manifest, spec: Manifest) -> Manifest:
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _table(name: str):
    return yaml.safe_load((CASES / name).read_text(encoding="utf-8"))
