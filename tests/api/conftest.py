"""A real API server for these tests, kubectl, and deliveries as the module makes them."""
from __future__ import annotations

import copy
import itertools
import subprocess
from pathlib import Path

import pytest
from api_server import ApiServer, programs  # makes our module_utils importable as well

# isort: split
from ansible.module_utils.fairlead.converge import reach
from ansible.module_utils.fairlead.services import deliver, model, render, tree
from ansible.module_utils.fairlead.services.api import Api
from ansible.module_utils.fairlead.services.connection import TOGETHER

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server():
    # kubeadm's kube-proxy is a privileged pod.
    with ApiServer(programs() / "etcd", programs() / "kube-apiserver", flags=("--allow-privileged=true",)) as running:
        yield running


@pytest.fixture(scope="session")
def kubeconfig(server, tmp_path_factory):
    return server.kubeconfig(tmp_path_factory.mktemp("api") / "kubeconfig")


@pytest.fixture(scope="session")
def api(kubeconfig):
    return Api.connect(str(kubeconfig), None)


@pytest.fixture(scope="session")
def built():
    """The directory with the programs."""
    return programs()


@pytest.fixture(scope="session")
def kubectl(built, kubeconfig):
    def run(*words, good=(0,), stdin=None):
        argv = [str(built / "kubectl"), "--kubeconfig", str(kubeconfig), *map(str, words)]
        done = subprocess.run(argv, capture_output=True, text=True, input=stdin, timeout=60, check=False)
        assert done.returncode in good, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    return run


class Project:
    """A list of Services of one namespace of its own, as a person keeps it in git."""

    def __init__(self, api: Api, name: str, directory: Path) -> None:
        self.api, self.name, self.directory = api, name, directory
        self.apply_set = f"default/{name}"
        self.services: list[dict] = []
        self.manifests: list[dict] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}]

    def objects(self) -> list[dict]:
        items = model.items(copy.deepcopy(self.services), self.manifests, {"namespace": self.name})
        return render.in_order(item.manifest for item in items)

    def render(self) -> Path:
        """The files, in the directory."""
        directory, writer = str(self.directory), tree.Writer(str(self.directory))
        wanted = render.files(self.objects())
        try:
            reach(lambda: tree.observe(directory), lambda observed: tree.plan(directory, wanted, observed),
                  writer.apply, [], check_mode=False, prepare=writer.prepare)
        finally:
            writer.close()
        return self.directory

    def deliver(self, check=False, api=None, done=None, **options) -> list[str]:
        """What a delivery does, or would do."""
        job = deliver.delivery(api or self.api, self.objects(), {deliver.MANAGED_BY: "fairlead"}, "fairlead",
                               **{"apply_set": self.apply_set, "prune": True, "try_all": check, **options})
        planned, _observed = reach(job.observe, job.plan, job.apply, [] if done is None else done, check_mode=check,
                                   together=TOGETHER)
        self.steps = planned.steps
        return planned.describe() if planned.changed else []

    def live(self, name: str) -> dict:
        return self.api.get(f"/api/v1/namespaces/{self.name}/services/{name}")

    def versions(self) -> dict[str, str]:
        """resourceVersion of every Service, and of what notes the set."""
        found = {one["metadata"]["name"]: one["metadata"]["resourceVersion"]
                 for one in self.api.listed(f"/api/v1/namespaces/{self.name}/services")}
        parent = self.api.get(f"/api/v1/namespaces/default/configmaps/{self.name}")
        return {**found, "(set)": parent["metadata"]["resourceVersion"]}


@pytest.fixture
def project(api, request, tmp_path):
    words = request.node.originalname.replace("_", "-").removeprefix("test-")[:40].rstrip("-")
    name = f"{words}-{next(_NUMBERS)}"  # a namespace that is going away is in the way of the next test
    made = Project(api, name, tmp_path / "rendered")
    yield made
    api.send("DELETE", f"/api/v1/namespaces/{name}", None)
    for one in api.listed(f"/api/v1/namespaces/{name}/services") or ():  # no controller does it here
        api.delete(f"/api/v1/namespaces/{name}/services/{one['metadata']['name']}", one)
