"""What the two modules take: Services from variables and files, objects as a list or as JSON."""
from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from ansible.module_utils.fairlead.errors import FairleadError

LIBRARY = Path(__file__).resolve().parents[3] / "library"
MANIFESTS = runpy.run_path(str(LIBRARY / "service_manifests.py"))
APPLY = runpy.run_path(str(LIBRARY / "service_apply.py"))


def given(**params):
    return MANIFESTS["given"]({"services": [], "groups": [], "manifests": [], "defaults": {}, "files": [], **params})


def test_services_of_variables_and_files_together(tmp_path):
    (tmp_path / "a.yaml").write_text("defaults: {namespace: shop}\nservices: [{name: b, ports: [{port: 80}]}]")
    (tmp_path / "b.yaml").write_text("services: [}")
    items, unread = given(services=[{"name": "a", "ports": [{"port": 80}]}], files=[str(tmp_path)])
    assert [item.label for item in items] == ["Service default/a", "Service shop/b"]
    assert [(Path(finding.file).name, finding.line) for finding in unread] == [("b.yaml", 1)]
    assert unread[0].words().startswith(f"{tmp_path}/b.yaml:1:")
    assert unread[0].data()["line"] == 1


def test_a_file_that_is_not_there():
    with pytest.raises(FairleadError, match="no such file"):
        given(files=["/nowhere/a.yaml"])


@pytest.mark.parametrize("objects", ['[{"kind": "Service"}]', [{"kind": "Service"}]])
def test_objects_as_a_list_or_as_json(objects):
    assert APPLY["objects"](objects) == [{"kind": "Service"}]


@pytest.mark.parametrize("objects", ["{", "{}", "", "[1]", {"kind": "Service"}, [1], None])
def test_what_is_no_list_of_objects(objects):
    with pytest.raises(FairleadError, match="objects"):
        APPLY["objects"](objects)
