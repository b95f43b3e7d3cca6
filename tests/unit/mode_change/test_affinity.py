"""Names as kube-proxy 1.37.2 made them, read from a real kernel; times as that kernel printed them."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.bridge.layout import Pin
from ansible.module_utils.fairlead.mode_change import affinity

FOUR = Pin("IPv4", "default/web:main", 80, "tcp", "10.244.1.11", 8080, 10800)
SIX = Pin("IPv6", "default/web:main", 80, "tcp", "fd00:244:0:1::11", 8080, 10800)


def test_names():
    assert affinity.chain_name(FOUR) == "KUBE-SEP-EHSPIBSR3S7C36OF"
    assert affinity.chain_name(SIX) == "KUBE-SEP-OD3ZLQ23NIKV3GPL"
    assert affinity.set_name(FOUR) == "affinity-74RVYNZ6-default/web/tcp/main__10.244.1.11/8080"
    assert affinity.set_name(SIX) == "affinity-675SQ6BH-default/web/tcp/main__fd00.244.0.1..11/8080"


@pytest.mark.parametrize("hz", [100, 250, 300, 1000])
@pytest.mark.parametrize("uptime", [60.0, 400.0, 17500.0, 3e6])
def test_the_kernels_tick(hz, uptime):
    newest = int(uptime * hz) + 2**32 - 300 * hz
    text = f"  .last_jiffies   : {newest - 3 * hz}\n  .idle_jiffies   : {newest - hz}\n"
    assert affinity.ticks_per_second(text, uptime) == hz
    assert affinity.seconds_since_boot(newest, hz) == pytest.approx(uptime, abs=0.1)


def test_a_kernels_own_figures():
    assert affinity.ticks_per_second(".idle_jiffies   : 4299264436", 17502.0) == 250
    assert 17500.0 - affinity.seconds_since_boot(4299267249, 250) == pytest.approx(0.2, abs=0.5)


def test_reading_a_list(tmp_path, monkeypatch):
    (tmp_path / affinity.chain_name(FOUR)).write_text(
        "src=192.0.2.7 ttl: 64 last_seen: 4299267249 oldest_pkt: 1 4299267249\n"
        "src=192.0.2.8 ttl: 64 last_seen: 4294967296 oldest_pkt: 1 4294967296\n")
    monkeypatch.setattr(affinity, "ticks_per_second", lambda *_: 250)
    monkeypatch.setattr(affinity.time, "clock_gettime", lambda _: 17600.0)
    # the second was last seen 17,300 s ago: longer than its Service remembers
    assert affinity.of_iptables({"a": FOUR, "b": SIX}, tmp_path) == {"a": {"192.0.2.7": 10700}}


def test_writing_the_youngest_last(tmp_path):
    path = tmp_path / affinity.chain_name(FOUR)
    path.write_text("")
    clients = {"a": {"192.0.2.7": 50, "192.0.2.8": 10}, "b": {"2001:db8::1": 5}}
    assert affinity.into_iptables(clients, {"a": FOUR, "b": SIX}, tmp_path) == 2  # b's list is gone with its endpoint
    assert path.read_text() == "+192.0.2.7\n"


def test_writing_sets_and_what_is_new():
    clients = {"a": {"192.0.2.7": 50, "192.0.2.8": 99999}}
    assert affinity.into_sets(clients, {"a": FOUR}) == (
        f"add element ip kube-proxy {affinity.set_name(FOUR)} "
        "{ 192.0.2.7 timeout 10800s expires 50s, 192.0.2.8 timeout 10800s expires 10800s }\n")
    assert affinity.newer(clients, {"a": {"192.0.2.7": 1}}) == {"a": {"192.0.2.8": 99999}}
