"""Become the first process of a namespace node: a root of its own (an overlay that forgets) over the lab's node image.

Started as: ip netns exec NAMESPACE unshare --mount --uts --pid --fork --kill-child python3 node_root.py ROOTFS
KUBE_PROXY SYSTEMCTL. So everything on such a node runs with the node's own Python, nft and iptables; only systemd is
missing, and a stand-in starts and ends kube-proxy by its real unit file.
"""
from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path


def main() -> None:
    rootfs, kube_proxy, systemctl = sys.argv[1:]
    root = Path("/mnt")  # in a mount namespace of our own; nothing of the real /mnt is touched
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "node", root], check=True)
    for part in ("upper", "work", "tree"):
        (root / part).mkdir()
    tree = root / "tree"
    layers = f"lowerdir={rootfs},upperdir={root}/upper,workdir={root}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "node", tree], check=True)
    program = tree / "usr/local/bin/kube-proxy"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch()
    subprocess.run(["mount", "--bind", kube_proxy, program], check=True)
    for called in ("systemctl", "systemd-run"):
        (tree / "usr/bin" / called).unlink()
        shutil.copyfile(systemctl, tree / "usr/bin" / called)
        (tree / "usr/bin" / called).chmod(0o755)
    for target, kind in (("proc", "proc"), ("run", "tmpfs"), ("tmp", "tmpfs")):
        subprocess.run(["mount", "-t", kind, kind, tree / target], check=True)
    subprocess.run(["mount", "--rbind", "/dev", tree / "dev"], check=True)
    subprocess.run(["mount", "--rbind", "/sys", tree / "sys"], check=True)
    for each in ("etc/kubernetes", "var/lib/fairlead", "var/log", "run/systemd/system"):
        (tree / each).mkdir(parents=True, exist_ok=True)
    socket.sethostname("node1")
    os.chroot(tree)
    os.chdir("/")
    signal.signal(signal.SIGCHLD, lambda *_: None)  # pause() has to return when a child ended
    print("ready", flush=True)
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            signal.pause()


if __name__ == "__main__":
    main()
