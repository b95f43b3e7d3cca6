"""Arguments that subcommands share, and what they stand for."""
from __future__ import annotations

import argparse
import os
import re

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import facts, repository

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TEXT, JSON, SARIF, JUNIT = OUTPUTS = ("text", "json", "sarif", "junit")


def add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE",
                        help="manifests or lists of Services; a directory stands for all in it, - for standard input")


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", choices=OUTPUTS, default=TEXT, help="form of the result (text)")


def add_facts(parser: argparse.ArgumentParser) -> None:
    """What a verdict depends on besides the manifests."""
    newest = ".".join(map(str, facts.NEWEST))
    parser.add_argument("--kubernetes-version", metavar="1.N", help=f"of the API server ({newest})")
    parser.add_argument("--feature-gates", default="", metavar="NAME=BOOL[,...]",
                        help="gates of the API server that are not at its release's default")
    parser.add_argument("--service-cidrs", metavar="CIDR[,CIDR]",
                        help="the API server's --service-cluster-ip-range; without it an address cannot be judged")
    parser.add_argument("--node-port-range", default="30000-32767", metavar="FIRST-LAST",
                        help="the API server's --service-node-port-range (30000-32767)")


def add_external_ips(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow-external-ips", default="", metavar="CIDR[,CIDR]",
                        help="networks in which spec.externalIPs is meant; elsewhere it is refused (CVE-2020-8554)")


def add_directory(parser: argparse.ArgumentParser, required: bool = True) -> None:
    where = parser.add_mutually_exclusive_group(required=required)
    where.add_argument("--cluster", metavar="NAME", help="of the cluster: the directory is rendered/NAME")
    where.add_argument("--directory", metavar="DIR", help="directory of the rendered files, when it is another")


def add_kubeconfig(parser: argparse.ArgumentParser, help_text: str) -> None:
    parser.add_argument("--kubeconfig", metavar="FILE", help=help_text)
    parser.add_argument("--context", metavar="NAME", help="context in the kubeconfig, when not the current one")


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """For a comparison with a cluster."""
    add_kubeconfig(parser, "of the cluster to compare with ($KUBECONFIG or ~/.kube/config)")
    parser.add_argument("--field-manager", metavar="NAME", default="fairlead", help="whose fields ours are (fairlead)")
    parser.add_argument("--apply-set", metavar="NAMESPACE/NAME",
                        help="the set that was delivered: its members that are not named here are differences too")


def directory_of(arguments: argparse.Namespace) -> str:
    """Where the files are; empty when neither a directory nor a cluster's name was given."""
    if arguments.cluster is None:
        return arguments.directory or ""
    if not _NAME.fullmatch(arguments.cluster):
        raise FairleadError("--cluster", "is not a name", "write letters, digits, . _ and -", arguments.cluster)
    return os.path.join("rendered", arguments.cluster)


def facts_of(arguments: argparse.Namespace) -> facts.Facts:
    """From the flags; version and ranges that no flag gives come from the cluster that --kubeconfig names."""
    version, cidrs = arguments.kubernetes_version, arguments.service_cidrs
    given = facts.Facts(
        node_ports=facts.parse_range(arguments.node_port_range),
        kubernetes_version=facts.parse_version(version) if version else facts.NEWEST,
        service_cidrs=facts.parse_cidrs(cidrs or ""), feature_gates=facts.parse_feature_gates(arguments.feature_gates))
    if not arguments.kubeconfig:
        return given
    # Only here, since the kubernetes client takes 0.3 s to import.
    from ansible.module_utils.fairlead.services import cluster_facts  # noqa: PLC0415
    from ansible.module_utils.fairlead.services.api import Api  # noqa: PLC0415

    api = Api.connect(arguments.kubeconfig, arguments.context)
    return cluster_facts.complete(given, api, version=version is None, cidrs=cidrs is None)


def external_ips_of(arguments: argparse.Namespace) -> tuple[repository.Network, ...]:
    return repository.parse_networks(arguments.allow_external_ips.split(","))
