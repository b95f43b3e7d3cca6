"""Any text as documents: the values that Kubernetes would read, the places of fields, and an end to everything."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead.reading import documents as reading
from ansible.module_utils.fairlead.reading.documents import Unreadable, documents
from ansible.module_utils.fairlead.reading.places import find

CASES = yaml.safe_load(
    (Path(__file__).resolve().parents[1] / "cases/reading/documents.yml").read_text(encoding="utf-8"))
TEXT = """\
apiVersion: v1
metadata:
  name: web
  labels: {app.kubernetes.io/name: web}
spec:
  clusterIP: None
  loadBalancerSourceRanges:
  - 10.0.0.0/8
  ports:
  - port: 80
  -   name: b
      port: 81
"""


def names(cases):
    return [case["name"] for case in cases]


@pytest.mark.parametrize(("text", "wanted"), CASES["scalars"])
def test_scalar_as_kubernetes_reads_it(text, wanted):
    read = next(documents(f"- {text}\n")).value[0]
    assert (read, type(read)) == (json.loads(wanted), type(json.loads(wanted)))


@pytest.mark.parametrize(("text", "wanted"), CASES["json_scalars"])
def test_scalar_of_a_json_file(text, wanted):
    read = next(documents(f'{{"a": {text}}}', json=True)).value["a"]
    assert (read, type(read)) == (json.loads(wanted), type(json.loads(wanted)))


@pytest.mark.parametrize("case", CASES["documents"], ids=names(CASES["documents"]))
def test_documents(case):
    assert [document.value for document in documents(case["text"])] == case["values"]


@pytest.mark.parametrize("case", CASES["unreadable"], ids=names(CASES["unreadable"]))
def test_where_it_stops(case):
    with pytest.raises(Unreadable) as caught:
        list(documents(case["text"]))
    line, column, problem, fix = case["says"]
    assert (caught.value.line, caught.value.column) == (line, column)
    assert problem in caught.value.problem.replace(" tag:yaml.org,2002:int", " tag")
    assert fix in caught.value.fix


def test_what_comes_before_a_mistake_is_read():
    found = documents("a: 1\n---\nb: [\n")
    assert next(found).value == {"a": 1}
    with pytest.raises(Unreadable):
        next(found)


def test_depth_has_a_limit_and_takes_no_stack():
    assert list(documents("[" * reading.DEEPEST + "]" * reading.DEEPEST))
    with pytest.raises(Unreadable, match="levels deep"):
        list(documents("[" * 100_000))


def test_a_bomb_of_aliases_is_not_built():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Unreadable, match="aliases stand for more than"):
        list(documents("\n".join(lines)))


def test_a_bomb_of_merges_is_not_built():
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: x" for n in range(100)) + "}"]
    lines += [f"b{n}: {{<<: *a0}}" for n in range(1000)]
    with pytest.raises(Unreadable, match="aliases stand for more than"):
        list(documents("\n".join(lines)))


@pytest.mark.parametrize(("field", "line", "column"), [
    ("", 1, 1), ("spec", 5, 1), ("spec.ports", 9, 3), ("spec.ports[0].port", 10, 5), ("spec.ports[1]", 11, 7),
    ("spec.ports[1].port", 12, 7), ("spec.ports[0].nodePort", 10, 5), ("spec.ports[7].port", 9, 3),
    ("metadata.labels[app.kubernetes.io/name]", 4, 12), ("metadata.name", 3, 3), ("metadata.namespace", 2, 1),
    ("spec.clusterIPs[0]", 6, 3), ("spec.LoadBalancerSourceRanges[0]", 8, 5), ("status", 1, 1)])
def test_where_a_field_stands(field, line, column):
    assert find(next(documents(TEXT)).place, field) == (line, column)
