"""A token on its way from the module to the guard: never in the journal, an argument list or a log, and never on disk.

The guard outlives the module and the login, so neither a pipe nor an environment would do.
"""
from __future__ import annotations

from ansible.module_utils.fairlead import files

PATH = "/run/fairlead-mode-change.token"  # in memory, for root alone, and gone once the guard has taken it


def leave(token: str, path: str = PATH) -> None:
    files.write_text(path, token, 0o600)


def take(path: str = PATH) -> str:
    """The token, "" for none; it is there no longer."""
    token = files.read_text(path) or ""
    files.remove(path)
    return token
