"""The texts of the units and of the user data, what is refused, and the steps on a node."""
from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from ansible.module_utils.fairlead import bootstrap
from ansible.module_utils.fairlead import bootstrap_units as units
from ansible.module_utils.fairlead.errors import FairleadError

SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA4Fc2w7Yx9nq0 me@example.org"
PGP = f"{bootstrap.PGP_BEGINS}\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----"
PULL = bootstrap.Pull(
    repository="https://git.example.org/net%20work.git", ref="main", inventory="inventories/site",
    playbook="playbooks/pull.yml", host="", directory="/var/lib/fairlead/checkout", schedule="*:0/30", random_delay=600,
    keys="")


def test_the_service_runs_ansible_pull_with_systemds_percent_signs_doubled():
    text = bootstrap.service(PULL)
    assert "--url https://git.example.org/net%%20work.git --checkout main" in text
    assert text.count("--limit %H playbooks/pull.yml") == 1
    assert "--verify-commit" not in text
    for hides in ("--only-if-changed", "--force"):
        assert hides not in text


@pytest.mark.parametrize(("keys", "ssh_signers", "imports"), [(SSH, bootstrap.SIGNERS, 0), (PGP, "/dev/null", 1)])
def test_with_keys_commits_are_verified_against_these_alone(keys, ssh_signers, imports):
    text = bootstrap.service(replace(PULL, keys=keys))
    assert "--verify-commit" in text
    assert f"GIT_CONFIG_VALUE_0={ssh_signers}\n" in text
    assert "GNUPGHOME=/run/fairlead-pull" in text
    assert text.count("--import") == imports


def test_ssh_keys_become_allowed_signers_of_git_alone():
    assert bootstrap.signers(f"# ours\n{SSH}\n") == f'* namespaces="git" {" ".join(SSH.split()[:2])}\n'


@pytest.mark.parametrize(("field", "value", "words"), [
    ("repository", "", "is empty"),
    ("repository", "https://a/b --exec=x", "blanks"),
    ("repository", "{{ lookup('pipe', 'id') }}", "braces"),
    ("repository", "https://me:secret@git.example.org/x", "password"),
    ("ref", "--upload-pack=x", "begins with -"),
    ("host", "node1;reboot", "special"),
    ("inventory", "/etc/ansible/hosts", "inside the repository"),
    ("playbook", "../other.yml", "inside the repository"),
    ("directory", "checkout", "absolute"),
    ("schedule", "*:0/30\nUnit=other.service", "calendar"),
    ("random_delay", -1, "negative"),
    ("keys", "AAAAC3Nz", "neither"),
    ("keys", "-----BEGIN OPENSSH PRIVATE KEY-----", "private"),
])
def test_what_would_be_read_as_something_else_is_refused_by_name(field, value, words):
    with pytest.raises(FairleadError, match=words) as caught:
        bootstrap.check(replace(PULL, **{field: value}))
    assert caught.value.field == field


def test_a_refused_password_is_not_repeated():
    with pytest.raises(FairleadError) as caught:
        bootstrap.check(replace(PULL, repository="https://me:secret@git.example.org/x"))
    assert "secret" not in str(caught.value)


def test_user_data_is_yaml_that_cloud_init_takes_and_carries_the_very_files():
    text = bootstrap.user_data(replace(PULL, keys=SSH), ["git", "ansible-core"])
    assert text.startswith("#cloud-config\n")
    data = yaml.safe_load(text)
    assert data["packages"] == ["ansible-core", "git"]
    written = {entry["path"]: entry["content"] for entry in data["write_files"]}
    assert written == bootstrap.files(replace(PULL, keys=SSH))
    assert data["runcmd"][-1] == ["systemctl", "start", "--no-block", "fairlead-pull.service"]
    assert "packages" not in yaml.safe_load(bootstrap.user_data(PULL, []))
    with pytest.raises(FairleadError, match="16384"):
        bootstrap.user_data(replace(PULL, keys=f"{SSH}\n" * 400), [])
    assert json.loads(text.split("\n", 2)[2]) == data


WANTED = bootstrap.files(replace(PULL, keys=SSH))
SERVICE, TIMER = f"{bootstrap.UNITS}/{bootstrap.SERVICE}", f"{bootstrap.UNITS}/{bootstrap.TIMER}"


def observed(texts, on=True, reload_needed=False):
    return units.Observed({path: texts.get(path) for path in units.OURS}, on, on, reload_needed)


@pytest.mark.parametrize(("wanted", "have", "steps"), [
    (WANTED, observed({}, on=False), [f"write {bootstrap.SIGNERS}", f"write {SERVICE}", f"write {TIMER}",
                                      "reload systemd", f"enable {bootstrap.TIMER}"]),
    (WANTED, observed(WANTED), []),
    (WANTED, observed(WANTED, on=False), [f"enable {bootstrap.TIMER}"]),
    (WANTED, observed({**WANTED, bootstrap.SIGNERS: "other"}), [f"write {bootstrap.SIGNERS}"]),
    (WANTED, observed({**WANTED, SERVICE: "other"}), [f"write {SERVICE}", "reload systemd"]),
    (WANTED, observed({**WANTED, TIMER: "other"}), [f"write {TIMER}", "reload systemd", f"restart {bootstrap.TIMER}"]),
    (bootstrap.files(PULL), observed(WANTED), [f"remove {bootstrap.SIGNERS}", f"write {SERVICE}", "reload systemd"]),
    ({}, observed(WANTED), [f"disable {bootstrap.TIMER}", f"remove {bootstrap.SIGNERS}", f"remove {SERVICE}",
                            f"remove {TIMER}", "reload systemd"]),
    ({}, observed({}, on=False), []),
])
def test_steps(wanted, have, steps):
    assert [step.describe() for step in units.plan(wanted, have).steps] == steps
