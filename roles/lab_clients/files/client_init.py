"""Become the first process of a client machine: its own root (an overlay that forgets), process table and sshd.

Started by the module lab_process as: ip netns exec NAMESPACE unshare --mount --uts --pid --fork --kill-child
python3 client_init.py NAME ROOTFS SSH_DIR ADDRESS. The mounts live in this machine's mount namespace and go with it.
"""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path


def main() -> None:
    name, rootfs, ssh, address = sys.argv[1:]
    root = Path("/mnt")  # in a mount namespace of our own; nothing of the real /mnt is touched
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "client", root], check=True)
    for part in ("upper", "work", "tree"):
        (root / part).mkdir()
    tree = root / "tree"
    layers = f"lowerdir={rootfs},upperdir={root}/upper,workdir={root}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "client", tree], check=True)
    for source in (Path(ssh) / "ssh_host_ed25519_key", Path(ssh) / "authorized_keys"):
        target = tree / ("root/.ssh" if source.name == "authorized_keys" else "etc/ssh") / source.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
    (tree / "etc/hostname").write_text(f"{name}\n", encoding="utf-8")
    subprocess.run(["mount", "-t", "proc", "proc", tree / "proc"], check=True)
    subprocess.run(["mount", "--rbind", "/sys", tree / "sys"], check=True)
    subprocess.run(["mount", "--rbind", "/dev", tree / "dev"], check=True)
    (tree / "run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)
    socket.sethostname(name)
    os.chroot(tree)
    os.chdir("/")
    os.execv("/usr/sbin/sshd", [
        "/usr/sbin/sshd", "-D", "-e", "-o", f"ListenAddress={address}", "-o", "UsePAM=no", "-o", "UseDNS=no",
        "-o", "HostKey=/etc/ssh/ssh_host_ed25519_key", "-o", "PasswordAuthentication=no",
        "-o", "MaxStartups=50", "-o", "MaxSessions=50"])


if __name__ == "__main__":
    main()
