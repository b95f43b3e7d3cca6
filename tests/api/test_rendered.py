"""What is rendered is what the API server takes and gives back: the text of every file, read by the server itself."""
from __future__ import annotations

import random

from ansible.module_utils.fairlead.services import model, render, verdict
from ansible.module_utils.fairlead.services.facts import Facts
from api_server import ApiServer, programs
from parity import compare
from parity.generate import Generator
from parity.values import LABEL

COUNT = 200
FACTS = Facts(service_cidrs=("10.96.0.0/16", "fd00:96::/108"))
# What readers of YAML take for something else, and what is hard to write on one line.
LABELS = ["yes", "No", "on", "y", "null", "true", "08", "010", "1e3", "0x1F", "1_000", "12.30.59", "1.0", "", "a.b",
          LABEL]
NOTES = [*LABELS, "~", "- a", "a: b", "#a", "{a", "[a]", "@a", "`a`", "%a", "a\nb\n", "\n a \n\n", "\ta", "a ", " a",
         "'", '"', "\\n", "\U0001f600", "\u2028", "\x1b[31m", "\x85", "12:30", ".inf", "---", "...", "=", "<<", "!a",
         "&a", "*a", "|", ">", "2026-11-25", "é" * 300]


def services(seed: int):
    """Valid ones of every kind, with labels and notes that YAML may mistake."""
    generator, chance, pinned = Generator(seed), random.Random(seed), set()
    for number in range(COUNT):
        service = generator.valid()
        for port in service["spec"].get("ports", []):  # what two of them pin would be a mistake
            if "nodePort" in port and port["nodePort"] in pinned:
                del port["nodePort"]
            pinned.add(port.get("nodePort"))
        service["metadata"] = {
            "name": f"r{number}", "labels": {f"a{at}": chance.choice(LABELS) for at in range(3)},
            "annotations": {f"a{at}": chance.choice(NOTES) for at in range(3)}}
        yield service


def lost(given, stored, path: str):
    """Where the stored object is not what was written."""
    if isinstance(given, dict) and isinstance(stored, dict):
        for key, value in given.items():
            yield from lost(value, stored.get(key), f"{path}.{key}")
    elif isinstance(given, list) and isinstance(stored, list) and len(given) == len(stored):
        for index, (value, there) in enumerate(zip(given, stored)):
            yield from lost(value, there, f"{path}[{index}]")
    elif given != stored:
        yield path, given, stored


def test_every_rendered_file_reads_back_as_it_was_written():
    seed = random.SystemRandom().randrange(1 << 31)
    given = {one["metadata"]["name"]: one for one in services(seed)}
    items = model.items([], list(given.values()), {})
    assert verdict.errors(verdict.everything(items, FACTS)) == [], f"seed {seed}"
    texts = render.files(render.in_order(item.manifest for item in items))
    with ApiServer(programs() / "etcd", programs() / "kube-apiserver") as server:
        for path, text in texts.items():
            if path == "kustomization.yaml":
                continue
            code, stored = server.request("POST", f"{compare.SERVICES}?fieldValidation=Strict", text,
                                          kind="application/yaml")
            assert code == 201, (seed, text, stored.get("message"))
            wanted = given.pop(stored["metadata"]["name"])
            assert list(lost(wanted["spec"], stored["spec"], "spec")) == [], (seed, text)
            assert list(lost(wanted["metadata"], stored["metadata"], "metadata")) == [], (seed, text)
            compare.delete(server, stored)  # its ports and addresses are free for the next
    assert given == {}
