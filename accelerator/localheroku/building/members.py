"""Read the members of archives nobody vouches for, one by one and within limits.

A few bytes can stand for very many: compressed zeros, sparse files, headers that go on and on,
directories of a zip. So whatever is read here is counted before it is kept. A tar is read forwards
only: a header that leads back would be read for ever.
"""

from __future__ import annotations

import bz2
import gzip
import stat
import tarfile
import zipfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_BLOCK = 1 << 16
_MOST_HEADER = 32 * 1024  # of one member, extended headers and maps of sparse files included
_MOST_DIRECTORY = 16 * 1024 * 1024
_LONGEST_TARGET = 4096
_ZIPPED = (b"PK\x03\x04", b"PK\x05\x06")
_SIGNATURES = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open))
_SIMPLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


class UnsafeArchive(Exception):
    """The archive cannot be read, is too large, or would write outside its directory."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold: members, bytes once unpacked, folders in one another."""

    members: int = 500_000
    size: int = 2 * 1024 * 1024 * 1024
    depth: int = 200


@dataclass(frozen=True)
class Member:
    """One member, whatever the archive's format."""

    name: str
    kind: str  # "directory", "file", "symlink", "hardlink"
    mode: int
    modified: float | None
    target: str
    open: Callable[[], IO[bytes]]


def read_members(archive: Path, limits: Limits) -> Iterator[Member]:
    """Yield the members of a tar (plain or compressed) or zip, in their order.

    A file is read while its member is the newest. What is no archive, or broken, raises whatever
    the reader of the format raises.
    """
    with archive.open("rb") as file:
        start = file.read(4)
    if start in _ZIPPED:
        yield from _zip_members(archive)
        return
    opened = next((one for sign, one in _SIGNATURES if start.startswith(sign)), None)
    with opened(archive) if opened else archive.open("rb") as content:
        yield from _tar_members(_Forwards(content, limits.size))


class Readable(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, as many as asked for if there are."""


class _Forwards:
    """A file that is read forwards, up to `most` bytes, and between members one header at most."""

    def __init__(self, file: Readable, most: int) -> None:
        self._file, self._most = file, most
        self._at = 0
        self.allowed = _MOST_HEADER

    def tell(self) -> int:
        """Return how far it was read."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read what is allowed at most."""
        if not 0 <= size <= self.allowed:
            raise UnsafeArchive("a header is too long")
        self.allowed -= size
        return self._take(size)

    def seek(self, to: int) -> int:
        """Pass over what is not wanted."""
        if to < self._at:
            raise UnsafeArchive("a header leads backwards")
        while self._at < to and self._take(min(to - self._at, _BLOCK)):
            pass
        return self._at

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        self._at += len(data)
        if self._at > self._most:
            raise too_large(self._most)
        return data


def too_large(most: int) -> UnsafeArchive:
    """Return the refusal of an archive that unpacks to more than `most` bytes."""
    return UnsafeArchive(f"it unpacks to more than {most // (1024 * 1024)} MiB")


def _tar_members(content: _Forwards) -> Iterator[Member]:
    try:
        tar = tarfile.TarFile(fileobj=content)  # type: ignore[arg-type] # reading is enough
    except tarfile.ReadError:
        raise UnsafeArchive("not a tar, tar.gz or zip archive") from None
    with tar:
        while (member := _next(tar, content)) is not None:
            # They are kept otherwise, with all that their headers say.
            tar.members = []  # type: ignore[attr-defined] # known to readers of long archives
            tar.pax_headers = {}
            kind = _tar_kind(member)
            if kind:
                content.allowed = member.size
                opened = _tar_opener(tar, member)
                yield Member(
                    member.name, kind, member.mode, float(member.mtime), member.linkname, opened
                )


def _next(tar: tarfile.TarFile, content: _Forwards) -> tarfile.TarInfo | None:
    content.allowed = _MOST_HEADER
    return tar.next()


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


class _Directory:
    """The file of a zip, whose directory is read in one go: not more than is reasonable."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        """Return that it can be read in any order."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read what a directory may be long at most."""
        data = self._file.read(min(size, _MOST_DIRECTORY + 1) if size >= 0 else _MOST_DIRECTORY + 1)
        if len(data) > _MOST_DIRECTORY:
            raise UnsafeArchive("its directory is too long")
        return data


def _zip_members(archive: Path) -> Iterator[Member]:
    with archive.open("rb") as file, zipfile.ZipFile(_Directory(file)) as zipped:
        for info in zipped.infolist():
            # Others want memory as the archive says, and a password nobody has.
            if info.compress_type not in _SIMPLE or info.flag_bits & _ENCRYPTED:
                raise UnsafeArchive(f"entry {info.filename!r} is encrypted, or of a rare kind")
            mode = info.external_attr >> 16
            kind = "directory" if info.is_dir() else "symlink" if stat.S_ISLNK(mode) else "file"
            target = _zip_target(zipped, info) if kind == "symlink" else ""
            yield Member(info.filename, kind, mode, None, target, _zip_opener(zipped, info))


def _zip_target(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    with zipped.open(info) as file:
        target = file.read(_LONGEST_TARGET + 1)
    if len(target) > _LONGEST_TARGET:
        raise UnsafeArchive(f"link {info.filename!r} is too long")
    return target.decode()


def _zip_opener(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: zipped.open(info)
