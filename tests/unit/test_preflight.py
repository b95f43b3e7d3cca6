"""Whether a node is fit: the rules, and the observer on a directory tree."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.fairlead import preflight
from ansible.module_utils.fairlead.command import Commands, Result
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_observe import LOADED, MISSING, Found, Kernel
from ansible.module_utils.fairlead.kube_proxy.features import Probe
from ansible.module_utils.fairlead.kube_proxy.rules import Kernel as Rules
from ansible.module_utils.fairlead.kube_proxy.surroundings import Surroundings

CASES = yaml.safe_load((Path(__file__).parent / "cases/preflight/nodes.yml").read_text())["cases"]
NFT = "nftables v1.1.3 (Commodore Bullmoose #4)\n"


def wish(mode="iptables", version="1.37.2", deployment="systemd", **more):
    return preflight.Wish(mode, "rr", version, deployment, "/usr/local/bin/kube-proxy",
                          "/etc/kubernetes/kube-proxy.kubeconfig", **more)


def seen(case, mode, deployment):
    found = {name: Found(MISSING if name in case.get("missing", []) else LOADED, name)
             for name in ("ip_vs", "ip_vs_rr", "xt_recent")}
    own = deployment == "systemd"
    programs = {name: name not in case.get("without", []) for name in preflight.PROGRAMS[mode]} if own else {}
    return preflight.Observed(
        kernel=Kernel(case.get("release", "6.12.117+deb13"), found, installed=case.get("installed", True)),
        python="3.13.5", systemd=case.get("systemd", True), programs=programs,
        nft=case.get("nft", NFT) if programs.get("nft") else "",
        binary=case.get("binary", "") if own else "", kubeconfig=case.get("kubeconfig", "") if own else "")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_lines(case):
    mode, deployment = case.get("mode", "iptables"), case.get("deployment", "systemd")
    more = {name: case[name] for name in ("config", "announcers") if name in case}
    lines = preflight.judge(wish(mode, case.get("version", "1.37.2"), deployment, **more), seen(case, mode, deployment))
    wrong = [line for line in lines if line.verdict != preflight.FIT]
    wanted = case.get("lines", [])
    assert [(line.subject, line.verdict) for line in wrong] == [(row[0], row[1]) for row in wanted]
    for line, row in zip(wrong, wanted):
        for part in row[2:]:
            assert part in line.reason
    verdicts = [row[1] for row in wanted]
    assert preflight.verdict(lines) == ("unfit" if "unfit" in verdicts else "warn" if "warn" in verdicts else "fit")


@pytest.mark.parametrize("text", ["latest", "1", "v"])
def test_a_version_that_is_none(text):
    with pytest.raises(FairleadError, match="kube_proxy_kubernetes_version"):
        preflight.judge(wish(version=text), seen({}, "iptables", "systemd"))


@pytest.mark.parametrize(("text", "parts"), [("v1.37.2", (1, 37, 2)), ("6.12.117+deb13-cloud", (6, 12, 117)),
                                             ("5.15", (5, 15)), ("x", ())])
def test_numbers(text, parts):
    assert preflight.numbers(text) == parts


class Nft(Commands):
    def run(self, argv, timeout=30.0, stdin=None):
        assert list(argv) == ["/usr/sbin/nft", "--version"]
        return Result(0, NFT, "")


def loads(_mode, _commands, _measure):
    return Probe()


def test_observe(tmp_path):
    for name, text, mode in (("usr/local/bin/kube-proxy", "x", 0o755), ("run/systemd/system/x", "", 0o644),
                             ("etc/kubernetes/kube-proxy.kubeconfig", " \n", 0o600),
                             ("proc/modules", "nf_tables 1 0 - Live 0x0\n", 0o644)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    found = preflight.observe(wish("nftables"), Nft(), str(tmp_path), "6.12.1", lambda name: f"/usr/sbin/{name}",
                              around=lambda _commands: Surroundings(Rules()), probe=loads)
    assert (found.systemd, found.nft, found.binary, found.kubeconfig) == (True, NFT, "", "it is empty")
    assert found.kernel.found["nf_tables"].state == LOADED
    assert found.kernel.found["nft_ct"].state == MISSING
    assert not found.kernel.installed


def test_a_daemonset_needs_no_program_on_the_node(tmp_path):
    found = preflight.observe(wish("nftables", deployment="daemonset"), Nft(), str(tmp_path), "6.12.1",
                              lambda name: None if name == "unshare" else pytest.fail(f"{name} was looked for"),
                              around=lambda _commands: Surroundings(Rules()), probe=loads)
    assert (found.programs, found.nft, found.binary, found.probed) == ({}, "", "", None)


@pytest.mark.parametrize(("probe", "services", "wanted"), [
    (None, 10, []), (Probe(), 0, []), (Probe(seconds=0.0002), 2000, []),
    (Probe(seconds=0.02), 2000, [("first sync", "warn")]),
    (Probe("nft cannot load numgen: no"), 2000, [("rules of iptables mode", "unfit")])])
def test_what_was_really_loaded(probe, services, wanted):
    asked = replace(wish(), services=services, endpoints=2 * services)
    lines = preflight.judge(asked, replace(seen({}, "iptables", "systemd"), probed=probe))
    assert [(line.subject, line.verdict) for line in lines if line.verdict != preflight.FIT] == wanted


def test_a_pod_network_that_depends_on_the_mode_has_its_line():
    lines = preflight.judge(wish("nftables"), replace(seen({}, "nftables", "systemd"), plugins=("calico",)))
    assert [line.subject for line in lines if line.verdict != preflight.FIT] == ["pod network"]
