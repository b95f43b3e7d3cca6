"""What could not be seen is unknown and never green, on the lab; and a proof that is killed leaves nothing for good."""
from __future__ import annotations

import json
import os
import signal
import subprocess

from lab_tools import INVENTORY, ROOT, wait_until
from proving import KINDS, broken

SPACE = "fairlead-verify"


def test_cluster_dns_is_down(lab, proof):
    scale = ("--namespace", "kube-system", "scale", "deployment/coredns")
    lab.kubectl(*scale, "--replicas=0")
    try:
        wait_until("CoreDNS to be gone", 100, lambda: not lab.get(
            "pods", "--namespace", "kube-system", "--selector", "k8s-app=kube-dns")["items"])
        report = proof.run(service_verify_patience=0)
    finally:
        lab.kubectl(*scale, "--replicas=2")
        lab.kubectl("--namespace", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=110s")
    cells, rows = broken(report)
    assert report["verdict"] == "unknown"
    assert not cells
    assert {check for _, check in rows} == {"A", "AAAA", "SRV", "CNAME", "pod names"}
    reasons = {row["reason"] for row in report["discovery_rows"] if row["verdict"] != "proven"}
    assert all("cluster DNS gives no answer" in reason for reason in reasons), reasons


def test_the_probe_pods_image_cannot_be_had(proof):
    """The kubelet sets up a pod's network before it looks for images, so that the proof goes on."""
    assert proof.run(service_verify_pod_image="localhost/not/there:1")["verdict"] == "proven"


def test_a_killed_proof_is_cleaned_up_by_the_next(lab, proof):
    before = {item["metadata"]["name"] for item in lab.get("namespaces")["items"]} - {SPACE}
    argv = ["ansible-playbook", "-i", str(INVENTORY), str(ROOT / "playbooks" / "verify.yml"),
            "-e", json.dumps({"service_verify_kinds": KINDS})]
    running = subprocess.Popen(argv, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        wait_until("the probe pods", 100, lambda: lab.get("pods", "--namespace", SPACE)["items"])
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert SPACE in {item["metadata"]["name"] for item in lab.get("namespaces")["items"]}
    assert proof.run(service_verify_patience=60)["verdict"] == "proven"
    wait_until("the namespace to be gone", 100, lambda: {
        item["metadata"]["name"] for item in lab.get("namespaces")["items"]} == before)
