"""What of the cluster answers ARP for addresses of Services."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.kube_proxy.announcers import found

GROUP = "/apis/metallb.io/v1beta1"


def advertisement(namespace, name):
    return {"metadata": {"namespace": namespace, "name": name}}


def test_advertisements_are_named_in_order():
    answers = {GROUP: {"kind": "APIResourceList"}, f"{GROUP}/l2advertisements": {
        "items": [advertisement("metallb-system", "rack2"), advertisement("lb", "rack1")]}}
    assert found(answers.__getitem__) == ["MetalLB's L2Advertisement lb/rack1",
                                          "MetalLB's L2Advertisement metallb-system/rack2"]


@pytest.mark.parametrize("listed", [{}, {"items": []}, {"items": None}])
def test_metallb_that_announces_nothing_by_arp(listed):
    assert found({GROUP: {"kind": "APIResourceList"}, f"{GROUP}/l2advertisements": listed}.__getitem__) == []


def test_without_metallb_its_objects_are_not_asked_for():
    assert found({GROUP: {}}.__getitem__) == []
