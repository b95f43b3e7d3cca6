"""A connection whose connection-tracking entry is made by us goes on, with both translations; without it, it ends."""
from __future__ import annotations

import errno
import os
import socket

import namespaces
import pytest
from ansible.module_utils.fairlead import netfilter_conntrack as conntrack
from ansible.module_utils.fairlead import netfilter_conntrack_create as create
from ansible.module_utils.fairlead.mode_change import handover

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
# A client, a node that translates, and a server behind it. The node knows the front address by its rules alone.
NET = {4: ("192.0.2.1", "192.0.2.254", "198.51.100.254", "198.51.100.1", "10.96.0.80"),
       6: ("2001:db8:1::1", "2001:db8:1::fe", "2001:db8:2::fe", "2001:db8:2::1", "fd00:96::50")}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
SECONDS = 3.0
# What stays of translation while no rule of kube-proxy's is there: hooks, and rules that nothing matches.
ANCHOR = "".join(f"table {ip} anchor {{\n"
                 "chain out { type nat hook postrouting priority 100; oifname never masquerade; }\n"
                 f"chain in {{ type nat hook prerouting priority -100; iifname never redirect; }}\n}}\n"
                 for ip in ("ip", "ip6"))


@pytest.fixture(params=[4, 6])
def version(request):
    namespaces.remove_left()
    try:
        namespaces.make("client", "node", "server")
        for short in ("client", "server"):
            namespaces.ip("node", f"link add {short} type veth peer name eth0 netns {namespaces.name(short)}\n"
                                  f"link set {short} up\n")
            namespaces.ip(short, "link set eth0 up\n")
        for number, (client, node, inner, server, _front) in NET.items():
            bits, more = (24, "") if number == 4 else (64, " nodad")
            namespaces.ip("client", f"address add {client}/{bits} dev eth0{more}\nroute add default via {node}\n")
            namespaces.ip("server", f"address add {server}/{bits} dev eth0{more}\nroute add default via {inner}\n")
            namespaces.ip("node", f"address add {node}/{bits} dev client{more}\n"
                                  f"address add {inner}/{bits} dev server{more}\n")
        namespaces.settings("node", {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"})
        with namespaces.inside("node"):
            namespaces.run("nft", "-f", "-", stdin=ANCHOR + rules())
        yield request.param
    finally:
        namespaces.remove_own()


def rules():
    text = ""
    for number, (_client, _node, _inner, server, front) in NET.items():
        ip, place = ("ip", server) if number == 4 else ("ip6", f"[{server}]")
        text += (f"table {ip} t {{ chain in {{ type nat hook prerouting priority -100;\n"
                 f"{ip} daddr {front} meta l4proto {{ tcp, udp }} dnat to {place}:8080\n}}\n"
                 f"chain out {{ type nat hook postrouting priority 100; oifname server masquerade; }}\n}}\n")
    return text


def opened(version, kind):
    """A flow from the client through the node: (client's socket, server's socket)."""
    with namespaces.inside("server"):
        server = socket.socket(FAMILY[version], kind)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((NET[version][3], 8080))
        if kind == socket.SOCK_STREAM:
            server.listen()
    with namespaces.inside("client"):
        client = socket.socket(FAMILY[version], kind)
        client.settimeout(SECONDS)
        client.connect((NET[version][4], 80))
        client.send(b"first")
    server.settimeout(SECONDS)
    if kind == socket.SOCK_STREAM:
        server = server.accept()[0]
        server.settimeout(SECONDS)
        assert server.recv(100) == b"first"
    else:
        text, peer = server.recvfrom(100)
        assert (text, peer[0]) == (b"first", NET[version][2])
        server.connect(peer)
    server.send(b"answer")
    assert client.recv(100) == b"answer"
    return client, server


def entry(version):
    return next(each for each in conntrack.entries(FAMILY[version], translated=True)
                if each.original.target == NET[version][4])


def taken_away(found):
    """As IPVS leaves it: the rules gone, and the entry."""
    namespaces.run("nft", "-f", "-", stdin="delete table ip t\ndelete table ip6 t\n")
    assert conntrack.delete_tuple(found.original)
    assert not conntrack.delete_tuple(found.original)


def flow(found):
    return create.Flow(found.original, (found.reply.source, found.reply.source_port),
                       (found.reply.target, found.reply.target_port), create.ESTABLISHED, 300)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_flow_goes_on(version, kind):
    client, server = opened(version, kind)
    with client, server, namespaces.inside("node"):
        found = entry(version)
        made = flow(found)
        namespaces.run("nft", "-f", "-", stdin=handover.freeze([made]))
        taken_away(found)
        messages = create.messages([made])
        assert create.send(messages) == [0]
        assert create.send(messages) == [errno.EEXIST]
        namespaces.run("nft", "-f", "-", stdin=handover.thaw())
        again = entry(version)
        assert (again.original, again.reply) == (found.original, found.reply)
        client.send(b"second")
        assert server.recv(100) == b"second"
        server.send(b"again")
        assert client.recv(100) == b"again"


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_without_the_entry_it_ends(version, kind):
    client, server = opened(version, kind)
    with client, server, namespaces.inside("node"):
        taken_away(entry(version))
        client.send(b"second")
        server.settimeout(1.0)
        with pytest.raises(OSError, match="timed out"):
            server.recv(100)


def test_the_freeze_holds_what_it_names_and_nothing_else(version):
    client, server = opened(version, socket.SOCK_DGRAM)
    with client, server, namespaces.inside("node"):
        made = flow(entry(version))
        namespaces.run("nft", "-f", "-", stdin=handover.freeze([made], seconds=2))
        client.send(b"frozen")
        server.settimeout(0.5)
        with pytest.raises(OSError, match="timed out"):
            server.recv(100)
        other, other_server = namespaces_free(version)
        with other, other_server:
            other.send(b"free")
            assert other_server.recv(100) == b"free"
        server.settimeout(10.0)
        deadline = 100
        while deadline:  # the elements end by themselves, as when the process that froze was killed
            client.send(b"thawed")
            server.settimeout(0.2)
            try:
                assert server.recv(100) == b"thawed"
                break
            except OSError:
                deadline -= 1
        assert deadline


def namespaces_free(version):
    """Another flow of the same client to the same server, by another port."""
    with namespaces.inside("server"):
        server = socket.socket(FAMILY[version], socket.SOCK_DGRAM)
        server.bind((NET[version][3], 9090))
        server.settimeout(SECONDS)
    with namespaces.inside("client"):
        client = socket.socket(FAMILY[version], socket.SOCK_DGRAM)
        client.connect((NET[version][3], 9090))
    return client, server


def test_many_at_once(version):
    """More than one message buffer holds."""
    client, _node, inner, server, front = NET[version]
    flows = [create.Flow(conntrack.Tuple("tcp", client, 10000 + number, front, 80), (server, 8080),
                         (inner, 20000 + number), create.ESTABLISHED, 300) for number in range(3000)]
    with namespaces.inside("node"):
        messages = create.messages(flows)
        assert set(create.send(messages)) == {0}
        assert set(create.send(messages)) == {errno.EEXIST}
        ports = {each.reply.target_port for each in conntrack.entries(FAMILY[version], translated=True)}
        assert ports == set(range(20000, 23000))
