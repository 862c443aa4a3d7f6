"""Unpack archives nobody vouches for.

Nothing lands outside the directory asked for: names are checked, and links are made last,
so that no entry can be written through one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tarfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SETTLE_SECONDS = 0.001
_SETTLE_LOOKS = 2000


class UnsafeArchive(Exception):
    """The archive cannot be read, or would write outside its directory."""


@dataclass(frozen=True)
class _Entry:
    """One member, whatever the archive's format."""

    name: str
    kind: str  # "directory", "file", "symlink", "hardlink"
    mode: int
    modified: float | None
    target: str
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, to: Path, *, foreign_links: bool = False) -> None:
    """Unpack a tar (plain or compressed) or zip into `to`.

    A symbolic link may leave `to` only with `foreign_links`; nothing is ever written through
    a link. Raises `UnsafeArchive`.
    """
    to.mkdir(parents=True, exist_ok=True)
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                _write(_tar_entries(tar), to, foreign_links)
        elif zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                _write(_zip_entries(zipped), to, foreign_links)
        else:
            raise UnsafeArchive("not a tar, tar.gz or zip archive")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
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


def _write(entries: Iterator[_Entry], to: Path, foreign_links: bool) -> None:
    links: list[tuple[Path, str]] = []
    for entry in entries:
        path = _path_of(entry.name, to)
        if path == to:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "directory":
            path.mkdir(exist_ok=True)
        elif entry.kind == "symlink":
            links.append((path, entry.target))
        elif entry.kind == "hardlink":
            shutil.copy2(_path_of(entry.target, to), path)
        else:
            _write_file(entry, path)
    for path, target in links:
        if not (foreign_links or _stays_inside(path, target, to)):
            raise UnsafeArchive(f"link {path.relative_to(to)} leaves the archive")
        path.symlink_to(target)


def _write_file(entry: _Entry, path: Path) -> None:
    with entry.open() as source, path.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    path.chmod(0o644 | (entry.mode & 0o111))
    if entry.mode & 0o111:
        _settle(path)
    if entry.modified is not None:
        os.utime(path, (entry.modified, entry.modified))


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


def _path_of(name: str, to: Path) -> Path:
    parts = PurePosixPath(name).parts
    if "\0" in name or name.startswith("/") or ".." in parts:
        raise UnsafeArchive(f"entry {name!r} leaves the archive")
    return to.joinpath(*parts)


def _stays_inside(link: Path, target: str, to: Path) -> bool:
    # Judged by the text: what the names stand for now may be another link later.
    reached = os.path.normpath(link.parent / target)
    return not target.startswith("/") and Path(reached).is_relative_to(to)


def _tar_entries(tar: tarfile.TarFile) -> Iterator[_Entry]:
    for member in tar:
        kind = _tar_kind(member)
        if kind:
            opened = _tar_opener(tar, member)
            yield _Entry(
                member.name, kind, member.mode, float(member.mtime), member.linkname, opened
            )


def _tar_kind(member: tarfile.TarInfo) -> str | None:
    if member.isdir():
        return "directory"
    if member.issym():
        return "symlink"
    if member.islnk():
        return "hardlink"
    # Devices and pipes have no place in source or slug.
    return "file" if member.isfile() else None


def _tar_opener(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        file = tar.extractfile(member)
        if file is None:
            raise UnsafeArchive(f"entry {member.name!r} has no content")
        return file

    return opened


def _zip_entries(zipped: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in zipped.infolist():
        mode = info.external_attr >> 16
        kind = "directory" if info.is_dir() else "symlink" if stat.S_ISLNK(mode) else "file"
        target = zipped.read(info).decode() if kind == "symlink" else ""
        yield _Entry(info.filename, kind, mode, None, target, _zip_opener(zipped, info))


def _zip_opener(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: zipped.open(info)
