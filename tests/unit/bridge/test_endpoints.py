from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.bridge import endpoints


def endpoint(address, *, ready=True, serving=None, terminating=False, local=False, zones=(), nodes=()):
    serving = ready if serving is None else serving
    return endpoints.Endpoint(address, 80, ready, serving, terminating, local, zones, nodes)


def chosen(found, **words):
    asked = {"external": False, "internal_local": False, "external_local": False, "node": "n1", "zone": "z1", **words}
    choice = endpoints.choose(found, **asked)
    return [address for address, _ in choice.cluster], [address for address, _ in choice.local], choice.anywhere


READY, AWAY = endpoint("a", local=True), endpoint("b")
GOING = endpoint("c", ready=False, serving=True, terminating=True, local=True)
DEAD = endpoint("d", ready=False)


@pytest.mark.parametrize(("found", "words", "expected"), [
    ([READY, AWAY, DEAD], {}, (["a", "b"], [], True)),
    ([], {}, ([], [], False)),
    ([DEAD], {}, ([], [], False)),
    ([GOING, DEAD], {}, (["c"], [], True)),
    ([READY, GOING], {}, (["a"], [], True)),
    ([AWAY], {"internal_local": True}, ([], [], True)),
    ([READY, AWAY], {"internal_local": True}, ([], ["a"], True)),
    ([READY, AWAY], {"external": True, "external_local": True}, (["a", "b"], ["a"], True)),
    ([AWAY], {"external": True, "external_local": True}, (["b"], [], True)),
    ([GOING, AWAY], {"external": True, "external_local": True}, (["b"], ["c"], True)),
    ([READY, AWAY], {"external": False, "external_local": True}, (["a", "b"], [], True)),
], ids=str)
def test_policies(found, words, expected):
    assert chosen(found, **words) == expected


@pytest.mark.parametrize(("hints", "expected"), [
    ([{"zones": ("z1",)}, {"zones": ("z2",)}], ["a"]),
    ([{"zones": ("z2",)}, {"zones": ("z2",)}], ["a", "b"]),  # none for this zone: everybody
    ([{"zones": ("z1",)}, {}], ["a", "b"]),  # one without a hint: hints do not count
    ([{"nodes": ("n1",), "zones": ("z2",)}, {"nodes": ("n2",), "zones": ("z1",)}], ["a"]),
    ([{"nodes": ("n3",), "zones": ("z2",)}, {"nodes": ("n2",), "zones": ("z1",)}], ["b"]),
], ids=str)
def test_hints(hints, expected):
    found = [endpoint(address, **of) for address, of in zip("ab", hints)]
    assert chosen(found)[0] == expected


def test_an_unready_endpoint_without_a_hint_does_not_count():
    assert chosen([endpoint("a", zones=("z1",)), endpoint("b", zones=("z2",)), DEAD])[0] == ["a"]


def test_reading_slices():
    slices = [
        {"addressType": "IPv4", "ports": [{"name": "p", "port": 8080, "protocol": "TCP"}, {"name": "q", "port": 9}],
         "endpoints": [{"addresses": ["10.0.0.1", "10.0.0.9"], "nodeName": "n1"},
                       {"addresses": ["10.0.0.2"], "conditions": {"ready": False, "terminating": True}}]},
        {"addressType": "IPv4", "ports": [{"name": "p", "port": 8080}], "endpoints": [{"addresses": ["10.0.0.1"]}]},
        {"addressType": "IPv6", "ports": [{"name": "p", "port": 8080}], "endpoints": [{"addresses": ["fd00::1"]}]},
        {"addressType": "IPv4", "ports": None, "endpoints": [{"addresses": ["10.0.0.3"]}]},
        {"addressType": "IPv4", "ports": [{"name": "p", "port": 8080}], "endpoints": None},
    ]
    found = endpoints.read(slices, "IPv4", {"name": "p", "port": 80}, "n1")
    assert [(one.address, one.port, one.ready, one.serving, one.terminating, one.local) for one in found] == [
        ("10.0.0.1", 8080, True, True, False, True), ("10.0.0.2", 8080, False, False, True, False)]
    assert endpoints.read(slices, "IPv4", {"name": "p", "port": 80, "protocol": "UDP"}, "n1") == []
