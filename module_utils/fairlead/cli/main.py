"""The command `fairlead`: which subcommands there are, and how it ends.

A subcommand is a file beside this one with add_arguments(parser) and run(arguments), which returns the exit status:
0 same or clean, 1 differences or findings, 2 could not tell.
"""
from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify.words import plain

SAME, DIFFERENT, UNKNOWN = 0, 1, 2

# Name to what it does. Only the one that is asked for is imported.
COMMANDS = {
    "check": "judge manifests as the API server would, without a cluster",
    "render": "judge Services and write one file for each",
    "plan": "say what a change of kube-proxy's release or mode breaks",
    "verify": "prove that every client reaches every Service (0 proven, 1 disproven, 2 could not tell)",
    "diff": "compare Services with a directory of rendered files, or with a cluster",
}
_HERE = "ansible.module_utils.fairlead.cli"
_STATUS = "exit status: 0 same or clean, 1 differences or findings, 2 could not tell"


def main(words: list[str]) -> int:
    try:
        arguments = _parser(words).parse_args(words)
        status = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except FairleadError as error:
        print(f"fairlead: {plain(error, 2000)}", file=sys.stderr)
        return UNKNOWN
    except KeyboardInterrupt:
        print("fairlead: interrupted", file=sys.stderr)
        return UNKNOWN
    except BrokenPipeError:  # the reader of our output, head for instance, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNKNOWN


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fairlead", epilog=_STATUS,
                                     description="Services as data, and kube-proxy's configuration: judged, rendered "
                                                 "and compared, without Ansible.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = next((word for word in words if word in COMMANDS), None)
    for name, does in COMMANDS.items():
        command = commands.add_parser(name, help=does, description=does[:1].upper() + does[1:] + ".", epilog=_STATUS)
        if name == wanted:
            module = import_module(f"{_HERE}.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
