"""IPVS as a kernel 6.12 lists it, and what is planned from that."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead import netfilter_conntrack as conntrack
from ansible.module_utils.fairlead import netfilter_conntrack_create as create
from ansible.module_utils.fairlead.bridge import layout
from ansible.module_utils.fairlead.bridge.layout import Part
from ansible.module_utils.fairlead.bridge.node import Family, NodeFacts
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.mode_change import handover, ipvs, ipvs_templates, own_sources, proof_ipvs

CONNECTIONS = """\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C0000207 9C40 C612000B 7582 0AF4010B 1F90 ESTABLISHED     893
TCP C0000207 9C41 C612000B 7582 0AF4010B 1F90 TIME_WAIT        93
TCP C0000208 9C40 C612000B 7582 0AF4020D 1F90 FIN_WAIT        100
TCP C0000209 0000 C612000B 7582 0AF4020D 1F90 NONE          10700
TCP C0000209 0000 0A600050 0050 0AF4010B 1F90 ASSURED        4294967290
UDP C0000207 9C42 C612000B 7582 0AF4010B 1F90 UDP             290
TCP fd98:0000:0000:0000:0000:0000:0000:0065 9C40 fd98:0000:0000:0000:0000:0000:0000:000b 7582 \
fd00:0244:0000:0001:0000:0000:0000:0003 1F90 ESTABLISHED     899
TCP C0000207 9C43 C000020A 01BB C0000214 01BB ESTABLISHED     899
"""
SERVERS = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A600050:0050 rr\x20
  -> 0AF4010B:1F90      Masq    1      0          0
  -> 0AF4020D:1F90      Masq    1      0          0
TCP  C612000B:7582 rr persistent 10800
  -> 0AF4010B:1F90      Masq    1      0          0
TCP  [fd00:0096:0000:0000:0000:0000:0000:0050]:0050 rr\x20
  -> [fd00:0244:0000:0001:0000:0000:0000:0003]:1F90      Masq    1      0          0
FWM  00000001 rr\x20
  -> C0000214:01BB      Masq    1      0          0
"""
NODE = "198.18.0.11"


def test_rows():
    found = ipvs.rows(CONNECTIONS)
    assert found[0] == ipvs.Row("tcp", "192.0.2.7", 40000, NODE, 30082, "10.244.1.11", 8080, "ESTABLISHED", 893,
                                "TCP C0000207 9C40 C612000B 7582 0AF4010B 1F90")
    assert [row.template for row in found] == [False, False, False, True, True, False, False, False]
    assert found[4].seconds == 0  # overdue
    assert (found[6].client, found[6].address, found[6].endpoint) == ("fd98::65", "fd98::b", "fd00:244:0:1::3")
    assert found[0].key in ipvs.keys(CONNECTIONS)


def test_servers():
    assert ipvs.servers(SERVERS) == {
        ("tcp", "10.96.0.80", 80): {("10.244.1.11", 8080), ("10.244.2.13", 8080)},
        ("tcp", NODE, 30082): {("10.244.1.11", 8080)},
        ("tcp", "fd00:96::50", 80): {("fd00:244:0:1::3", 8080)}}
    assert ipvs.servers("") == {}


def entry(client, port, reply_to, *, protocol="tcp", target=NODE, info=b""):
    first = conntrack.Tuple(protocol, client, port, target, 30082)
    return conntrack.Entry(2, first, conntrack.Tuple(protocol, "10.244.1.11", 8080, *reply_to), b"", 0, b"", info)


def plan(*entries, places=frozenset({("tcp", NODE, 30082), ("udp", NODE, 30082)})):
    return handover.plan(ipvs.rows(CONNECTIONS), entries, set(places), {"tcp": 86400, "udp": 120})


def test_what_is_handed_over():
    planned = plan(entry("192.0.2.7", 40000, ("10.244.1.1", 51000)), entry("192.0.2.8", 40000, ("192.0.2.8", 40000)),
                   entry("192.0.2.7", 40002, ("192.0.2.7", 40002), protocol="udp"),
                   entry("192.0.2.7", 40001, ("192.0.2.7", 40001)),  # closed on both sides
                   entry("192.0.2.99", 1, ("192.0.2.99", 1)))  # not of IPVS
    assert [(flow.original.source, flow.original.source_port, flow.endpoint, flow.source, flow.state, flow.seconds)
            for flow in planned.flows] == [
        ("192.0.2.7", 40000, ("10.244.1.11", 8080), ("10.244.1.1", 51000), create.ESTABLISHED, 86400),
        ("192.0.2.8", 40000, ("10.244.2.13", 8080), None, create.FIN_WAIT, 100),
        ("192.0.2.7", 40002, ("10.244.1.11", 8080), None, create.ESTABLISHED, 120)]
    assert planned.orphans == 0
    assert len(planned.keys) == 3


def test_what_cannot_be_handed_over_is_counted():
    assert plan().orphans == 3  # established, half closed, UDP; not templates, TIME_WAIT or another's server
    assert plan(places={("tcp", "192.0.2.10", 443)}).orphans == 1


def test_an_association_of_sctp_that_has_ended_is_not_counted_as_lost():
    listed = "".join(f"SCTP C0000207 {port} C612000B 7582 0AF4010B 1F90 {state} 55\n" for port, state in (
        ("9C40", "CLOSED"), ("9C41", "ESTABLISHED"), ("9C42", "S-SENT")))
    found = handover.plan(ipvs.rows(listed), [], {("sctp", NODE, 30082)}, {})
    assert found.orphans == 2


def test_the_freeze_names_both_directions_and_ends_by_itself():
    text = handover.freeze(plan(entry("192.0.2.7", 40000, ("10.244.1.1", 51000))).flows)
    assert "timeout 20s" in text
    assert "tcp . 192.0.2.7 . 40000 . 198.18.0.11 . 30082" in text
    assert "tcp . 10.244.1.11 . 8080 . 10.244.1.1 . 51000" in text
    assert "table ip6" not in text
    assert handover.freeze([]) == ""


FAMILY = Family("IPv4", "ip saddr 10.244.0.0/16", "ip saddr != 10.244.0.0/16")
FACTS = NodeFacts("node1", "", (NODE,), (FAMILY,))


def parts(affinity="ClientIP"):
    service = {"metadata": {"name": "stay", "namespace": "default"}, "spec": {
        "type": "NodePort", "clusterIP": "10.96.0.80", "clusterIPs": ["10.96.0.80"], "sessionAffinity": affinity,
        "ports": [{"name": "main", "port": 80, "nodePort": 30082}]}}
    sliced = {"metadata": {"name": "stay-1", "namespace": "default"}, "addressType": "IPv4",
              "ports": [{"name": "main", "port": 8080}],
              "endpoints": [{"addresses": [each], "nodeName": "node1"} for each in ("10.244.1.11", "10.244.2.13")]}
    return {("IPv4", "default/stay"): layout.service_part(service, [sliced], FAMILY, FACTS)}


def test_templates_become_affinity_clients():
    made = parts()
    found, ambiguous = ipvs.clients(ipvs.rows(CONNECTIONS), made, (NODE,))
    pins = made["IPv4", "default/stay"].pins
    assert {pins[name].address: held for name, held in found.items()} == {"10.244.2.13": {"192.0.2.9": 10700}}
    assert ambiguous == 0


def test_both_families_of_one_node_port():
    """The IPv6 endpoints of a node port once hid its IPv4 clients: read on a node of the lab."""
    six = Family("IPv6", "", "")
    service = {"metadata": {"name": "stay", "namespace": "default"}, "spec": {
        "type": "NodePort", "clusterIP": "10.96.0.80", "clusterIPs": ["10.96.0.80", "fd00:96::50"],
        "sessionAffinity": "ClientIP", "ports": [{"name": "main", "port": 80, "nodePort": 30082}]}}
    made = {}
    for family, kind, address in ((FAMILY, "IPv4", "10.244.2.13"), (six, "IPv6", "fd00:244:0:1::3")):
        sliced = {"metadata": {"name": f"stay-{kind}", "namespace": "default"}, "addressType": kind,
                  "ports": [{"name": "main", "port": 8080}], "endpoints": [{"addresses": [address]}]}
        made[kind, "default/stay"] = layout.service_part(service, [sliced], family, FACTS)
    text = CONNECTIONS.replace("0065 9C40", "0065 0000")
    for order in (made, dict(reversed(made.items()))):
        found, _ambiguous = ipvs.clients(ipvs.rows(text), order, (NODE, "fd98::b"))
        assert sorted(client for held in found.values() for client in held) == ["192.0.2.9", "fd98::65"]


def test_of_two_endpoints_the_younger_counts():
    text = CONNECTIONS.replace("4294967290", "10799")
    found, ambiguous = ipvs.clients(ipvs.rows(text), parts(), (NODE,))
    assert list(found.values()) == [{"192.0.2.9": 10799}]
    assert ambiguous == 1
    assert ipvs.clients(ipvs.rows(text), parts("None"), (NODE,)) == ({}, 0)


BOUND, MEMBERS = {"10.96.0.80"}, {"10.96.0.80,tcp:80", "30082"}
LISTED = {("tcp", "10.96.0.80", 80): {("10.244.1.11", 8080), ("10.244.2.13", 8080)},
          ("tcp", NODE, 30082): {("10.244.1.11", 8080), ("10.244.2.13", 8080)}}


def lacking(listed=LISTED, bound=BOUND, members=MEMBERS, affinity="None"):
    own = {name: part for (_family, name), part in parts(affinity).items()}
    return proof_ipvs.lacking(own, listed, bound, members, (NODE,))


def test_the_proof_wants_every_part():
    assert lacking() == ""
    assert lacking(affinity="ClientIP") == ""
    assert "kube-ipvs0" in lacking(bound=set())
    assert "ipset" in lacking(members={"30082"})
    assert "node port" in lacking(members={"10.96.0.80,tcp:80"})
    assert "10.244.2.13" in lacking({**LISTED, ("tcp", "10.96.0.80", 80): {("10.244.1.11", 8080)}})
    assert NODE in lacking({**LISTED, ("tcp", NODE, 30082): set()})
    assert lacking({**LISTED, ("tcp", "10.96.0.80", 80): set()}, affinity="ClientIP")
    assert proof_ipvs.lacking({"default/none": Part()}, {}, set(), set(), None) == ""


def test_own_sources():
    text = ("  sl  local_address rem_address   st\n   0: 5000600A:A3E2 5000600A:0050 01 00000000\n"
            "   1: 0100007F:277B 00000000:0000 0A 00000000\n")
    assert own_sources.local_addresses(text) == {"10.96.0.80"}  # on a machine with the low byte first
    six = ("  sl  local_address\n   0: 960000FD000000000000000050000000:A3E2 "
           "960000FD000000000000000050000000:0050 01 0\n")
    assert own_sources.local_addresses(six) == {"fd00:96::50"}
    assert own_sources.node_sources([{"type": "Hostname", "address": "node1"},
                                     {"type": "InternalIP", "address": NODE},
                                     {"type": "InternalIP", "address": "fd98::b"}]) == {"-4": NODE, "-6": "fd98::b"}


def test_templates_are_written_for_every_address_of_the_service():
    made = parts()
    pins = made["IPv4", "default/stay"].pins
    name = next(name for name, pin in pins.items() if pin.address == "10.244.2.13")
    found = ipvs_templates.wanted({name: {"192.0.2.9": 300}}, pins, made.values(), (NODE, "fd98::b", "127.0.0.1"))
    assert sorted((each.address, each.port, each.endpoint, each.seconds) for each in found) == [
        ("10.96.0.80", 80, "10.244.2.13", 300), (NODE, 30082, "10.244.2.13", 300)]


def test_a_message_of_the_synchronisation_protocol():
    four = ipvs_templates.Template("tcp", "192.0.2.9", "10.96.0.80", 80, "10.244.2.13", 8080, 300)
    six = ipvs_templates.Template("udp", "2001:db8::9", "fd00:96::50", 53, "fd00:244::3", 5353, 60)
    [message] = ipvs_templates.messages([four, six], 7)
    assert message[:8] == bytes((0, 7, 0, 8 + 36 + 72, 2, 1, 0, 0))
    assert message[8:44].hex() == ("00" "06" "0024" "00001000" "0000" "0000" "0050" "1f90" "00000000" "0000012c"
                                   "c0000209" "0a600050" "0af4020d")
    assert message[44:68].hex() == "01" "11" "0048" "00001000" "0000" "0000" "0035" "14e9" "00000000" "0000003c"
    assert len(message) == 116
    many = list(ipvs_templates.messages([four] * 100, 7))
    assert sum(each[4] for each in many) == 100
    assert max(map(len, many)) <= ipvs_templates.MESSAGE_BYTES


@pytest.mark.parametrize(("used", "limit", "room"), [(949, 1000, True), (951, 1000, False), (951, 0, True)])
def test_a_full_connection_table_is_refused(tmp_path, monkeypatch, used, limit, room):
    """A limit of 0 is none (__nf_conntrack_alloc of Linux 6.12)."""
    (tmp_path / "nf_conntrack_count").write_text(f"{used}\n", encoding="ascii")
    (tmp_path / "nf_conntrack_max").write_text(f"{limit}\n", encoding="ascii")
    monkeypatch.setattr(handover, "_TRACKING", tmp_path)
    if room:
        handover.require_room()
        return
    with pytest.raises(FairleadError, match="nf_conntrack_max='1000': 951 entries are used"):
        handover.require_room()
