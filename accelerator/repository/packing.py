"""Packing an archive: gzip in two ways, counted and hashed on its way out.

Which bytes a compressor makes depends on its version and on the machine: igzip chooses its code by
the processor. So there are two ways: the fast one, and one whose bytes follow from the content
alone, which is not compressed at all.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    # Opens a way to pack: what is written to the one comes out, packed, at the other.
    Packing = Callable[["Writable"], AbstractContextManager["Writable"]]

# RFC 1952: no name, no time, an unknown system. RFC 1951, 3.2.4: a stored block and the last one.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_STORED, _LAST = 0, 1
_BLOCK = 0xFFFF


class Writable(Protocol):
    """What bytes can be written to."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The size of an archive in bytes, and its checksum as Heroku writes it."""

    size: int
    checksum: str


class Counted:
    """Counts and hashes what passes through to a stream, and leaves closing it to its owner."""

    def __init__(self, to: BinaryIO | None = None) -> None:
        self._to, self._size, self._hash = to, 0, hashlib.sha256()

    @property
    def packed(self) -> Packed:
        """Return what passed through so far."""
        return Packed(self._size, f"SHA256:{self._hash.hexdigest()}")

    def write(self, data: bytes, /) -> int:
        """Pass the bytes on."""
        if self._to is not None:
            self._to.write(data)
        self._hash.update(data)
        self._size += len(data)
        return len(data)

    def flush(self) -> None:
        """Pass the wish on."""
        if self._to is not None:
            self._to.flush()


@contextmanager
def exact(to: Writable) -> Iterator[Writable]:
    """Pack without compressing: the same content is the same bytes, on every machine."""
    stored = _Stored(to)
    yield stored
    stored.finish()


@contextmanager
def fast(to: Writable) -> Iterator[Writable]:
    """Pack quickly: the same content is the same bytes on a machine like this one."""
    target = cast("BinaryIO", to)
    compress: Callable[..., AbstractContextManager[IO[bytes]]]
    try:
        from isal import igzip_threaded  # noqa: PLC0415  # not on every machine
    except ImportError:  # no wheel for this machine; zlib's lowest level is the next best
        compressor = cast(
            "AbstractContextManager[IO[bytes]]",
            gzip.GzipFile(filename="", fileobj=target, mode="wb", compresslevel=1, mtime=0),
        )
    else:
        compress = cast("Callable[..., AbstractContextManager[IO[bytes]]]", igzip_threaded.open)
        compressor = compress(target, "wb", compresslevel=3, threads=1, block_size=1 << 20)
    with compressor as out:
        yield out


class Both:
    """Writes everything twice."""

    def __init__(self, one: Writable, other: Writable) -> None:
        self._one, self._other = one, other

    def write(self, data: bytes, /) -> int:
        """Pass the bytes on to both."""
        self._one.write(data)
        self._other.write(data)
        return len(data)


class _Stored:
    """A gzip file of stored blocks, each full but the last: nothing in it was anybody's choice."""

    def __init__(self, to: Writable) -> None:
        self._to, self._rest, self._crc, self._size = to, bytearray(), 0, 0
        to.write(_HEADER)

    def write(self, data: bytes, /) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._rest += data
        whole = len(self._rest) - len(self._rest) % _BLOCK
        with memoryview(self._rest) as view:
            for start in range(0, whole, _BLOCK):
                self._write_block(_STORED, view[start : start + _BLOCK])
        del self._rest[:whole]
        return len(data)

    def finish(self) -> None:
        """Write the last block, which may be empty, and what ends the file."""
        self._write_block(_LAST, memoryview(bytes(self._rest)))
        self._to.write(struct.pack("<LL", self._crc, self._size & 0xFFFFFFFF))

    def _write_block(self, kind: int, block: memoryview) -> None:
        length = len(block)
        self._to.write(struct.pack("<BHH", kind, length, length ^ _BLOCK))
        self._to.write(bytes(block))
