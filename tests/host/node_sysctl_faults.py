"""Run in namespaces: what node_sysctl says and does when things are wrong. The first argument names the proof."""
from __future__ import annotations

import contextlib
import fcntl
import os
import runpy
import subprocess
import sys
import threading
import time
from pathlib import Path

from modules import LIBRARY, run_module
from namespaces import cover, fresh_devices
from settings import DROPIN, JOURNAL, SETTINGS, WANTED, everything, settle

PORTS = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
OURS = {"settings": {"net.ipv4.ip_local_reserved_ports": {"value": "30000-32767", "compare": "includes"}}}
OTHER = DROPIN.with_name("50-other.conf")


def failure(arguments: dict, **more) -> dict:
    result = run_module("node_sysctl", arguments, **more)
    assert result.get("failed"), result
    return result


def reserved() -> None:
    """Another component reserves ports: before us, after us by its own file, and by hand. Nothing is lost, live and
    at boot, and our own range goes with us."""
    PORTS.write_text("8080")
    OTHER.write_text("net.ipv4.ip_local_reserved_ports = 8080\n")
    settle(OURS)
    assert PORTS.read_text().strip() == "8080,30000-32767"
    OTHER.write_text("net.ipv4.ip_local_reserved_ports = 8080,9090\n")
    PORTS.write_text("8080,9090")  # as `sysctl -p` of their file does: ours is gone
    assert any("ip_local_reserved_ports is 8080,9090" in word for word in settle(OURS, check=True)["findings"])
    settle(OURS)
    assert PORTS.read_text().strip() == "8080,9090,30000-32767"
    subprocess.run(["/usr/lib/systemd/systemd-sysctl"], check=False, timeout=20)
    assert PORTS.read_text().strip() == "8080,9090,30000-32767"
    assert not settle(OURS)["changed"]
    settle({"state": "absent"})
    assert PORTS.read_text().strip() == "8080,9090"
    print("ok")


def overridden() -> None:
    """A file that wins over ours at boot is named with its line; so is a value set by hand; neither hides the other."""
    settle(WANTED)
    other = DROPIN.with_name("99-zz-other.conf")
    other.write_text("# somebody\n\nnet.ipv4.ip_forward=0\n-net.core.somaxconn = 9999\n"
                     "net.ipv4.conf.*.arp_ignore = 7\n")
    Path("/proc/sys/net/ipv4/conf/all/arp_ignore").write_text("0")
    found = settle(WANTED, check=True)["findings"]
    assert len(found) == 2, found
    assert found[0] == "net.ipv4.conf.all.arp_ignore is 0, asked is 1"
    overridden_by = f"{other}:3 sets net.ipv4.ip_forward = 0 at boot and wins over {DROPIN}, which asks for 1"
    assert found[1].startswith(overridden_by), found
    result = settle(WANTED)
    warned = [warning["event"]["msg"] for warning in result["warnings"]]
    assert result["changed"] and warned == result["findings"] == found[1:], result
    assert not settle(WANTED)["changed"]
    DROPIN.write_text(DROPIN.read_text() + "net.ipv4.ip_forward = 0\n")
    assert f"{DROPIN} differs from what the role writes" in settle(WANTED, check=True)["findings"]
    settle(WANTED)
    assert DROPIN.read_text().count("ip_forward") == 1
    print("ok")


def refused() -> None:
    """The kernel refuses one key: all others are set, live and for boot, and the message says so."""
    wrong = {**SETTINGS, "net.ipv4.conf.default.arp_ignore": 2, "net.core.somaxconn": "99999999999"}
    result = failure({**WANTED, "settings": wrong})
    said = "net.core.somaxconn='99999999999': the kernel does not take this value: "
    assert result["msg"].startswith(said), result["msg"]
    assert "other steps were done" in result["msg"]
    assert "set net.ipv4.conf.default.arp_ignore" in result["applied"]
    assert "set net.core.somaxconn" not in result["applied"]
    assert Path("/proc/sys/net/ipv4/conf/default/arp_ignore").read_text().strip() == "2"
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"
    assert "somaxconn" not in DROPIN.read_text() and "arp_ignore = 2" in DROPIN.read_text()
    settle(WANTED)
    assert not settle(WANTED)["changed"]
    print("ok")


def read_only() -> None:
    """/proc/sys is read-only, as in a container: every key is named, no file is left that asks for them."""
    subprocess.run(["mount", "--bind", "/proc/sys", "/proc/sys"], check=True, timeout=10)
    subprocess.run(["mount", "-o", "remount,ro,bind", "/proc/sys"], check=True, timeout=10)
    result = failure(WANTED)
    assert "Read-only file system" in result["msg"] and "container" in result["msg"], result["msg"]
    for key in ("net.ipv4.ip_forward", "net.ipv4.tcp_rmem", "net.ipv4.ip_local_reserved_ports"):
        assert key in result["msg"]
    assert not [line for line in DROPIN.read_text().splitlines() if line[0] != "#"] if DROPIN.exists() else True
    subprocess.run(["umount", "/proc/sys"], check=True, timeout=10)
    settle(WANTED)
    assert not settle(WANTED)["changed"]
    print("ok")


def no_right() -> None:
    """A user other than root: one clear word, nothing changed, and check mode still answers."""
    before = everything()
    settle({"state": "absent"}, check=True)
    runpy.run_path(str(LIBRARY / "node_sysctl.py"))  # all imports, while Python's own files can be read
    os.seteuid(65534)
    result = failure(WANTED)
    assert "run as root" in result["msg"].lower(), result["msg"]
    assert settle(WANTED, check=True)["changed"]
    os.seteuid(0)
    assert everything() == before and not DROPIN.exists() and not JOURNAL.exists()
    print("ok")


def full_disk() -> None:
    """No room for the journal: nothing is changed. No room for the drop-in: said with what was done; both mend
    themselves."""
    before = everything()
    fill(JOURNAL.parent)
    result = failure(WANTED)
    assert str(JOURNAL) in result["msg"] and "No space left" in result["msg"], result["msg"]
    assert result["applied"] == [] and everything() == before and not DROPIN.exists()
    (JOURNAL.parent / "ballast").unlink()
    fill(DROPIN.parent)
    result = failure(WANTED)
    assert str(DROPIN) in result["msg"] and "No space left" in result["msg"], result["msg"]
    assert "set net.ipv4.ip_forward" in result["applied"] and not DROPIN.exists()
    (DROPIN.parent / "ballast").unlink()
    assert settle(WANTED)["changed"]
    assert not settle(WANTED)["changed"]
    print("ok")


def fill(directory: Path) -> None:
    ballast = os.open(directory / "ballast", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(ballast, b"x" * 4096)
    os.close(ballast)


def two_runs() -> None:
    """Two runs with different wishes: one waits for the other, and the node's own value is what the journal holds."""
    Path("/proc/sys/net/ipv4/conf/all/arp_ignore").write_text("8")
    wishes = [{"settings": {"net.ipv4.conf.all.arp_ignore": value}} for value in (1, 2)]
    with open("/run/fairlead.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        results: list[dict] = []
        runs = [threading.Thread(target=lambda wish=wish: results.append(run_module("node_sysctl", wish)))
                for wish in wishes]
        for run in runs:
            run.start()
        time.sleep(2)
        assert not results and Path("/proc/sys/net/ipv4/conf/all/arp_ignore").read_text().strip() == "8"
        fcntl.flock(held, fcntl.LOCK_UN)
    for run in runs:
        run.join(60)
    assert [result["changed"] for result in results] == [True, True], results
    settle({"state": "absent"})
    assert Path("/proc/sys/net/ipv4/conf/all/arp_ignore").read_text().strip() == "8"
    print("ok")


def bad_input() -> None:
    """Slips are told apart and told together; nothing is changed."""
    before = everything()
    result = failure({"settings": {
        "net.ipv4.ip_forwrad": 1, "net.ipv4": 1, "net.ipv4.conf.all.arp_ignore": True, "net.ipv4.vs.conntrack": 1,
        "net.core.somaxconn": {"value": "x", "compare": "at_least"}}})
    for part in ("ip_forwrad", "boolean", "ip_vs", "nothing can be at least", "nothing was changed", "group of keys"):
        assert part in result["msg"], (part, result["msg"])
    assert everything() == before and not DROPIN.exists()
    JOURNAL.write_text('{"version": 9}')
    assert str(JOURNAL) in failure(WANTED)["msg"]
    print("ok")


if __name__ == "__main__":
    cover()
    fresh_devices("a", "b.10")
    PORTS.write_text("\n")
    globals()[sys.argv[1]]()
