"""The files' text and places."""
from __future__ import annotations

import pytest
import yaml
from ansible.module_utils.fairlead.services import model, render, yaml_text
from ansible.module_utils.fairlead.services.paths import KUSTOMIZATION

SERVICE = {"name": "web", "ports": [{"targetPort": 8080, "port": 80}], "annotations": {"b": "1", "a": "yes"}}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
DAEMON_SET = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "web", "namespace": "shop"}}


def rendered(services=(), manifests=()):
    return render.files(render.in_order(item.manifest for item in model.items(list(services), list(manifests), {})))


def test_text():
    assert rendered([SERVICE])["default/service-web.yaml"] == """\
# Written by Fairlead; changes made here are overwritten.
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: default
  annotations:
    a: 'yes'
    b: '1'
spec:
  ports:
  - port: 80
    targetPort: 8080
"""


def test_order_of_keys_and_of_objects_in_the_input_makes_no_difference():
    turned = {key: SERVICE[key] for key in reversed(SERVICE)}
    first = rendered([SERVICE, {"name": "a"}], [DAEMON_SET, NAMESPACE])
    assert rendered([{"name": "a"}, turned], [NAMESPACE, DAEMON_SET]) == first
    assert list(first) == ["_cluster/namespace-shop.yaml", "default/service-a.yaml", "default/service-web.yaml",
                           "shop/daemonset-web.yaml", KUSTOMIZATION]


def test_kustomization_lists_them_in_the_order_of_delivery():
    text = rendered([SERVICE], [DAEMON_SET, NAMESPACE])[KUSTOMIZATION]
    assert yaml.safe_load(text)["resources"] == [
        "_cluster/namespace-shop.yaml", "default/service-web.yaml", "shop/daemonset-web.yaml"]


def test_nothing_for_nothing():
    assert rendered() == {}


def test_only_what_the_user_set():
    made = render.clean({**DAEMON_SET, "status": {"x": 1}, "spec": {"a": None, "b": {"c": None}, "d": {}},
                         "metadata": {"name": "web", "uid": "1", "creationTimestamp": None, "managedFields": []}})
    assert made == {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "web"},
                    "spec": {"b": {}, "d": {}}}


@pytest.mark.parametrize("text", [
    "yes", "No", "on", "y", "N", "null", "~", "", "1", "08", "0o17", "0x1F", "0X1F", "0b1", "1_000", "1e3", "1E+3",
    "1.5", ".5", "5.", "-1", "+1", ".inf", ".nan", "1:20", "12:30:45", "2024-01-01", "true", "<<", "=", "- a", "a: b",
    "a #b", "*a", "&a", "!a", "%a", "@a", "`a", "'a", '"a', " a", "a ", "#", "\t", "\x1b[31m", "\u2028", "é", "a\nb",
    "a\n\nb\n", "\n", "x" * 300 + " " + "y" * 300])
def test_a_string_stays_a_string(text):
    made = yaml_text.dump({"v": text})
    assert yaml.safe_load(made) == {"v": text}
    assert "\x1b" not in made


@pytest.mark.parametrize("text", ["yes", "y", "08", "0o17", "1e3", "1_000", "0X1F", "1:20", "2024-01-01"])
def test_what_some_reader_would_mistype_is_quoted(text):
    assert yaml_text.dump([text]) == f"- '{text}'\n"


@pytest.mark.parametrize("value", [0, 1, -5, 1.5, True, False])
def test_numbers_and_truth_values_stay_what_they_are(value):
    assert yaml.safe_load(yaml_text.dump([value])) == [value]
    assert "'" not in yaml_text.dump([value])


def test_no_anchors():
    shared = {"a": "b"}
    assert "&" not in yaml_text.dump([shared, shared])
