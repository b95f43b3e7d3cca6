"""Reading and atomically writing the few small files that Fairlead owns."""
from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.plan import Step

OWNER_LINE = "# Written by Fairlead; changes made here are overwritten."


def read_text(path: str) -> str | None:
    """The file's text, or None when there is no such file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FairleadError(path, f"cannot be read: {error}", "make it a readable UTF-8 text file") from error


def write_text(path: str, text: str, mode: int = 0o644) -> None:
    """As write_bytes(), in UTF-8."""
    write_bytes(path, text.encode(), mode)


def write_bytes(path: str, content: bytes, mode: int = 0o644) -> None:
    """Replace the file in one step: a reader, or a crash, sees the old content or the new, never a part.

    The temporary file lies in the same directory so that the rename stays within one file system; file and
    directory are flushed so that a power cut cannot undo or halve it. A symbolic link is refused, not followed.
    """
    directory = os.path.dirname(path) or "."
    try:
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise FairleadError(path, "is a symbolic link", "replace it by a regular file or remove it")
    except FileNotFoundError:
        pass
    temporary = None
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=directory)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(temporary, path)
        temporary = None
        sync_directory(directory)
    except OSError as error:
        raise FairleadError(path, f"cannot be written: {error.strerror}",
                            "make room or make the directory writable") from error
    finally:
        if temporary is not None:
            os.unlink(temporary)


def remove(path: str) -> None:
    """Remove the file; one that is already gone is fine."""
    try:
        os.unlink(path)
        sync_directory(os.path.dirname(path) or ".")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise FairleadError(path, f"cannot be removed: {error.strerror}", "make the directory writable") from error


def step(path: str, before: str | None, after: str | None, data: object = None) -> list[Step]:
    """The step that makes the file hold `after` (None: that takes it away), or none."""
    if before == after:
        return []
    return [Step("remove" if after is None else "write", path, before or "", after or "", data)]


def finding(planned: Step) -> str:
    """What is wrong with the file of such a step."""
    if planned.action == "remove":
        return f"{planned.target} is there and is not wanted"
    return f"{planned.target} {'differs from what the role writes' if planned.before else 'is not there'}"


def sync_directory(directory: str) -> None:
    """Let names that were made, changed or removed in it outlast a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
