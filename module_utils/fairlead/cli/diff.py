"""fairlead diff: what is named, compared with a directory of rendered files or with a cluster. Changes neither."""
from __future__ import annotations

import argparse
import difflib
import json
import sys

from ansible.module_utils.fairlead.cli import inputs, output
from ansible.module_utils.fairlead.cli.main import DIFFERENT, SAME
from ansible.module_utils.fairlead.cli.render import judged
from ansible.module_utils.fairlead.plan import Plan, Step
from ansible.module_utils.fairlead.services import render, tree, verdict
from ansible.module_utils.fairlead.services.findings import ERROR, Finding
from ansible.module_utils.fairlead.services.model import Item
from ansible.module_utils.fairlead.verify.words import plain

_LONGEST_LINE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inputs.add_files(parser)
    inputs.add_directory(parser, required=False)
    inputs.add_cluster(parser)
    inputs.add_facts(parser)
    inputs.add_external_ips(parser)
    inputs.add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    items, findings = judged(arguments)
    if verdict.errors(findings):
        output.write(findings, arguments.output, "nothing was compared")
        return DIFFERENT
    directory = inputs.directory_of(arguments)
    planned = against_directory(directory, items) if directory else against_cluster(arguments, items)
    _write(planned, arguments.output)
    return DIFFERENT if planned.changed else SAME


def against_directory(directory: str, items: list[Item]) -> Plan:
    wanted = render.files(render.in_order(item.manifest for item in items))
    return tree.plan(directory, wanted, tree.observe(directory))


def against_cluster(arguments: argparse.Namespace, items: list[Item]) -> Plan:
    # Only here, since the kubernetes client takes 0.3 s to import.
    from ansible.module_utils.fairlead.services import deliver, delivery_plan  # noqa: PLC0415
    from ansible.module_utils.fairlead.services.api import Api  # noqa: PLC0415

    api = Api.connect(arguments.kubeconfig, arguments.context)
    found = deliver.comparison(api, [item.manifest for item in items], arguments.field_manager, arguments.apply_set)
    return delivery_plan.differences(found.plan(found.observe()))


def _write(planned: Plan, form: str) -> None:
    if form == inputs.JSON:
        steps = [{"action": step.action, "object": step.target, "diff": _diff(step)} for step in planned.steps]
        print(json.dumps({"differences": steps, "same": not planned.changed}, indent=2))
    elif form == inputs.TEXT:
        colour = output.coloured(sys.stdout)
        for step in planned.steps:
            print(plain(step.describe(), _LONGEST_LINE))
            for line in _diff(step):
                print(output.painted(line, colour))
        print(planned.unchanged if not planned.changed
              else "1 difference" if len(planned.steps) == 1 else f"{len(planned.steps)} differences")
    else:
        output.write([_finding(step) for step in planned.steps], form, "")


def _diff(step: Step) -> list[str]:
    lines = difflib.unified_diff(step.before.splitlines(), step.after.splitlines(), "now", "wanted", lineterm="")
    return [plain(line, _LONGEST_LINE) for line in lines]


def _finding(step: Step) -> Finding:
    return Finding("", "Different", plain(step.describe()), "render or apply it", ERROR, object=plain(step.target),
                   file=plain(step.target), line=1, column=1)
