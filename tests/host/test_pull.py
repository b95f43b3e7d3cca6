"""The service's own command, run for real: git, ansible-pull and signatures. Only the programs' and files' places are
others than on a node."""
from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.fairlead import bootstrap

BIN = Path(sys.executable).parent
PLAYBOOK = """\
- hosts: nodes
  gather_facts: false
  tasks:
    - name: Note that this commit ran
      ansible.builtin.shell: echo {word} >> {journal}
"""
# In a checkout, this is read by whoever is started inside it.
EVIL = "[defaults]\ncallback_plugins = evil\ncallbacks_enabled = evil\n"
EVIL_CALLBACK = "open({journal!r}, 'a').write('evil\\n')\n"


class Repository:
    """A repository with an inventory, and a signer of each kind."""

    def __init__(self, place: Path, kind: str) -> None:
        self.place, self.journal, self.kind = place, place / "journal", kind
        self.tree, self.run_dir, self.signers = place / "repository", place / "run", place / "signers"
        for directory in (self.tree, self.run_dir, place / "gpg", place / "home"):
            directory.mkdir(mode=0o700)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.own, self.stranger = self._new_key("own"), self._new_key("stranger")

    def _new_key(self, name: str) -> str:
        if self.kind == "ssh":
            key = self.place / name
            self.check("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
            return str(key)
        self.check("gpg", "--batch", "--passphrase", "", "--quick-generate-key", f"{name}@example.org", "ed25519",
                   "sign")
        return f"{name}@example.org"

    def public(self, key: str) -> str:
        if self.kind == "ssh":
            return Path(f"{key}.pub").read_text(encoding="utf-8")
        return self.check("gpg", "--armor", "--export", key)

    def check(self, *argv: str) -> str:
        environment = {**os.environ, "HOME": str(self.place / "home"), "GNUPGHOME": str(self.place / "gpg")}
        return subprocess.run(argv, cwd=self.place, env=environment, check=True, capture_output=True, text=True,
                              timeout=120).stdout

    def git(self, *words: str) -> None:
        self.check("git", "-C", str(self.tree), "-c", "user.name=x", "-c", "user.email=x@example.org",
                   "-c", f"gpg.format={'ssh' if self.kind == 'ssh' else 'openpgp'}", *words)

    def commit(self, word: str, key: str | None, evil: bool = False) -> None:
        files = {"hosts.yml": f"nodes:\n  hosts:\n    me: {{ansible_python_interpreter: {sys.executable}}}\n",
                 "pull.yml": PLAYBOOK.format(word=word, journal=self.journal)}
        if evil:
            files |= {"ansible.cfg": EVIL, "evil/evil.py": EVIL_CALLBACK.format(journal=str(self.journal))}
        for name, text in files.items():
            (self.tree / name).parent.mkdir(exist_ok=True)
            (self.tree / name).write_text(text, encoding="utf-8")
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", word,
                 f"--gpg-sign={key}" if key else "--no-gpg-sign")

    def pull(self) -> subprocess.CompletedProcess:
        """What systemd does with the unit."""
        wish = bootstrap.check(bootstrap.Pull(
            repository=f"file://{self.tree}", ref="main", inventory="hosts.yml", playbook="pull.yml", host="me",
            directory=str(self.place / "checkout"), schedule="*:0/30", random_delay=0, keys=self.public(self.own)))
        self.signers.write_text(bootstrap.signers(wish.keys), encoding="utf-8")
        text = bootstrap.service(wish)
        for ours, here in ((bootstrap.SIGNERS, self.signers), (bootstrap.LOCK, self.place / "lock"),
                           ("/run/fairlead-pull", self.run_dir), ("/usr/bin/ansible-pull", BIN / "ansible-pull")):
            text = text.replace(ours, str(here))
        lines = [line.partition("=")[::2] for line in text.splitlines() if not line.startswith(("#", "["))]
        assigned = [word for name, words in lines if name == "Environment" for word in words.split()]
        environment = dict(word.split("=", 1) for word in assigned)
        environment |= {"HOME": str(self.place / "home"), "PATH": os.environ["PATH"]}
        for name, command in lines:
            if name in ("ExecStartPre", "ExecStart"):
                done = subprocess.run(command.split(), cwd="/", env=environment, check=False, capture_output=True,
                                      text=True, timeout=300)
                print(done.stdout, done.stderr)
        return done

    def ran(self) -> list[str]:
        return self.journal.read_text(encoding="utf-8").split() if self.journal.exists() else []


@pytest.fixture(params=["ssh", "pgp"])
def repository(request, tmp_path):
    made = Repository(tmp_path, request.param)
    yield made
    if request.param == "pgp":
        made.check("gpgconf", "--kill", "all")


def test_only_what_the_key_signed_runs_and_an_unchanged_commit_runs_again(repository):
    repository.commit("first", repository.own)
    assert repository.pull().returncode == 0
    assert repository.pull().returncode == 0
    assert repository.ran() == ["first", "first"]
    repository.commit("second", repository.own)
    assert repository.pull().returncode == 0
    assert repository.ran() == ["first", "first", "second"]
    for key in (None, repository.stranger):
        repository.commit("bad", key, evil=True)
        for _ in range(2):  # the second time the bad tree is what lies in the checkout
            refused = repository.pull()
            assert refused.returncode != 0
            assert "Failed to verify" in refused.stdout
    assert repository.ran() == ["first", "first", "second"]


def test_a_repository_out_of_reach_is_an_error_and_local_changes_are_discarded(repository):
    repository.commit("first", repository.own)
    assert repository.pull().returncode == 0
    (repository.place / "checkout/pull.yml").write_text("- hosts: nodes\n", encoding="utf-8")
    assert repository.pull().returncode == 0
    assert repository.ran() == ["first", "first"]
    repository.tree.rename(repository.place / "away")
    assert repository.pull().returncode != 0
    assert repository.ran() == ["first", "first"]


def test_a_node_that_the_inventory_does_not_name_is_an_error(repository, monkeypatch):
    repository.commit("first", repository.own)
    monkeypatch.setattr(bootstrap, "service", lambda pull, made=bootstrap.service: made(replace(pull, host="other")))
    assert repository.pull().returncode != 0
    assert repository.ran() == []
