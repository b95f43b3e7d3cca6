"""Where each object's file lies. Paths are built from names that judge.py has accepted, and from nothing else."""
from __future__ import annotations

from ansible.module_utils.fairlead.services.model import Manifest

# Objects without a namespace. No namespace can have this name, since "_" is not allowed in a DNS label.
CLUSTER_DIRECTORY = "_cluster"
KUSTOMIZATION = "kustomization.yaml"
LONGEST_FILE_NAME = 255


def path(manifest: Manifest) -> str:
    """<namespace>/<kind>-<name>.yaml. A kind has no "-", so that two objects never share a file by accident."""
    metadata = manifest["metadata"]
    return f"{metadata.get('namespace') or CLUSTER_DIRECTORY}/{manifest['kind'].lower()}-{metadata['name']}.yaml"


def longest_name(manifest: Manifest) -> int:
    return LONGEST_FILE_NAME - len(manifest["kind"]) - len("-.yaml")
