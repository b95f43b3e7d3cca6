"""fairlead check: every finding on the manifests that are named, offline."""
from __future__ import annotations

import argparse
import dataclasses

from ansible.module_utils.fairlead.cli import inputs, output
from ansible.module_utils.fairlead.cli.main import DIFFERENT, SAME, UNKNOWN
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import sources, verdict
from ansible.module_utils.fairlead.services.findings import ADVICE, Finding
from ansible.module_utils.fairlead.services.model import Item, Manifest

SERVER = "server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inputs.add_files(parser)
    inputs.add_facts(parser)
    inputs.add_kubeconfig(parser, "of a cluster to ask for its version and Service ranges")
    parser.add_argument("--only", choices=[SERVER],
                        help="only what the API server itself would say to a dry run, no advice")
    parser.add_argument("--old", metavar="STORED",
                        help="judge an update of the objects in this file, as a cluster has them")
    inputs.add_external_ips(parser)
    parser.add_argument("--strict", action="store_true", help="advice alone also ends with 1")
    inputs.add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    # The server's own verdict is that of a dry run, which does not look at the range of node ports. That one is added.
    facts = dataclasses.replace(inputs.facts_of(arguments), dry_run=bool(arguments.only))
    items, findings = sources.read(arguments.files)
    if arguments.old:
        pairs = paired(items, _stored(arguments.old))
        findings += [finding for item, old in pairs for finding in verdict.server(item, facts, old)]
    elif arguments.only:
        findings += [finding for item in items for finding in verdict.server(item, facts)]
    else:
        findings += verdict.everything(items, facts, inputs.external_ips_of(arguments), ADVICE)
    if arguments.only:
        findings = [finding for finding in findings if finding.level != ADVICE or verdict.is_unknown(finding)]
    files = sources.files_of(items) + [finding.file for finding in findings]
    output.write(findings, arguments.output, output.counted(items, files))
    return status(findings, arguments.strict, bool(arguments.only))


def status(findings: list[Finding], strict: bool, verdict_only: bool) -> int:
    """A verdict that could not be given counts as advice, unless the verdict is all that was asked for."""
    if verdict.errors(findings):
        return DIFFERENT
    if verdict_only and any(map(verdict.is_unknown, findings)):
        return UNKNOWN
    return DIFFERENT if strict and findings else SAME


def _stored(file: str) -> list[Manifest]:
    items, findings = sources.read([file])
    if findings:
        first = findings[0]
        raise FairleadError("--old", f"{file}:{first.line}: {first.message}", first.fix)
    return [item.manifest for item in items]


def paired(items: list[Item], stored: list[Manifest]) -> list[tuple[Item, Manifest | None]]:
    """Each object with the stored one of its kind, namespace and name; one with one, whatever they are called.

    A new object without a namespace is in that of the stored one, as the address of the request would say.
    """
    if len(items) == len(stored) == 1:
        return [(_beside(items[0], stored[0]), stored[0])]
    known = {_identity(manifest): manifest for manifest in stored}
    return [(item, known.get(_identity(item.manifest))) for item in items]


def _identity(manifest: Manifest) -> tuple[object, ...]:
    metadata = manifest.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return str(manifest.get("kind")), str(metadata.get("namespace")), str(metadata.get("name"))


def _beside(item: Item, stored: Manifest) -> Item:
    place = (item.source.place[2] or {}).get("metadata") if item.source else None
    metadata, theirs = item.manifest.get("metadata"), stored.get("metadata")
    written = place is None or "namespace" in (place[2] or {})
    if written or not isinstance(metadata, dict) or not isinstance(theirs, dict) or not theirs.get("namespace"):
        return item
    beside = {**item.manifest, "metadata": {**metadata, "namespace": theirs["namespace"]}}
    return dataclasses.replace(item, manifest=beside)
