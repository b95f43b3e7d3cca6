"""The node's own connections while Service addresses are bound to it, on a real kernel: kube-ipvs0 is a device that is
down and has addresses (a bridge here)."""
from __future__ import annotations

import json
import os
import socket

import namespaces
import pytest
from ansible.module_utils.fairlead.command import Commands
from ansible.module_utils.fairlead.mode_change import own_sources

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network namespace")
NODE, FRONT, FRONT2, FRONT6 = "198.18.100.1", "10.96.0.80", "10.96.0.81", "fd00:96::50"
SOURCES = {"-4": NODE, "-6": "fd98:100::1"}


@pytest.fixture
def inside(monkeypatch):
    monkeypatch.setattr(own_sources, "KIND", "bridge")  # a kernel without dummy devices has these
    namespaces.remove_left()
    try:
        namespaces.make("sources")
        namespaces.ip("sources", f"link add eth0 type bridge\nlink set eth0 up\naddress add {NODE}/24 dev eth0\n"
                                 "address add fd98:100::1/64 dev eth0 nodad\nlink add kube-ipvs0 type bridge\n"
                                 f"address add {FRONT}/32 dev kube-ipvs0\n"
                                 f"address add {FRONT2}/32 dev kube-ipvs0\n"
                                 f"address add {FRONT6}/128 dev kube-ipvs0 nodad\n")
        with namespaces.inside("sources"):
            yield Commands()
    finally:
        namespaces.remove_own()


def source():
    return json.loads(namespaces.run("ip", "--json", "route", "get", FRONT))[0]["prefsrc"]


def test_new_connections_leave_with_the_nodes_address(inside):
    assert source() == FRONT
    own_sources.take(SOURCES, inside)
    assert source() == NODE
    own_sources.give_back(SOURCES, inside)
    assert source() == FRONT


def test_addresses_in_use_outlive_the_device(inside):
    with socket.socket() as server:
        server.bind((FRONT, 0))
        server.listen()
        client = socket.create_connection(server.getsockname())
        accepted, peer = server.accept()
        with client, accepted:
            assert peer[0] == FRONT
            own_sources.take(SOURCES, inside)
            assert own_sources.keep(SOURCES, inside) == [FRONT]
            namespaces.run("ip", "link", "delete", "kube-ipvs0")
            assert source() == NODE
            client.settimeout(5.0)
            accepted.send(b"still here")
            assert client.recv(100) == b"still here"
            assert FRONT in own_sources.release(inside)  # it is needed, and says by whom
    namespaces.run("ss", "--kill", "state", "all")
    assert own_sources.release(inside) == ""
    assert own_sources.DEVICE not in namespaces.run("ip", "-brief", "link")


def test_what_kube_ipvs0_has_again_is_not_kept(inside):
    """Also in use: and of two addresses only the one that is needed stays."""
    with socket.socket() as server, socket.socket() as other:
        for sock, address in ((server, FRONT), (other, FRONT2)):
            sock.bind((address, 0))
            sock.listen()
        clients = [socket.create_connection(sock.getsockname()) for sock in (server, other)]
        own_sources.take(SOURCES, inside)
        assert own_sources.keep(SOURCES, inside) == [FRONT, FRONT2]
        namespaces.run("ip", "link", "delete", "kube-ipvs0")
        namespaces.ip("sources", f"link add kube-ipvs0 type bridge\naddress add {FRONT}/32 dev kube-ipvs0\n")
        said = own_sources.release(inside)
        assert (FRONT in said, FRONT2 in said) == (False, True)
        namespaces.ip("sources", f"address add {FRONT2}/32 dev kube-ipvs0\n")
        assert own_sources.release(inside) == ""
        assert own_sources.DEVICE not in namespaces.run("ip", "-brief", "link")
        for sock, client in zip((server, other), clients):
            accepted, _peer = sock.accept()
            with client, accepted:
                client.settimeout(5.0)
                accepted.send(b"still here")
                assert client.recv(100) == b"still here"


def test_without_that_the_connection_ends(inside):
    with socket.socket() as server:
        server.bind((FRONT, 0))
        server.listen()
        client = socket.create_connection(server.getsockname())
        accepted, _peer = server.accept()
        with client, accepted:
            namespaces.run("ip", "link", "delete", "kube-ipvs0")
            client.settimeout(1.0)
            with pytest.raises(OSError, match=r"timed out|unreachable|No route"):
                accepted.send(b"nobody hears")
                client.recv(100)
