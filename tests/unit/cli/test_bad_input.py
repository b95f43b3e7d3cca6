"""Anything in a file: findings with a place, never a traceback, never a terminal escape, never a written file."""
from __future__ import annotations

import json
import os
import random

import pytest

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  type: NodePort
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080, nodePort: 30080}
---
- name: api
  ports: [{port: 80}]
  endpoints: [192.0.2.1]
"""
BOMB = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)])

CORPUS = {
    "binary": bytes(range(256)) * 20,
    "an executable": b"\x7fELF\x02\x01\x01" + bytes(500),
    "latin-1": "name: caf\u00e9".encode("latin-1"),
    "utf-16": SERVICE.encode("utf-16"),
    "bomb of aliases": BOMB.encode(),
    "deep nesting": b"[" * 200_000,
    "deep block": "".join(f"{' ' * level}a:\n" for level in range(500)).encode(),
    "tabs": b"spec:\n\tports: []\n",
    "not closed": b"{apiVersion: v1, kind: [",
    "escape bytes": b"name: \x1b[2J\n",
    "null bytes": b"name: a\x00b\n",
    "a number": b"5",
    "a text": b"hello",
    "a list of numbers": b"[1, 2]",
    "odd kinds": b"{apiVersion: [v1], kind: {a: b}, metadata: 5, spec: []}",
    "odd metadata": b"{apiVersion: v1, kind: Service, metadata: {name: {a: b}, labels: [x], namespace: 5}, spec: x}",
    "odd ports": b"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [1, [2], null, {port: [3]}]}}",
    "odd compact": b"- {name: [a], namespace: {b: c}, ports: x, endpoints: {a: b}, labels: 5}",
    "odd endpoints": b"- {name: a, ports: [{port: 80}], endpoints: [null, 5, [x], {addresses: 7}, {addresses: [~]}]}",
    "odd workload": b"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: [1]}}",
    "path in a name": b"{apiVersion: v1, kind: Service, metadata: {name: ../../x, namespace: /etc}, spec: {}}",
    "helm template": b"metadata:\n  name: {{ .Release.Name }}\n",
    "number without end": b"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: "
                          + b"9" * 6000 + b"}]}}",
    "json with a key twice": b'{"kind": "Service", "kind": "Pod"}',
    "json cut off": b'{"kind": "Service", ',
}
HARMLESS = {
    "byte order mark": b"\xef\xbb\xbf" + SERVICE.encode(),
    "windows line ends": SERVICE.replace("\n", "\r\n").encode(),
    "nothing": b"", "comments": b"# nothing\n", "three empty documents": b"---\n---\n---\n",
    "escapes in an annotation": b'{apiVersion: v1, kind: Service, metadata: {name: a, annotations: {a: "\\e[31m"}},'
                                b" spec: {ports: [{port: 80}]}}",
}


@pytest.mark.parametrize("name", CORPUS)
def test_bad_input_is_a_finding_with_a_place(check, name):
    said = check(CORPUS[name])
    assert said.status == 1, said.out
    assert said.findings
    for finding in said.findings:
        assert finding["line"] >= 1
        assert finding["column"] >= 1
        assert finding["message"]
        assert all(str(value).isprintable() for value in finding.values())
    assert said.err == ""


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_only_unusual_is_clean(check, name):
    said = check(HARMLESS[name])
    assert (said.status, said.findings) == (0, [])


def test_a_hundred_megabytes_are_refused_early(check, tmp_path):
    (tmp_path / "big.yaml").write_bytes(b"")
    os.truncate(tmp_path / "big.yaml", 100 * 2**20)
    said = check("", tmp_path / "big.yaml")
    assert said.status == 1
    assert [(finding["reason"], finding["file"]) for finding in said.findings] == [
        ("TooLong", str(tmp_path / "big.yaml"))]


def test_escapes_do_not_reach_the_terminal(fairlead, tmp_path):
    path = tmp_path / "a\x1b[31m.yaml"
    path.write_text('{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "\\u001b]0;x\\u0007"},'
                    ' "spec": {"type": "\\u001b[2J", "\\u202e": 1, "ports": [{"port": 80}]}}')
    for form in ("text", "json", "sarif", "junit"):
        said = fairlead("check", "--output", form, path)
        assert said.status == 1
        assert all(line.isprintable() for line in said.out.splitlines())


@pytest.mark.parametrize("seed", range(8))
def test_a_manifest_with_random_damage(check, tmp_path, fairlead, seed):
    """Bytes flipped, cut, doubled and moved: whatever comes out is judged or refused, and read the same way twice."""
    chance = random.Random(seed)
    for _round in range(40):
        text = bytearray(SERVICE.encode())
        for _damage in range(chance.randint(1, 6)):
            at = chance.randrange(len(text))
            piece = chance.choice([b"\t", b"[", b"{", b"&a ", b"*a", b"!!int ", b"\x00", b"\xff", b": ", b"\n", b"- ",
                                   b"'", b'"', b"%", b"|", b"<<: ", b"null", b"1e9", bytes([chance.randrange(256)])])
            if chance.random() < 0.5:
                text[at:at] = piece
            else:
                text[at:at + chance.randint(1, 5)] = piece
        said = check(bytes(text))
        assert said.status in (0, 1), (seed, bytes(text))
        assert said.err == ""
        assert isinstance(json.loads(said.out)["accepted"], bool)
        out = tmp_path / "out"
        rendered = fairlead("render", "--directory", out, tmp_path / "a.yaml")
        assert rendered.status in (0, 1), (seed, bytes(text), rendered)
        if rendered.status == 1:
            assert not out.exists()
        else:
            assert fairlead("render", "--directory", out, tmp_path / "a.yaml").out.startswith("all ")
            assert fairlead("check", "--only", "server", out).status == 0
            for place, _directories, names in os.walk(out):
                for name in names:
                    os.unlink(os.path.join(place, name))
            for place, _directories, _names in os.walk(out, topdown=False):
                os.rmdir(place)
