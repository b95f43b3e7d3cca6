from __future__ import annotations

import json

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.mode_change import kubeconfig

BLOCK = """apiVersion: v1
kind: Config
clusters:
- name: lab
  cluster:
    certificate-authority-data: QUJD
    server: "https://192.0.2.1:6443"
users:
- name: kube-proxy
  user:
    tokenFile: token
"""


def test_yaml_as_kubectl_writes_it():
    assert kubeconfig.values(BLOCK) == {
        "certificate-authority-data": "QUJD", "server": "https://192.0.2.1:6443", "tokenFile": "token"}


def test_json():
    document = {"clusters": [{"cluster": {"server": "https://a", "insecure-skip-tls-verify": True}}],
                "users": [{"user": {"token": "t"}}]}
    assert kubeconfig.values(json.dumps(document)) == {"server": "https://a", "token": "t"}


def test_two_clusters_are_refused():
    with pytest.raises(ValueError, match="server is there more than once"):
        kubeconfig.values(BLOCK + "- cluster:\n    server: https://192.0.2.2\n")


@pytest.mark.parametrize("text", ["", "{}", "server: https://192.0.2.1\ncertificate-authority-data: '!'\n"])
def test_what_cannot_be_used_is_named(tmp_path, text):
    (tmp_path / "config").write_text(text)
    with pytest.raises(FairleadError, match="cannot be used to reach the API server"):
        kubeconfig.read(str(tmp_path / "config"))


def test_a_token_in_place_of_the_files_own_user(tmp_path):
    path = tmp_path / "kubelet.conf"
    path.write_text("clusters:\n- cluster:\n    server: https://192.0.2.1:6443\nusers:\n- user:\n"
                    "    client-certificate: /nowhere.pem\n    client-key: /nowhere.pem\n")
    access = kubeconfig.with_token(str(path), "t", "variable")
    assert (access.host, access.port) == ("192.0.2.1", 6443)
    assert access.headers()["Authorization"] == "Bearer t"
    with pytest.raises(FairleadError, match="in kube_proxy_kubelet_kubeconfig"):
        kubeconfig.read(str(path), "kube_proxy_kubelet_kubeconfig")
