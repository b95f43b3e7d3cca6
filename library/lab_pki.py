#!/usr/bin/python
# Copyright: Fairlead maintainers
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Keep the lab's certificates."""
from __future__ import annotations

DOCUMENTATION = r"""
module: lab_pki
short_description: Keep the lab's certificates
description:
  - Makes certificate authorities, certificates and signing keys that are missing, about to end or for other names, in
    one call. Existing good ones stay. No key is ever returned or shown.
options:
  directory:
    description: Where F(NAME.crt) and F(NAME.key) are kept; keys are readable by their owner only.
    type: path
    required: true
  authorities:
    description: Names of self-signed authorities.
    type: list
    elements: str
    default: []
  certificates:
    description: The certificates.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: File name without ending., type: str, required: true}
      authority: {description: Which authority signs., type: str, required: true}
      common_name: {description: Subject CN., type: str, required: true}
      organization: {description: Subject O., type: str}
      sans: {description: Names and addresses it is valid for., type: list, elements: str, default: []}
      usages: {description: What it is for., type: list, elements: str, choices: [client, server], required: true}
  signing_keys:
    description: Key pairs without certificate, F(NAME.key) and F(NAME.pub), for signing tokens.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Says which would be made.
    support: full
  diff_mode:
    description: Shows names and subjects, never keys.
    support: full
author: Fairlead maintainers
"""

EXAMPLES = r"""
- name: Make a CA and one client certificate
  lab_pki:
    directory: /var/lib/lab/pki
    authorities: [ca]
    certificates:
      - {name: admin, authority: ca, common_name: admin, organization: "system:masters", usages: [client]}
"""

RETURN = r"""
plan:
  description: What was made, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.fairlead.converge import converge
from ansible.module_utils.fairlead.files import write_text
from ansible.module_utils.fairlead.lab import pki
from ansible.module_utils.fairlead.plan import Plan, Step


def get_argument_spec():
    certificate = {
        "name": {"type": "str", "required": True},
        "authority": {"type": "str", "required": True},
        "common_name": {"type": "str", "required": True},
        "organization": {"type": "str"},
        "sans": {"type": "list", "elements": "str", "default": []},
        "usages": {"type": "list", "elements": "str", "choices": ["client", "server"], "required": True},
    }
    return {
        "directory": {"type": "path", "required": True},
        "authorities": {"type": "list", "elements": "str", "default": []},
        "certificates": {"type": "list", "elements": "dict", "default": [], "options": certificate},
        "signing_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    }


def plan_pki(params, existing):
    """Steps for what is missing or does not fit; a new authority means new certificates.

    existing: {file name: text} of the directory
    """
    steps, renewed = [], set()
    for name in params["authorities"]:
        if f"{name}.crt" not in existing or f"{name}.key" not in existing:
            renewed.add(name)
            steps.append(Step("make", f"authority {name}", after=name, data=("authority", name)))
    for spec in params["certificates"]:
        have, authority = existing.get(f"{spec['name']}.crt"), existing.get(f"{spec['authority']}.crt")
        good = have and f"{spec['name']}.key" in existing and spec["authority"] not in renewed
        if not (good and pki.fits(have, spec, authority)):
            steps.append(Step("issue", f"certificate {spec['name']}", after=f"CN={spec['common_name']}",
                              data=("certificate", spec)))
    for name in params["signing_keys"]:
        if f"{name}.key" not in existing or f"{name}.pub" not in existing:
            steps.append(Step("make", f"signing key {name}", after=name, data=("signing", name)))
    return Plan(tuple(steps), unchanged="every certificate fits")


def run(module):
    directory = Path(module.params["directory"])

    def observe():
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.*"))}

    def apply(step):
        kind, spec = step.data
        if kind == "authority":
            certificate, key = pki.self_signed(f"lab-{spec}")
            _write(directory, spec, key, crt=certificate)
        elif kind == "certificate":
            authority = [(directory / f"{spec['authority']}.{end}").read_text(encoding="utf-8")
                         for end in ("crt", "key")]
            certificate, key = pki.issue(spec, *authority)
            _write(directory, spec["name"], key, crt=certificate)
        else:
            key = pki.new_key()
            _write(directory, spec, pki.key_text(key), pub=pki.public_text(key))

    converge(module, observe, lambda existing: plan_pki(module.params, existing), apply, lambda existing: {})


def _write(directory, name, key, **public):
    """The key first: a certificate without its key would look finished after a crash."""
    write_text(str(directory / f"{name}.key"), key, mode=0o600)
    for end, text in public.items():
        write_text(str(directory / f"{name}.{end}"), text)


def main():
    run(AnsibleModule(argument_spec=get_argument_spec(), supports_check_mode=True))


if __name__ == "__main__":
    main()
