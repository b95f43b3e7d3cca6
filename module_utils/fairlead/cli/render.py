"""fairlead render: judge what is named and write one file for each object."""
from __future__ import annotations

import argparse
import json
import sys

from ansible.module_utils.fairlead.cli import inputs, output
from ansible.module_utils.fairlead.cli.main import DIFFERENT, SAME
from ansible.module_utils.fairlead.converge import reach
from ansible.module_utils.fairlead.services import render, sources, tree, verdict
from ansible.module_utils.fairlead.services.findings import Finding
from ansible.module_utils.fairlead.services.model import Item


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inputs.add_files(parser)
    inputs.add_directory(parser)
    inputs.add_facts(parser)
    inputs.add_kubeconfig(parser, "of a cluster to ask for its version and Service ranges")
    inputs.add_external_ips(parser)
    parser.add_argument("--dry-run", action="store_true",
                        help="write nothing; ends with 1 when there would be something to write")
    inputs.add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    directory = inputs.directory_of(arguments)
    items, findings = judged(arguments)
    if verdict.errors(findings):
        output.write(findings, arguments.output, "nothing was written")
        return DIFFERENT
    wanted = render.files(render.in_order(item.manifest for item in items))
    writer = tree.Writer(directory)
    done: list[str] = []
    try:
        planned, _observed = reach(
            lambda: tree.observe(directory), lambda observed: tree.plan(directory, wanted, observed),
            writer.apply, done, check_mode=arguments.dry_run, prepare=writer.prepare)
    finally:
        writer.close()
    if arguments.output == inputs.JSON:
        print(json.dumps({"directory": directory, "files": list(wanted), "plan": planned.describe(),
                          "changed": planned.changed, **output.data(findings)}, indent=2))
    elif arguments.output == inputs.TEXT:
        if findings:
            output.write(findings, inputs.TEXT, output.counted(items, sources.files_of(items)))
        sys.stdout.write("".join(f"{line}\n" for line in planned.describe()))
    else:
        output.write(findings, arguments.output, "")
    return DIFFERENT if arguments.dry_run and planned.changed else SAME


def judged(arguments: argparse.Namespace) -> tuple[list[Item], list[Finding]]:
    """What was named, and everything to say of it. What would stop a delivery half way is an error here."""
    items, findings = sources.read(arguments.files)
    return items, findings + verdict.everything(items, inputs.facts_of(arguments), inputs.external_ips_of(arguments))
