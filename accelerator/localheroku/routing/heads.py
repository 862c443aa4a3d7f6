"""Heads and bodies of HTTP/1 messages, as far as a router has to understand them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "upgrade"}
_NO_BODY_STATUSES = (204, 304)
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")  # of a chunk (RFC 9112, section 7.1)


class BadMessage(Exception):
    """What came is not HTTP/1, or its length cannot be told."""


@dataclass(frozen=True)
class Head:
    """A start line, in its three words, and the headers in their order."""

    start: tuple[str, str, str]
    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """Return a header's value, or nothing."""
        return ", ".join(value for key, value in self.headers if key.lower() == name)

    def has(self, name: str, word: str) -> bool:
        """Return whether a header lists a word."""
        return word in (part.strip().lower() for part in self.get(name).split(","))

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """The headers as they came, their names in small letters."""
        return [
            (key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in self.headers
        ]

    @property
    def status(self) -> int:
        """The status, for the head of an answer."""
        return int(self.start[1])

    @property
    def upgrades(self) -> bool:
        """True when the message asks for, or grants, another protocol."""
        return self.has("connection", "upgrade")

    @property
    def closes(self) -> bool:
        """True when the connection ends with this message."""
        version = self.start[2] if self.start[2].startswith("HTTP/") else self.start[0]
        return version != "HTTP/1.1" or self.has("connection", "close")

    def with_headers(self, changes: Iterable[tuple[str, str]]) -> Head:
        """Replace headers, and drop those that concern one connection only."""
        fresh = tuple(changes)
        gone = {name.lower() for name, _ in fresh} | (set() if self.upgrades else _HOP_BY_HOP)
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in gone)
        return Head(self.start, kept + fresh)

    def render(self) -> bytes:
        """Write the head as it goes over the wire."""
        lines = [" ".join(self.start).rstrip(), *(f"{key}: {value}" for key, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass(frozen=True)
class Body:
    """How the end of a body is known: its length, chunks, or the end of the connection."""

    kind: Literal["length", "chunks", "rest"]
    length: int = 0


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Read a head; `None` when the connection has ended instead."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadMessage("the head is too long") from error
    first, *lines = raw.decode("latin-1").strip("\r\n").split("\r\n")
    words = (*first.split(" ", 2), "")
    if len(words) < 3 or not any(word.startswith("HTTP/1.") for word in words):
        raise BadMessage("not an HTTP/1 message")
    return Head((words[0], words[1], words[2]), tuple(_header(line) for line in lines))


def body_of_request(head: Head) -> Body:
    """Return how a request's body ends."""
    if head.has("transfer-encoding", "chunked"):
        return Body("chunks")
    return Body("length", _length(head) or 0)


def body_of_answer(head: Head, method: str) -> Body:
    """Return how an answer's body ends."""
    if method == "HEAD" or head.status in _NO_BODY_STATUSES:
        return Body("length", 0)
    if head.has("transfer-encoding", "chunked"):
        return Body("chunks")
    length = _length(head)
    return Body("rest") if length is None else Body("length", length)


async def copy_body(body: Body, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Hand a body on as it comes and return its size on the wire.

    Raises `IncompleteReadError` if the reader ends before the body does.
    """
    if body.kind == "chunks":
        return await _copy_chunks(reader, writer)
    if body.kind == "length":
        return await _copy_length(body.length, reader, writer)
    total = 0
    while data := await reader.read(1 << 16):
        total += await _send(data, writer)
    return total


async def _copy_length(
    length: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> int:
    left = length
    while left:
        data = await reader.read(min(left, 1 << 16))
        if not data:
            raise asyncio.IncompleteReadError(b"", left)
        left -= await _send(data, writer)
    return length


async def _copy_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    total, size = 0, 1
    while size:
        line = await reader.readuntil(b"\r\n")
        digits = line.split(b";")[0].strip()
        if not _SIZE.fullmatch(digits):
            raise BadMessage("a chunk without a size")
        size = int(digits, 16)
        total += await _send(line, writer)
        if size:
            total += await _copy_length(size + 2, reader, writer)
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        total += await _send(line, writer)
    return total + await _send(line, writer)


async def _send(data: bytes, writer: asyncio.StreamWriter) -> int:
    writer.write(data)
    await writer.drain()
    return len(data)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    # A folded or spaced name is read differently by different servers: refuse it.
    if not colon or not name or name != name.strip():
        raise BadMessage("a header without a name")
    return name, value.strip()


def _length(head: Head) -> int | None:
    lengths = set(filter(None, head.get("content-length").replace(" ", "").split(",")))
    if not lengths:
        return None
    if len(lengths) > 1 or not next(iter(lengths)).isdecimal():
        raise BadMessage("a length that is none")
    return int(lengths.pop())
