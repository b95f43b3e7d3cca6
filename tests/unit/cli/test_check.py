"""fairlead check: findings with their places, forms of output, exit status."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from ansible.module_utils.fairlead.cli import output
from ansible.module_utils.fairlead.services.findings import Finding

ROOT = Path(__file__).resolve().parents[3]
GOOD = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}"
BAD = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: NodePort
  sessionAffinity: ClusterIP
  ports:
  - port: 80
    nodePort: 30080
  - name: b
    port: 99999
    targetPort: 80
"""
ADVICE = ("{apiVersion: v1, kind: Service, metadata: {name: web},"
          " spec: {type: NodePort, ports: [{port: 80, nodePort: 32000}]}}")


def places(said):
    return [(finding["line"], finding["column"], finding["field"], finding["reason"]) for finding in said.findings]


def test_each_finding_has_its_place(check, tmp_path):
    said = check(BAD)
    assert said.status == 1
    assert said.json["accepted"] is False
    assert places(said) == [(7, 3, "spec.sessionAffinity", "NotSupported"), (9, 5, "spec.ports[0].name", "Required"),
                            (12, 5, "spec.ports[1].port", "Invalid")]
    assert set(said.findings[0]) == {"file", "line", "column", "field", "reason", "message", "fix", "level"}
    assert said.findings[0]["file"] == str(tmp_path / "a.yaml")
    assert said.findings[0]["fix"].startswith("write ClientIP")


@pytest.mark.parametrize(("content", "words", "status", "accepted"), [
    (GOOD, [], 0, True), (BAD, [], 1, False), (BAD, ["--only", "server"], 1, False),
    (ADVICE, [], 0, True), (ADVICE, ["--strict"], 1, True), (ADVICE, ["--only", "server"], 0, True),
    (ADVICE, ["--only", "server", "--strict"], 0, True), ("", [], 0, True)])
def test_exit_status(check, content, words, status, accepted):
    said = check(content, *words)
    assert (said.status, said.json["accepted"]) == (status, accepted)


def test_advice_is_marked_as_such(check):
    assert [finding["level"] for finding in check(ADVICE).findings] == ["advice"]


@pytest.mark.parametrize("words", [
    ["nothing-there.yaml"], [], ["--kubernetes-version", "1.2", "x"], ["--node-port-range", "9-8", "x"],
    ["--service-cidrs", "10.0.0.0/99", "x"], ["--output", "html", "x"], ["--only", "advice", "x"]])
def test_what_could_not_be_told(fairlead, words):
    said = fairlead("check", *words)
    assert said.status == 2
    assert said.err
    assert "Traceback" not in said.err


def test_collisions_over_all_files(fairlead, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(
            f"{{name: {name}, type: NodePort, ports: [{{port: 80, nodePort: 30080}}]}}")
    said = fairlead("check", "--output", "json", tmp_path)
    assert [(Path(found["file"]).name, found["field"], found["level"]) for found in said.findings] == [
        ("b.yaml", "spec.ports[0].nodePort", "advice")]
    assert "a.yaml:1" in said.findings[0]["fix"]
    assert fairlead("check", "--only", "server", tmp_path).status == 0


def test_a_list_of_services_with_groups_and_defaults(check):
    said = check("""\
service_manifests_defaults: {ipFamilyPolicy: DualStack}
service_manifests_services:
  - name: web
    ports: [{port: 80}]
service_manifests_groups:
  - defaults:
      sessionAffinity: clientip
    services:
      - name: api
        ipFamilyPolicy: SingleStack
        ports: [{port: 80}]
      - {apiVersion: v1, kind: Service, metadata: {name: whole}, spec: {ports: [{port: 0, targetPort: 1}]}}
service_manifests_manifests:
  - {apiVersion: apps/v1beta2, kind: Deployment, metadata: {name: old}, spec: {}}
""")
    assert [found[:3] for found in places(said)] == [
        (1, 30, "spec.ipFamilyPolicy"), (7, 7, "spec.sessionAffinity"), (12, 82, "spec.ports[0].port"),
        (14, 6, "apiVersion")]


def test_endpoints_of_a_service_without_selector(check):
    said = check("""\
- name: db
  ports: [{port: 5432}]
  endpoints:
  - 192.0.2.1
  - "2001:db8::1"
  - addresses: [127.0.0.1]
  - fe80::1
""")
    assert [found[:3] for found in places(said)] == [
        (6, 17, "endpoints[1].addresses[0]"), (7, 5, "endpoints[1].addresses[0]")]


@pytest.mark.parametrize("content", [
    "services: {a: b}", "groups: [{sevices: []}]", "groups: [x]", "manifests: [x]", "defaults: x", "[x]", "x", "5",
    "{a: b}", "{apiVersion: v1}", "{apiVersion: v1, kind: List, items: [x]}"])
def test_what_is_neither_manifest_nor_list(check, content):
    said = check(content)
    assert said.status == 1
    assert all(finding["fix"] and finding["line"] for finding in said.findings)


def test_lists_of_kubernetes_are_taken_apart(check):
    service = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 0, "targetPort": 1}]}}
    said = check(json.dumps({"apiVersion": "v1", "kind": "ServiceList", "items": [service, service]}))
    assert [finding["field"] for finding in said.findings] == ["spec.ports[0].port"] * 2
    whole = {"apiVersion": "v1", "kind": "Service", **service}
    assert len(check(json.dumps({"apiVersion": "v1", "kind": "List", "items": [whole]})).findings) == 1


def test_json_with_escapes_that_yaml_does_not_know(check):
    said = check('{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "\\ud83d\\ude00"},'
                 ' "spec": {"ports": [{"port": 80}]}}', name="a.json")
    assert [finding["field"] for finding in said.findings] == ["metadata.name"]


def test_a_template_of_ansible_is_not_judged(check):
    said = check("service_manifests_services: [{name: web, ports: '{{ ports }}'}]")
    assert [(finding["level"], finding["reason"]) for finding in said.findings] == [("advice", "Unknown")]
    assert said.status == 0


def test_kustomization_files_are_passed_by(check):
    assert check("{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization, resources: []}").findings == []


def test_junit_and_sarif_can_be_read(fairlead, tmp_path):
    (tmp_path / "a.yaml").write_text(BAD)
    suite = ElementTree.fromstring(fairlead("check", "--output", "junit", tmp_path).out).find("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("3", "3")
    sarif = json.loads(fairlead("check", "--output", "sarif", tmp_path).out)
    results = sarif["runs"][0]["results"]
    assert [result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in results] == [7, 9, 12]
    assert {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]} == {
        result["ruleId"] for result in results}


def test_text_is_coloured_only_where_that_is_wanted(monkeypatch):
    class Terminal:
        def __init__(self, terminal):
            self.isatty = lambda: terminal

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert [output.coloured(Terminal(terminal)) for terminal in (True, False)] == [True, False]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.coloured(Terminal(True))
    found = [Finding("spec.type", "Invalid", "wrong", "right", file="a.yaml", line=1, column=2)]
    assert "\x1b" not in output.as_text(found, "1 object", colour=False)
    assert "\x1b[31m" in output.as_text(found, "1 object", colour=True)


def test_it_runs_from_the_checkout_without_ansible(tmp_path):
    (tmp_path / "a.yaml").write_text(GOOD)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "/nonsense"}
    done = subprocess.run([ROOT / "bin/fairlead", "check", "a.yaml"], cwd=tmp_path, env=environment, timeout=60,
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    imports = subprocess.run(
        [ROOT / ".venv/bin/python", "-I", "-X", "importtime", ROOT / "module_utils/fairlead/cli/start.py", "check",
         tmp_path / "a.yaml"], capture_output=True, text=True, timeout=60, check=False).stderr
    for heavy in ("ansible.release", "kubernetes", "jinja2", "urllib3"):
        assert f" {heavy}\n" not in imports


def test_it_runs_from_a_clone_without_an_environment(tmp_path):
    """As pre-commit has it."""
    for part in ("bin", "module_utils"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "a.yaml").write_text(BAD)
    (tmp_path / "poor").mkdir()
    (tmp_path / "poor/python3").symlink_to("/bin/false")  # a Python that lacks PyYAML says no as well
    for first, status in ((f"{ROOT}/.venv/bin", 1), (tmp_path / "poor", 2)):
        done = subprocess.run([tmp_path / "bin/fairlead", "check", "a.yaml"], cwd=tmp_path, timeout=60, check=False,
                              env={"PATH": f"{first}:{os.environ['PATH']}"}, capture_output=True, text=True)
        assert done.returncode == status
        assert ("PyYAML" in done.stderr) == (status == 2)


def test_the_pre_commit_hooks_name_what_there_is():
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")):
        assert (ROOT / hook["entry"].split()[0]).exists()


KUBE_PROXY = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"


def test_a_configuration_of_kube_proxy_is_judged_as_kube_proxy_would(check):
    said = check(f'{KUBE_PROXY}mode: ""\niptables:\n  masqueradeBit: 40\n  syncPeriood: 30s\n', "--only", "server")
    assert said.status == 1
    assert [place[:3] for place in places(said)] == [(5, 3, "iptables.masqueradeBit"), (6, 3, "iptables.syncPeriood")]
    assert said.findings[1]["fix"] == "write syncPeriod"
    sound = check(f'{KUBE_PROXY}mode: ""\n', "--only", "server")
    assert (sound.status, sound.json) == (0, {"findings": [], "accepted": True})


def test_a_plan_names_what_breaks_and_its_source(fairlead):
    said = fairlead("plan", "--from", "1.34", "--to", "1.40", "--mode", "ipvs", "--output", "json")
    assert said.status == 1
    assert "KubeProxyIPVS" in said.out and "5495-deprecate-ipvs-mode-in-kube-proxy" in said.out
