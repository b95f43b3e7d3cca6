"""kube-proxy is upgraded by a minor release in the mode it has, and back, under load: nothing is lost.

By the role's ordinary restart, without the bridge: in the same mode kube-proxy's start removes no rules, and its first
sync replaces each table's in one transaction (docs/kube-proxy.md). `make sweep-versions` builds the older release.
"""
from __future__ import annotations

import os
import time

import ask
import live_change
import pytest
import releases
from bench import NODE1, Bench
from live_change import probing
from releases import LABS, OLDER, Release
from traffic import STAY, WEB, services

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for network namespaces")
RATE, KEPT = 25, 12
SERVED_SECONDS = 60.0
DOES_NOT_RUN = "/usr/local/bin/kube-proxy-that-ends"


@pytest.fixture(scope="module")
def made():
    program = releases.built()
    if not program:
        pytest.skip(releases.MISSING)
    with Bench() as bench:
        bench.apply(*services())
        bench.install()
        releases.put(bench, program)
        bench.write(DOES_NOT_RUN, "#!/bin/sh\nexit 1\n", 0o755)
        yield bench


@pytest.fixture(scope="module", params=["iptables", "nftables"])
def mode(made, request):
    answer = made.kube_proxy(request.param, "live")
    assert not answer.get("failed"), answer
    yield request.param
    run(made, LABS, request.param)  # so that one thing at a time changes on the way to the next mode


def run(bench, release, mode):
    answer = releases.run(bench, release, mode)
    assert not answer.get("failed"), answer
    assert releases.running(bench) == release.name
    return answer


@pytest.fixture
def bench(made, mode):
    """The older release serves."""
    run(made, OLDER, mode)
    deadline = time.monotonic() + SERVED_SECONDS
    while not pods(WEB, 1) or not pods(STAY, 1):
        assert time.monotonic() < deadline, f"the Services do not answer {SERVED_SECONDS:.0f} s after the start"
        time.sleep(0.5)
    return made


@pytest.fixture
def load(bench):
    with probing(bench, RATE, KEPT, 3.0) as seen:
        yield seen


def pods(port: int, times: int = 10) -> set[str]:
    """Who answers on this node port."""
    said = ask.answers("client", [("TCP", NODE1, port)], times)["TCP", NODE1, port]
    return {words.partition(" sees ")[0] for words in said if " sees " in words}


def nothing_lost(summary):
    live_change.nothing_lost(summary, RATE, KEPT)


def test_an_upgrade_and_the_way_back_lose_nothing(bench, mode, load):
    before = pods(STAY)
    assert len(before) == 1
    for release in (LABS, OLDER):
        answer = run(bench, release, mode)
        assert answer["changed"]
        assert answer["mode"] == mode
        assert not run(bench, release, mode)["changed"]
        assert pods(STAY) == before  # the client's pod is remembered over the restart
    assert len(pods(WEB, 30)) > 1  # the control: without affinity more than one answers
    nothing_lost(load())


def test_a_new_release_that_does_not_come_up_is_undone(bench, mode, load):
    answer = releases.run(bench, Release(LABS.name, DOES_NOT_RUN), mode, timeout=20)
    assert answer.get("failed"), answer
    assert f"went back to its previous files and serves in {mode} mode" in answer["msg"]
    assert releases.running(bench) == OLDER.name
    nothing_lost(load())


def test_the_control_rules_that_are_missing_for_a_moment_are_seen(made):
    """Last, since the connections that it loses leave entries that disturb what comes after."""
    assert not made.kube_proxy("nftables", "live").get("failed")
    run(made, OLDER, "nftables")
    with probing(made, RATE, KEPT, 3.0) as seen:
        for family in ("ip", "ip6"):
            made.on_node("nft", "delete", "table", family, "kube-proxy")
        run(made, LABS, "nftables")
        assert seen().failed > 0
