"""Unpack archives nobody vouches for.

Nothing lands outside the directory asked for, and nothing in it leads there: names are checked,
links are made last, so that no entry can be written through one, and then each is followed through
all the others to where it really leads.
"""

from __future__ import annotations

import fcntl
import os
import struct
import tarfile
import time
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from accelerator.localheroku.building.members import (
    Limits,
    Member,
    UnsafeArchive,
    read_members,
    too_large,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Limits", "UnsafeArchive", "root_of", "unpack"]

LIMITS = Limits()
_SETTLE_SECONDS = 0.001
_SETTLE_LOOKS = 2000
_BLOCK = 1 << 18
_LONGEST_NAME = 4096
_LATEST = 1 << 33
# What the readers of the formats raise for bytes that make no sense.
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RuntimeError,  # headers nested too deep are one of these
)


def _go_on() -> None:
    """Raise nothing."""


def unpack(
    archive: Path,
    to: Path,
    *,
    foreign_links: bool = False,
    limits: Limits = LIMITS,
    check: Callable[[], None] = _go_on,
) -> None:
    """Unpack a tar (plain or compressed) or zip into `to`, an empty directory or none yet.

    A symbolic link may leave `to` only with `foreign_links`; nothing is ever written through
    a link. `check` is called all the time and may raise. Raises `UnsafeArchive`.
    """
    to.mkdir(parents=True, exist_ok=True)
    try:
        writing = _Writing(to, limits, check)
        for member in read_members(archive, limits):
            writing.add(member)
        writing.make_links(foreign_links)
    except _BROKEN as error:
        raise UnsafeArchive(f"the archive cannot be unpacked: {error}") from error


def root_of(unpacked: Path) -> Path:
    """Find the tree inside `unpacked`: its only directory if there is nothing else.

    Archives of code hosts hold one directory named after the commit. An app that is nothing
    but `bin/compile` has one directory as well, and is its own root.
    """
    entries = list(unpacked.iterdir())
    if len(entries) != 1 or entries[0].is_symlink() or not entries[0].is_dir():
        return unpacked
    return unpacked if (unpacked / "bin" / "compile").is_file() else entries[0]


@dataclass
class _Writing:
    """An archive on its way to disk."""

    to: Path
    limits: Limits
    check: Callable[[], None]
    members: int = 0
    size: int = 0
    links: list[tuple[Path, str]] = field(default_factory=list)
    folders: set[Path] = field(default_factory=set)

    def add(self, member: Member) -> None:
        """Write a member, or remember the link that it is."""
        self.check()
        self._count()
        path = self._path_of(member.name)
        if path == self.to:
            return
        self._make_folder(path.parent)
        if member.kind == "directory":
            path.mkdir(exist_ok=True)
        elif member.kind == "symlink":
            self.links.append((path, member.target))
        elif member.kind == "hardlink":
            self._copy(member, self._path_of(member.target), path)
        else:
            with member.open() as source:
                self._write(source, path, member)

    def make_links(self, foreign_links: bool) -> None:
        """Make all symbolic links, then judge each by where it leads through the others."""
        for path, target in self.links:
            if not (foreign_links or self._is_modest(path, target)):
                raise _leaves(path, self.to)
            path.symlink_to(target)
        top = Path(os.path.realpath(self.to))
        for path, _ in () if foreign_links else self.links:
            self.check()
            if not Path(os.path.realpath(path)).is_relative_to(top):
                raise _leaves(path, self.to)

    def _count(self) -> None:
        self.members += 1
        if self.members > self.limits.members:
            raise UnsafeArchive(f"it has more than {self.limits.members} entries")

    def _make_folder(self, folder: Path) -> None:
        """Make a folder with those above it: a name of a few bytes can stand for hundreds."""
        if folder == self.to or folder in self.folders:
            return
        self._make_folder(folder.parent)
        if not folder.is_dir():
            self._count()
        folder.mkdir(exist_ok=True)
        self.folders.add(folder)

    def _copy(self, member: Member, original: Path, path: Path) -> None:
        # Both would be one file, and the copy empty before it is read.
        if original == path:
            return
        with original.open("rb") as source:
            executable = os.fstat(source.fileno()).st_mode
            self._write(source, path, replace(member, mode=executable))

    def _write(self, source: IO[bytes], path: Path, member: Member) -> None:
        with path.open("wb") as file:
            while block := source.read(_BLOCK):
                self.size += len(block)
                if self.size > self.limits.size:
                    raise too_large(self.limits.size)
                file.write(block)
                self.check()
        path.chmod(0o644 | (member.mode & 0o111))
        if member.mode & 0o111:
            _settle(path)
        if member.modified is not None and 0 <= member.modified < _LATEST:
            os.utime(path, (member.modified, member.modified))

    def _path_of(self, name: str) -> Path:
        parts = PurePosixPath(name[: _LONGEST_NAME + 1]).parts
        if "\0" in name or name.startswith("/") or ".." in parts:
            raise UnsafeArchive(f"entry {name[:100]!r} leaves the archive")
        if len(name) > _LONGEST_NAME or len(parts) > self.limits.depth:
            raise UnsafeArchive(f"the name of entry {name[:40]!r}... is too long")
        return self.to.joinpath(*parts)

    def _is_modest(self, link: Path, target: str) -> bool:
        # By the text alone, as what is not there yet may come to be.
        reached = os.path.normpath(link.parent / target)
        return not target.startswith("/") and Path(reached).is_relative_to(self.to)


def _leaves(link: Path, to: Path) -> UnsafeArchive:
    return UnsafeArchive(f"link {link.relative_to(to)} leaves the archive")


def _settle(path: Path) -> None:
    """Wait until nobody has a file open that was written just now: it could not be run so long.

    A child that another thread is starting has our open files until it runs its own program. A
    lease on reading is refused while anybody can write; where there are no leases we hope.
    """
    lease: int = getattr(fcntl, "F_SETLEASE", 0)
    with path.open("rb") as file:
        for _ in range(_SETTLE_LOOKS if lease else 0):
            try:
                fcntl.fcntl(file, lease, fcntl.F_RDLCK)
            except BlockingIOError:
                time.sleep(_SETTLE_SECONDS)
            except OSError:
                return
            else:
                fcntl.fcntl(file, lease, fcntl.F_UNLCK)
                return
