"""Build kube-proxy 1.20.2 from Debian's source package, in the directory this runs in; out/kube-proxy is the result.

The last kube-proxy with userspace mode that can be had as source without git. It is of the time before Go 1.20, so it
is compiled by Debian's own Go 1.19, which is unpacked beside it and not installed. apt checks every signature; its
lists are kept here too, so that the machine's own are not touched.
"""
from __future__ import annotations

import glob
import os
import subprocess
from pathlib import Path

RELEASE, GO = "1.20.2", "1.19"
HERE = Path.cwd()
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"  # of the package debian-archive-keyring


def run(*argv: str, **more) -> str:
    print("$", *argv, flush=True)
    return subprocess.run(argv, check=True, text=True, **more).stdout


def apt(*argv: str) -> None:
    """apt-get with sources and lists of its own; its cache of packages is this directory."""
    for name in ("parts", "lists/partial"):
        (HERE / name).mkdir(parents=True, exist_ok=True)
    run("apt-get", "-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={HERE}/parts",
        "-o", f"Dir::State::Lists={HERE}/lists", "-o", "APT::Sandbox::User=root", *argv)


def sources() -> str:
    """Debian's archive as this machine's apt knows it, for packages and for sources."""
    shown = run("apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)|$(CODENAME)", "Created-By: Packages",
                stdout=subprocess.PIPE)
    for line in shown.splitlines():
        label, place, release = line.split("|")
        if label == "Debian":
            return "".join(f"{kind} [signed-by={KEYS}] {place} {release} main\n" for kind in ("deb", "deb-src"))
    raise SystemExit("apt knows no archive with the label Debian")


def fetch() -> None:
    (HERE / "parts").mkdir(exist_ok=True)
    (HERE / "parts" / "debian.list").write_text(sources(), encoding="utf-8")
    apt("update")
    apt("source", "--download-only", "kubernetes")
    apt("download", f"golang-{GO}-go", f"golang-{GO}-src")


def unpack() -> None:
    for package in glob.glob("golang-*.deb"):
        run("dpkg-deb", "--extract", package, "go")
    description, = glob.glob("kubernetes_*.dsc")
    (HERE / "path/src/k8s.io").mkdir(parents=True)
    run("dpkg-source", "--extract", description, "path/src/k8s.io/kubernetes")
    # Debian keeps Go's library and its architecture's files apart, joined by links that lead to /usr.
    root = HERE / "go/usr/lib" / f"go-{GO}"
    for link in [each for each in root.iterdir() if each.is_symlink()]:
        target = HERE / "go" / os.readlink(link).lstrip("/") if os.path.isabs(os.readlink(link)) else (
            link.parent / os.readlink(link))
        link.unlink()
        link.symlink_to(target.resolve())


def compile_it() -> None:
    root = HERE / "go/usr/lib" / f"go-{GO}"
    major, minor, _patch = RELEASE.split(".")
    version = "k8s.io/kubernetes/vendor/k8s.io/component-base/version"
    flags = " ".join(["-s -w", f"-X {version}.gitVersion=v{RELEASE}", f"-X {version}.gitMajor={major}",
                      f"-X {version}.gitMinor={minor}"])
    environment = {**os.environ, "GOROOT": str(root), "GOPATH": str(HERE / "path"), "GO111MODULE": "off",
                   "CGO_ENABLED": "0", "GOCACHE": str(HERE / "cache"), "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    run(str(root / "bin/go"), "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(HERE / "out/kube-proxy"),
        "k8s.io/kubernetes/cmd/kube-proxy", env=environment, cwd=str(HERE / "path/src/k8s.io/kubernetes"))


if __name__ == "__main__":
    fetch()
    unpack()
    compile_it()
