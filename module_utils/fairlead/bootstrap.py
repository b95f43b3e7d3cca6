"""A node that settles itself: the units that pull the repository, and cloud-init's user data that carry them. Pure.

What ansible-pull (2.19, lib/ansible/cli/pull.py) makes of its options decides much here:

* It puts repository and ref into a line of key=value words and into a command line, so only plain characters are let
  through.
* It reads ./ansible.cfg and an existing inventory *before* it fetches, so it is started in / with a relative inventory:
  nothing of a checkout that has not been verified in this very run is looked at.
* --only-if-changed would hide drift and --force would run what could not be verified: neither is used.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import OWNER_LINE

SERVICE, TIMER = "fairlead-pull.service", "fairlead-pull.timer"
UNITS = "/etc/systemd/system"
SIGNERS = "/etc/fairlead/signers"
LOCK = "/run/fairlead-pull.lock"
PGP_BEGINS = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
LONGEST_USER_DATA = 16384  # bytes; what the smallest of the widely used data sources takes

# A word for git, ansible and systemd alike: no blanks, quotes, braces or backslashes.
_WORD = re.compile(r"[A-Za-z0-9@:/._~+%=,-]+")
_SCHEDULE = re.compile(r"[A-Za-z0-9*:/.,~ -]+")
_SSH_KEY = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: .*)?")


@dataclass(frozen=True)
class Pull:
    """What a node pulls, and when.

    repository: address for git; ref: branch, tag or commit
    inventory, playbook: relative to the repository's root
    host: the node's name in that inventory; "" for its host name
    schedule: OnCalendar= of systemd.timer(5); random_delay: seconds at most that are added to it
    keys: public keys, OpenSSH's or OpenPGP's, one of which must have signed the commit; "" takes every commit
    """

    repository: str
    ref: str
    inventory: str
    playbook: str
    host: str
    directory: str
    schedule: str
    random_delay: int
    keys: str


def check(pull: Pull) -> Pull:
    """The same, or FairleadError for what git, ansible-pull or systemd would read as something else."""
    for field in ("repository", "ref", "inventory", "playbook", "host", "directory"):
        value = getattr(pull, field)
        if field == "host" and not value:
            continue
        if not _WORD.fullmatch(value) or value.startswith("-"):
            raise FairleadError(field, "is empty, begins with - or holds blanks, quotes, braces or other special "
                                "characters",
                                "write a plain word", value)
    if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", pull.repository):
        raise FairleadError("repository", "holds a password, and units and user data are read by everybody on the node",
                            "use an ssh address with a deploy key, or a git credential helper on the node")
    for field in ("inventory", "playbook"):
        value = getattr(pull, field)
        if value.startswith("/") or ".." in value.split("/"):
            raise FairleadError(field, "is not inside the repository", "give a path relative to its root", value)
    if not pull.directory.startswith("/"):
        raise FairleadError("directory", "is not absolute", "give an absolute path", pull.directory)
    if not _SCHEDULE.fullmatch(pull.schedule):
        raise FairleadError("schedule", "is no calendar expression of systemd",
                            "write one such as *:0/30 and try it with systemd-analyze calendar", pull.schedule)
    if pull.random_delay < 0:
        raise FairleadError("random_delay", "is negative", "give seconds, 0 for none", pull.random_delay)
    signers(pull.keys)
    return pull


def signers(keys: str) -> str:
    """The file of keys: an OpenPGP key block, or lines of ssh-keygen(1)'s ALLOWED SIGNERS. "" without keys."""
    text = keys.strip()
    if not text:
        return ""
    if "PRIVATE KEY" in text:
        raise FairleadError("keys", "holds a private key", "give the public key, and take the private one out of there")
    if text.startswith(PGP_BEGINS):
        return text + "\n"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in lines:
        if not _SSH_KEY.fullmatch(line):
            raise FairleadError("keys", "is neither a public key of OpenSSH nor an OpenPGP public key block",
                                "write what ssh-keygen or gpg --armor --export prints", line[:40])
    return "".join(f'* namespaces="git" {" ".join(line.split()[:2])}\n' for line in lines)


def files(pull: Pull) -> dict[str, str]:
    """Texts by path of the file. The units have an owner line; the keys may not have one of gpg's."""
    keys = {SIGNERS: signers(pull.keys)} if pull.keys.strip() else {}
    return {**keys, f"{UNITS}/{SERVICE}": service(pull), f"{UNITS}/{TIMER}": timer(pull)}


def service(pull: Pull) -> str:
    """systemd runs a unit once at a time; the lock is for whoever runs ansible-pull beside it."""
    words = ["/usr/bin/flock", "--wait", "600", LOCK, "/usr/bin/ansible-pull", "--url", pull.repository,
             "--checkout", pull.ref, "--directory", pull.directory, "--clean", "--inventory", pull.inventory,
             *(["--verify-commit"] if pull.keys.strip() else []), "--limit"]
    host = escaped(pull.host) if pull.host else "%H"
    command = " ".join([*map(escaped, words), host, escaped(pull.playbook)])
    lines = [
        OWNER_LINE,
        f"# To undo: systemctl disable --now {TIMER}, then remove this file, the timer and {SIGNERS}.",
        "[Unit]",
        "Description=Settle this node as its repository asks",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        "# Not in the checkout: its ansible.cfg must not be read before it has been verified.",
        "WorkingDirectory=/",
        "Environment=LANG=C.UTF-8 HOME=/root",
        "TimeoutStartSec=1h",
    ]
    if pull.keys.strip():
        lines += ["# Only the given keys count: root's own keyring and git configuration do not.",
                  "RuntimeDirectory=fairlead-pull", "RuntimeDirectoryMode=0700",
                  "Environment=GNUPGHOME=/run/fairlead-pull GIT_CONFIG_COUNT=1 "
                  f"GIT_CONFIG_KEY_0=gpg.ssh.allowedSignersFile GIT_CONFIG_VALUE_0={_ssh_signers(pull)}"]
        if _is_pgp(pull):
            lines.append(f"ExecStartPre=/usr/bin/gpg --batch --quiet --import {SIGNERS}")
    return "\n".join([*lines, f"ExecStart={command}"]) + "\n"


def timer(pull: Pull) -> str:
    return "\n".join([
        OWNER_LINE,
        "[Unit]",
        f"Description=Start {SERVICE} regularly",
        "",
        "[Timer]",
        f"OnCalendar={pull.schedule}",
        f"RandomizedDelaySec={pull.random_delay}",
        "# What was missed while the node was off is done after it has booted.",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]) + "\n"


def user_data(pull: Pull, packages: list[str]) -> str:
    """cloud-init's user data: JSON, which is YAML. The same for all nodes unless `host` names one."""
    written = [{"path": path, "content": text, "permissions": "0644"} for path, text in sorted(files(pull).items())]
    data = {
        **({"packages": sorted(packages)} if packages else {}),
        "write_files": written,
        "runcmd": [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", TIMER],
                   # cloud-init must not wait for it: other units may wait for cloud-init.
                   ["systemctl", "start", "--no-block", SERVICE]],
    }
    text = "#cloud-config\n# Written by Fairlead.\n" + json.dumps(data, indent=1) + "\n"
    if len(text.encode()) > LONGEST_USER_DATA:
        raise FairleadError("keys", f"the user data would have {len(text.encode())} bytes, and some machines take only "
                            f"{LONGEST_USER_DATA}", "give fewer keys, or ssh keys, which are short")
    return text


def escaped(word: str) -> str:
    """A word as systemd reads it in a unit: % begins one of its specifiers."""
    return word.replace("%", "%%")


def _is_pgp(pull: Pull) -> bool:
    return pull.keys.strip().startswith(PGP_BEGINS)


def _ssh_signers(pull: Pull) -> str:
    return "/dev/null" if _is_pgp(pull) else SIGNERS
