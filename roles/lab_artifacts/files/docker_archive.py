"""Write a container image as a docker-archive tar: one layer, taken from a root file system and single files.

The tools of an image are named as programs; the shared libraries and the loader they need come along by asking the
root file system's own loader. So an image holds dozens of files, not a distribution: on an emulated node importing
thousands of files takes minutes.

Usage: docker_archive.py --root DIR --tag NAME:TAG [--tag ...] [--program /usr/bin/dig ...] [--tree /usr/lib/x ...]
                         [--add SOURCE:/TARGET ...] [--busybox] [--entrypoint WORD ...] [--cmd WORD ...] OUTPUT
"""
from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

BUSYBOX = "/usr/bin/busybox"
LIBRARY = re.compile(r"(/\S+) \(0x[0-9a-f]+\)")  # a line of ldd: "libc.so.6 => /lib/.../libc.so.6 (0x7f...)"


def libraries(root: Path, program: str) -> set[str]:
    """Absolute paths, inside root, of the shared libraries of one program; none for a static one."""
    shown = subprocess.run(["chroot", root, "ldd", program], capture_output=True, text=True, check=False)
    return set(LIBRARY.findall(shown.stdout))


def resolve(root: Path, path: str) -> Path:
    """The real file behind a path inside root; absolute links are taken relative to root."""
    real = Path(path)
    for _ in range(10):
        target = root / real.relative_to("/")
        parent = Path("/") / os.path.relpath(os.path.realpath(target.parent), os.path.realpath(root))
        target = root / parent.relative_to("/") / target.name
        if not target.is_symlink():
            return target
        real = Path(os.path.normpath(parent / os.readlink(target)))
    raise SystemExit(f"{path}: too many links")


class Layer:
    """A reproducible tar: sorted by the caller, owned by root, times zero."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.tar = tarfile.TarFile(fileobj=self.stream, mode="w", format=tarfile.GNU_FORMAT)
        self.seen: set[str] = set()

    def directory(self, path: str, mode: int = 0o755) -> None:
        name = path.strip("/")
        if not name or name in self.seen:
            return
        self.directory(os.path.dirname(name))
        self.seen.add(name)
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self.tar.addfile(entry)

    def file(self, path: str, content: bytes, mode: int = 0o755) -> None:
        name = path.strip("/")
        if name in self.seen:
            return
        self.directory(os.path.dirname(name))
        self.seen.add(name)
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), mode
        self.tar.addfile(entry, io.BytesIO(content))

    def link(self, path: str, target: str) -> None:
        name = path.strip("/")
        if name in self.seen:
            return
        self.directory(os.path.dirname(name))
        self.seen.add(name)
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self.tar.addfile(entry)

    def bytes(self) -> bytes:
        self.tar.close()
        return self.stream.getvalue()


def build_layer(options: argparse.Namespace) -> bytes:
    layer = Layer()
    for path in ("/etc", "/proc", "/sys", "/dev", "/var/run", "/usr/bin", "/usr/sbin"):
        layer.directory(path)
    layer.directory("/tmp", 0o1777)
    for link in ("bin", "sbin", "lib", "lib64"):  # Debian's merged /usr
        layer.link(link, f"usr/{link}")
    layer.file("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
    layer.file("/etc/group", b"root:x:0:\n", 0o644)
    # Without it ipset cannot read "tcp", and kube-proxy in ipvs mode leaves its sets empty, with a line in its log.
    layer.file("/etc/protocols", resolve(options.root, "/etc/protocols").read_bytes(), 0o644)
    layer.file("/etc/nsswitch.conf", b"hosts: files dns\n", 0o644)
    wanted = {*options.program, *([BUSYBOX] if options.busybox else [])}
    for tree in options.tree:
        top = resolve(options.root, tree)
        wanted |= {f"{tree}/{p.relative_to(top)}" for p in top.rglob("*") if p.is_file()}
    for path in sorted(wanted | {lib for program in wanted for lib in libraries(options.root, program)}):
        real = resolve(options.root, path)
        merged = re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", path)
        layer.file(merged, real.read_bytes(), real.stat().st_mode & 0o755)
    for pair in options.add:
        source, target = pair.rsplit(":", 1)
        layer.file(target, Path(source).read_bytes())
    if options.busybox:
        taken = {os.path.basename(name) for name in layer.seen}
        asked = ["chroot", options.root, BUSYBOX, "--list"]
        applets = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
        for applet in sorted(set(applets) - taken):  # the real programs named by --program stay
            layer.link(f"/usr/bin/{applet}", "busybox")
    return layer.bytes()


def write_archive(options: argparse.Namespace, layer: bytes) -> None:
    layer_digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"Entrypoint": options.entrypoint, "Cmd": options.cmd,
                   "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{layer_digest}/layer.tar"
    manifest = json.dumps([{"Config": config_name, "RepoTags": options.tag, "Layers": [layer_name]}]).encode()
    outer = Layer()
    outer.file(config_name, config, 0o644)
    outer.file(layer_name, layer, 0o644)
    outer.file("manifest.json", manifest, 0o644)
    options.output.write_bytes(outer.bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--tag", action="append", required=True)
    parser.add_argument("--program", action="append", default=[])
    parser.add_argument("--tree", action="append", default=[])
    parser.add_argument("--add", action="append", default=[])
    parser.add_argument("--busybox", action="store_true")
    parser.add_argument("--entrypoint", action="append", default=[])
    parser.add_argument("--cmd", action="append", default=[])
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    write_archive(options, build_layer(options))


if __name__ == "__main__":
    main()
