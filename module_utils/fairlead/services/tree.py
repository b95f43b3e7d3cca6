"""The directory of rendered files: what of ours is in it, what is missing, and writing it safely.

Everything is done relative to open directories and without following links, so nothing outside the directory is ever
written, whatever happens to it meanwhile. Files are not flushed to the disk one by one: they can always be rendered
again, and ten thousand flushes take minutes.
"""
from __future__ import annotations

import contextlib
import errno
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
_CHUNK = 1 << 16


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
    check_path(directory)
    with _reading(directory):
        try:
            root = os.open(directory, _DIRECTORY)
        except FileNotFoundError:
            return Observed()
        with _closing(root):
            for name in sorted(os.listdir(root)):
                if stat.S_ISDIR(os.stat(name, dir_fd=root, follow_symlinks=False).st_mode):
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


class Writer:
    """Writes and removes the files of one directory.

    Every new text is first written beside the old one; only when all of them are on the disk are they put in place. So
    a full disk or a directory that cannot be written leaves everything as it was, and a reader sees the old text of a
    file or the new one, never a part.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._temporary: dict[str, str] = {}  # path of a file to the name of its new text
        self._made: list[str] = []  # directories that were not there before
        self._root = -1
        self._parent = ""
        self._folder = -1

    def prepare(self, planned: Plan) -> None:
        """Write every new text; takes all of it back when one cannot be written."""
        step = planned.steps[0]
        try:
            check_path(self._directory)
            os.makedirs(self._directory, exist_ok=True)
            self._root = os.open(self._directory, _DIRECTORY)
            for step in planned.steps:
                if step.action == "write":
                    self._enter(step.data)
                    self._temporary[step.data] = temporary = f"{_TEMPORARY}{os.getpid()}-{len(self._temporary)}"
                    _write(self._folder, temporary, step.after)
        except OSError as error:
            self._take_back()
            raise _refused(step.target, error) from error
        except BaseException:
            self._take_back()
            raise

    def apply(self, step: Step) -> None:
        """Put one prepared text in place, or remove one file."""
        try:
            parent, name = self._enter(step.data)
            if step.action == "write":
                os.rename(self._temporary[step.data], name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                del self._temporary[step.data]
                return
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._folder)
            if parent:
                with contextlib.suppress(OSError):  # not empty: others' files are in it
                    os.rmdir(parent, dir_fd=self._root)
        except OSError as error:
            self._take_back()
            raise _refused(step.target, error) from error

    def close(self) -> None:
        for descriptor in (self._folder, self._root):
            if descriptor >= 0:
                os.close(descriptor)
        self._root = self._folder = -1

    def _enter(self, path: str) -> tuple[str, str]:
        """Open the directory of this file unless it is the one that is open; steps come sorted by directory."""
        parent, name = os.path.split(path)
        if self._folder < 0 or parent != self._parent:
            if self._folder >= 0:
                os.close(self._folder)
                self._folder = -1
            if parent:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(parent, dir_fd=self._root)
                    self._made.append(parent)
            self._folder, self._parent = os.open(parent or ".", _DIRECTORY, dir_fd=self._root), parent
        return parent, name

    def _take_back(self) -> None:
        """Remove what was written and is not in place. Whatever cannot be removed is cleared away by the next run."""
        with contextlib.suppress(OSError):
            for path, temporary in self._temporary.items():
                self._enter(path)
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=self._folder)
        for parent in self._made:
            with contextlib.suppress(OSError):
                os.rmdir(parent, dir_fd=self._root)
        self._temporary, self._made = {}, []


def check_path(directory: str) -> None:
    """Refuse a directory that a symbolic link leads out of the tree: below the working directory none is followed, and
    elsewhere neither the directory itself nor the one that it lies in may be one."""
    whole = os.path.abspath(directory)
    here = os.getcwd()
    parts = (os.path.relpath(whole, here).split(os.sep) if whole.startswith(here.rstrip(os.sep) + os.sep)
             else whole.split(os.sep)[-2:])
    for count in range(len(parts)):
        path = whole if count == 0 else os.sep.join(whole.split(os.sep)[:-count])
        if os.path.islink(path):
            raise FairleadError(path, "is a symbolic link", "name a directory of files that Fairlead may own")


def _refused(target: str, error: OSError) -> FairleadError:
    remedy = {
        errno.ENOSPC: "make room on the disk", errno.EDQUOT: "make room in the quota",
        errno.EROFS: "mount the file system for writing, or render into another directory",
        errno.ENAMETOOLONG: "shorten the name",
    }.get(error.errno or 0, "make the directory writable, and replace links in it by directories")
    return FairleadError(target, f"cannot be written: {error.strerror}", remedy)


def _write(folder: int, name: str, text: str) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644, dir_fd=folder)
    try:
        rest = memoryview(text.encode())
        while rest:
            rest = rest[os.write(descriptor, rest):]
    finally:
        os.close(descriptor)


def _observe_names(root: int, name: str, ours: dict[str, str], foreign: set[str]) -> None:
    with _opened(name, root) as folder:
        _observe_files(folder, f"{name}/", ours, foreign)


def _observe_files(folder: int, prefix: str, ours: dict[str, str], foreign: set[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(_TEMPORARY):
                ours[prefix + name] = ""
            elif name.endswith(".yaml"):
                text = _ours(folder, name) if entry.is_file(follow_symlinks=False) else None
                if text is None:
                    foreign.add(prefix + name)
                else:
                    ours[prefix + name] = text


def _ours(folder: int, name: str) -> str | None:
    """The text of a file that begins with our mark; None for anything else."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        found = os.read(descriptor, _CHUNK)
        if not found.startswith(_MARK):
            return None
        while len(found) % _CHUNK == 0 and (more := os.read(descriptor, _CHUNK)):
            found += more
    finally:
        os.close(descriptor)
    # Bytes that are not UTF-8 cannot be what we wrote, so the file is written again.
    return found.decode("utf-8", "replace")


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
