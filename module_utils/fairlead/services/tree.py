"""The directory of rendered files: what of ours is in it, what is missing, and writing it safely.

Everything is done relative to open directories and without following links, so nothing outside the directory is ever
written, whatever happens to it meanwhile. Files are not flushed to the disk one by one: they can always be rendered
again, and ten thousand flushes take minutes.
"""
from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import OWNER_LINE
from ansible.module_utils.fairlead.plan import Plan, Step

_MARK = OWNER_LINE.encode()
_TEMPORARY = ".fairlead-"  # what a run that was killed may leave behind
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_SHOWN = 10


@dataclass(frozen=True)
class Observed:
    """ours: relative path to text; foreign: paths of other people's files; blocked: what is not a directory where one
    of ours would be."""

    ours: dict[str, str] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


def observe(directory: str) -> Observed:
    """Read the directory and its subdirectories, no deeper."""
    ours: dict[str, str] = {}
    foreign: set[str] = set()
    blocked: set[str] = set()
    with _reading(directory):
        try:
            root = os.open(directory, _DIRECTORY)
        except FileNotFoundError:
            return Observed()
        with _closing(root):
            for name in sorted(os.listdir(root)):
                kind = os.stat(name, dir_fd=root, follow_symlinks=False).st_mode
                if stat.S_ISDIR(kind):
                    _observe_names(root, name, ours, foreign)
                else:
                    blocked.add(name)
            _observe_files(root, "", ours, foreign)
    return Observed(ours, frozenset(foreign), frozenset(blocked))


def plan(directory: str, wanted: dict[str, str], observed: Observed) -> Plan:
    """Write what differs, remove what of ours is no longer wanted. Pure."""
    in_the_way = [name for name in wanted if name in observed.foreign]
    in_the_way += sorted({name.split("/")[0] for name in wanted if "/" in name} & observed.blocked)
    if in_the_way:
        more = f" and {len(in_the_way) - _SHOWN} more" if len(in_the_way) > _SHOWN else ""
        raise FairleadError(directory, f"these are not Fairlead's: {', '.join(in_the_way[:_SHOWN])}{more}",
                            "move them away, or render into another directory")
    steps = [Step("write", os.path.join(directory, name), observed.ours.get(name, ""), text, name)
             for name, text in wanted.items() if observed.ours.get(name) != text]
    steps += [Step("remove", os.path.join(directory, name), text, "", name)
              for name, text in sorted(observed.ours.items()) if name not in wanted]
    return Plan(tuple(steps), f"all {len(wanted)} files in {directory} are as wanted")


def apply(directory: str, step: Step) -> None:
    """Write or remove one file. A reader sees the old text or the new one, never a part."""
    parent, name = os.path.split(step.data)
    try:
        os.makedirs(directory, exist_ok=True)
        with _opened(directory) as root:
            if parent:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(parent, dir_fd=root)
            with _opened(parent or ".", root) as folder:
                if step.action == "write":
                    _write(folder, name, step.after)
                    return
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
            if parent:
                with contextlib.suppress(OSError):  # not empty: others' files are in it
                    os.rmdir(parent, dir_fd=root)
    except OSError as error:
        raise FairleadError(step.target, f"cannot be written: {error.strerror}",
                            "make room or make the directory writable, and replace links in it by directories",
                            ) from error


def _write(folder: int, name: str, text: str) -> None:
    temporary = f"{_TEMPORARY}{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _observe_names(root: int, name: str, ours: dict[str, str], foreign: set[str]) -> None:
    with _opened(name, root) as folder:
        _observe_files(folder, f"{name}/", ours, foreign)


def _observe_files(folder: int, prefix: str, ours: dict[str, str], foreign: set[str]) -> None:
    for name in os.listdir(folder):
        if name.startswith(_TEMPORARY):
            ours[prefix + name] = ""
        elif name.endswith(".yaml"):
            text = _ours(folder, name)
            if text is None:
                foreign.add(prefix + name)
            else:
                ours[prefix + name] = text


def _ours(folder: int, name: str) -> str | None:
    """The text of a file that begins with our mark; None for anything else, a link among it."""
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return None
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb") as stream:
        head = stream.read(len(_MARK))
        # Bytes that are not UTF-8 cannot be what we wrote, so the file is written again.
        return (head + stream.read()).decode("utf-8", "replace") if head == _MARK else None


@contextlib.contextmanager
def _opened(path: str, inside: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, _DIRECTORY, dir_fd=inside)
    with _closing(descriptor):
        yield descriptor


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _reading(directory: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FairleadError(directory, f"cannot be read: {error.strerror}",
                            "name a directory of files that Fairlead may own; a symbolic link is not followed",
                            ) from error
