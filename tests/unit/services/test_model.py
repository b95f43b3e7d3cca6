"""From the compact form and defaults to complete manifests."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.services import model

PORTS = [{"port": 80}]


def spec(entry, defaults):
    return model.from_compact(entry, defaults)["spec"]


def test_compact():
    assert model.from_compact({"name": "a", "labels": {"x": "y"}, "annotations": {"p": "q"}, "ports": PORTS}, {}) == {
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "a", "namespace": "default", "labels": {"x": "y"}, "annotations": {"p": "q"}},
        "spec": {"ports": PORTS}}


def test_defaults_give_way_and_labels_are_merged():
    made = model.from_compact(
        {"name": "a", "type": "NodePort", "labels": {"x": "mine"}, "selector": {"app": "a"}},
        {"namespace": "n", "type": "ClusterIP", "labels": {"x": "default", "y": "default"}, "selector": {"t": "web"}})
    assert made["metadata"] == {"name": "a", "namespace": "n", "labels": {"x": "mine", "y": "default"}}
    assert made["spec"] == {"type": "NodePort", "selector": {"app": "a"}}


def test_null_unsets_a_default():
    assert spec({"name": "a", "selector": None}, {"selector": {"app": "a"}}) == {}


@pytest.mark.parametrize(("entry", "defaults", "left"), [
    ({"type": "ExternalName"}, {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4"]}, {"type": "ExternalName"}),
    ({}, {"externalTrafficPolicy": "Local"}, {}),
    ({"type": "NodePort"}, {"externalTrafficPolicy": "Local"}, {"type": "NodePort", "externalTrafficPolicy": "Local"}),
    ({"sessionAffinity": "None"}, {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {}},
     {"sessionAffinity": "None"}),
    # What the Service itself says is never left out: it is judged.
    ({"externalTrafficPolicy": "Local"}, {"externalTrafficPolicy": "Cluster"}, {"externalTrafficPolicy": "Local"}),
])
def test_a_default_that_cannot_be_meant_is_left_out(entry, defaults, left):
    assert spec({"name": "a", **entry}, defaults) == left


def test_defaults_are_not_for_complete_manifests():
    complete = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {}}
    made = model.items([complete], [], {"type": "NodePort"})[0].manifest
    assert made["spec"] == {}
    assert made["metadata"] == {"name": "a", "namespace": "default"}
    assert complete["metadata"] == {"name": "a"}


@pytest.mark.parametrize(("version", "kind", "namespace"), [
    ("v1", "Namespace", None), ("apps/v1", "DaemonSet", "default"), ("discovery.k8s.io/v1", "EndpointSlice", "default"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", None), ("example.com/v1", "Thing", None),
])
def test_namespace_is_written_out_where_it_is_known_to_be_one(version, kind, namespace):
    made = model.with_namespace({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}})
    assert made["metadata"].get("namespace") == namespace


@pytest.mark.parametrize("odd", [{}, {"metadata": None}, {"metadata": []}, {"metadata": {"name": 1}}, {"kind": []}])
def test_odd_manifests_do_not_stop_it(odd):
    assert model.items([], [odd], {})[0].label
