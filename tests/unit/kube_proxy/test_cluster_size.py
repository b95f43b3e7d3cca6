"""What counts for the size of kube-proxy's work."""
from __future__ import annotations

from ansible.module_utils.fairlead.kube_proxy.cluster_size import count


def service(name, address, ports=1):
    return {"metadata": {"namespace": "d", "name": name}, "spec": {"clusterIP": address, "ports": [{}] * ports}}


def endpoints(name, family, number, ports=1):
    return {"metadata": {"namespace": "d", "name": f"{name}-{family}", "labels": {"kubernetes.io/service-name": name}},
            "addressType": family, "ports": [{}] * ports, "endpoints": [{}] * number}


def test_ports_and_endpoints_of_the_larger_family():
    services = [service("a", "10.96.0.1", 2), service("b", "10.96.0.2"), service("headless", "None"),
                {"metadata": {"namespace": "d", "name": "x"}, "spec": {"type": "ExternalName"}}]
    slices = [endpoints("a", "IPv4", 3, 2), endpoints("a", "IPv6", 2, 2), endpoints("b", "IPv4", 1),
              endpoints("headless", "IPv4", 50), endpoints("gone", "IPv4", 50)]
    assert count(services, slices) == (3, 7)


def test_an_empty_cluster():
    assert count([], []) == (0, 0)
    assert count([service("a", "10.96.0.1")], [{**endpoints("a", "IPv4", 0), "endpoints": None}]) == (1, 0)
