"""A server that does all it can to hold its visitors up, fill their memory or confuse them.

Each form is a function of the connection, once a request has come (or before, for TLS). They end
when the visitor has gone: every send fails then.
"""

from __future__ import annotations

import gzip
import socket
import struct
import time
import zlib
from contextlib import contextmanager, suppress
from functools import cache
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DRIP_SECONDS = 0.05
CRLF = b"\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
FOUND = b"HTTP/1.1 302 Found\r\nLocation: /\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
JSON = b"Content-Type: application/json\r\n"
GZIP = b"Content-Encoding: gzip\r\n"


class Visit:
    """One connection of a visitor, as a form sees it."""

    def __init__(self, connection: socket.socket, is_over: Event) -> None:
        self.connection = connection
        self._is_over = is_over

    def say(self, data: bytes) -> None:
        """Send at once."""
        self.connection.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send a byte at a time, and the last one again and again."""
        for byte in data:
            self.say(bytes([byte]))
            self.wait(DRIP_SECONDS)
        while self.wait(DRIP_SECONDS):
            self.say(data[-1:])

    def flood(self, data: bytes) -> None:
        """Send the same for ever, as fast as it is taken."""
        block = data * max(1, (1 << 16) // len(data))
        while self.wait(0):
            self.say(block)

    def hang(self) -> None:
        """Send nothing more, but stay."""
        with suppress(OSError):
            while self.wait(0) and self.connection.recv(1 << 16):
                pass

    def sleep(self) -> None:
        """Do nothing at all: what is sent stays where it is."""
        while self.wait(0.05):
            pass

    def reset(self) -> None:
        """Go without a farewell."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def wait(self, seconds: float) -> bool:
        """Wait; false when the test is over."""
        return not self._is_over.wait(seconds) if seconds else not self._is_over.is_set()


@cache
def bomb(layers: int = 1) -> bytes:
    """Give 64 MiB of nothing as gzip, or that as gzip again."""
    data = b"\0" * (64 << 20)
    for _ in range(layers):
        data = gzip.compress(data, 9)
    return data


@cache
def deflate_bomb() -> bytes:
    return zlib.compress(b" " * (64 << 20), 9)


def said(*parts: bytes) -> Callable[[Visit], None]:
    """Make a form that says this and closes."""

    def form(visit: Visit) -> None:
        visit.say(b"".join(parts))

    return form


def then(head: bytes, act: Callable[[Visit], None]) -> Callable[[Visit], None]:
    """Make a form that says something and goes on with something else."""

    def form(visit: Visit) -> None:
        visit.say(head)
        act(visit)

    return form


def dripping(data: bytes) -> Callable[[Visit], None]:
    return lambda visit: visit.drip(data)


def flooding(data: bytes) -> Callable[[Visit], None]:
    return lambda visit: visit.flood(data)


def sized(body: bytes, extra: bytes = b"") -> bytes:
    return OK + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def hang(visit: Visit) -> None:
    visit.hang()


def reset(visit: Visit) -> None:
    visit.reset()


HOSTILE: dict[str, Callable[[Visit], None]] = {
    "never reads": lambda visit: visit.sleep(),
    # the status line
    "says nothing": hang,
    "closes at once": said(b""),
    "resets at once": reset,
    "a status line byte by byte": dripping(b"HTTP/1.1 200 " + b"O" * 9),
    "a status line without an end": then(b"HTTP/1.1 200 ", flooding(b"O")),
    "half a status line, and silence": then(b"HTTP/1.1 20", hang),
    "no HTTP": said(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a status that is no number": said(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a status of many digits": said(b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n\r\n"),
    "a version that is none": said(b"HTTP/9.9.9 200 OK\r\n\r\n"),
    "a reason of control characters": said(b"HTTP/1.1 200 \x1b[31m\x00\xff\r\n\r\n"),
    "100 for ever": flooding(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103, and no more": said(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "101": said(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    # headers
    "a header byte by byte": then(OK, dripping(b"X-A: " + b"a" * 9)),
    "headers without an end": then(OK, flooding(b"X-A: b\r\n")),
    "a header without an end": then(OK + b"X-A: ", flooding(b"a")),
    "headers that are no headers": said(OK, b"\x00\xff:\r\n  folded\r\n:\r\n\r\n"),
    "cookies that explode": said(OK, (b"Set-Cookie: " + b"a=b;" * 9000 + CRLF) * 90, CRLF),
    "a length that is no number": said(OK, b"Content-Length: many\r\n\r\n"),
    "a length of many digits": said(OK, b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"),
    "a length below zero": then(OK + b"Content-Length: -1\r\n\r\n", flooding(b"x")),
    "a length, and chunks": said(
        OK, b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n0\r\n\r\n"
    ),
    "two lengths": said(OK, b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "dates of all kinds": said(
        sized(b"[", b"Date: Fri, 31 Dec 9999 23:59:59 -0000\r\nDate: x\r\n" + JSON)
    ),
    # the body
    "no body in spite of its length": then(OK + b"Content-Length: 9\r\n\r\n", hang),
    "a body byte by byte": then(OK + b"Content-Length: 99999\r\n\r\n", dripping(b"[[")),
    "a body byte by byte, without a length": then(OK + CRLF, dripping(b"[[")),
    "a body without an end": then(OK + CRLF, flooding(b"[")),
    "a body of a terabyte": then(OK + b"Content-Length: 1099511627776\r\n\r\n", flooding(b"[")),
    "half a body": said(OK, b"Content-Length: 999\r\n\r\n", b"[1, 2"),
    "half a body, and a reset": then(OK + b"Content-Length: 999\r\n\r\n[1, 2", reset),
    "JSON nested deep": said(sized(b"[" * 200_000, JSON)),
    "JSON of many small values": said(sized(b"[" + b"[]," * 2_000_000 + b"[]]", JSON)),
    "JSON with half letters": said(sized(rb'{"id": "\ud800", "message": "\udfff"}', JSON)),
    "JSON of a huge number": said(sized(b'{"version": ' + b"9" * 5000 + b"}", JSON)),
    "NaN": said(sized(b"NaN", JSON)),
    "no JSON": said(sized(b"<html>")),
    # chunks
    "a chunk's size byte by byte": then(CHUNKED, dripping(b"0" * 9)),
    "a chunk's size without an end": then(CHUNKED, flooding(b"0")),
    "a chunk's size that is none": said(CHUNKED, b"zz\r\n"),
    "a chunk's size below zero": then(CHUNKED + b"-5\r\n", flooding(b"[")),
    "a chunk byte by byte": then(CHUNKED + b"ffff\r\n", dripping(b"[[")),
    "a chunk of an exabyte": then(CHUNKED + b"fffffffffffffff\r\n", flooding(b"[")),
    "chunks of one byte for ever": then(CHUNKED, flooding(b"1\r\n[\r\n")),
    "a chunk's extension without an end": then(CHUNKED + b"1;", flooding(b"x")),
    "trailers without an end": then(CHUNKED + b"2\r\n[]\r\n0\r\n", flooding(b"X: y\r\n")),
    "half a chunk": said(CHUNKED, b"ff\r\n[1"),
    # what is packed
    "a gzip bomb": lambda visit: visit.say(sized(bomb(), GZIP)),
    "a gzip bomb in a gzip bomb": lambda visit: visit.say(
        sized(bomb(2), b"Content-Encoding: gzip, gzip\r\n")
    ),
    "many layers": said(sized(b"x", b"Content-Encoding: " + b"gzip," * 999 + b"gzip\r\n")),
    "a deflate bomb": lambda visit: visit.say(
        sized(deflate_bomb(), b"Content-Encoding: deflate\r\n")
    ),
    "no gzip": said(sized(b"<html>", GZIP)),
    "gzip with nothing in it for ever": then(OK + GZIP + CRLF, flooding(gzip.compress(b""))),
    "half a gzip": said(sized(gzip.compress(b"[1, 2, 3]" * 99)[:30], GZIP)),
    # redirects
    "a redirect whose body drips": then(FOUND + CRLF, dripping(b"xx")),
    "a redirect whose body does not end": then(FOUND + CRLF, flooding(b"x")),
    "a redirect with a gzip bomb": lambda visit: visit.say(
        FOUND + GZIP + b"Content-Length: %d\r\n\r\n" % len(bomb()) + bomb()
    ),
    "a redirect byte by byte": then(FOUND, dripping(b"X-A: aaa")),
    "a redirect to itself": said(FOUND, b"Content-Length: 0\r\n\r\n"),
    "a redirect to a file": said(
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"
    ),
    "a redirect to no address": said(
        b"HTTP/1.1 302 Found\r\nLocation: http://[x]/\r\nContent-Length: 0\r\n\r\n"
    ),
    "a redirect to a port too high": said(
        b"HTTP/1.1 302 Found\r\nLocation: http://x:99999/\r\nContent-Length: 0\r\n\r\n"
    ),
    # errors
    "an error whose words drip": then(b"HTTP/1.1 500 X\r\n\r\n", dripping(b'{"id')),
    "an error whose words do not end": then(b"HTTP/1.1 503 X\r\n\r\n", flooding(b"x")),
    "a refusal with a gzip bomb": lambda visit: visit.say(
        b"HTTP/1.1 422 X\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: %d\r\n\r\n" % len(bomb()) + bomb()
    ),
}

# Before a request: what comes is taken for a part of the TLS handshake.
TLS: dict[str, Callable[[Visit], None]] = {
    "a handshake that hangs": hang,
    "a handshake byte by byte": dripping(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76" + b"\x03" * 9),
    "a handshake without an end": flooding(b"\x16\x03\x03\x40\x00" + b"\x02" * 0x4000),
    "a handshake that is none": said(OK, CRLF),
    "a handshake that is reset": reset,
    "a handshake of alerts": flooding(b"\x15\x03\x03\x00\x02\x01\x5a"),
}


class HostileServer:
    """Serves one form to all who come."""

    def __init__(self, form: Callable[[Visit], None], *, is_tls: bool = False) -> None:
        self._form, self._is_tls = form, is_tls
        self._is_over = Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads: list[Thread] = []

    @property
    def url(self) -> str:
        """Return the address without a trailing slash."""
        scheme = "https" if self._is_tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextmanager
    def running(self) -> Iterator[HostileServer]:
        """Serve until the block ends."""
        self._begin(self._accept)
        try:
            yield self
        finally:
            self._is_over.set()
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            for thread in self._threads:
                thread.join(10)
            self._listener.close()

    def _begin(self, work: Callable[[], None]) -> None:
        thread = Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._is_over.is_set():
                connection, _ = self._listener.accept()
                self._begin(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(2)  # nobody who has stopped reading holds the test up
        with connection, suppress(OSError):
            if not self._is_tls:
                self._hear(connection)
            self._form(Visit(connection, self._is_over))
            self._leave(connection)

    def _hear(self, connection: socket.socket) -> None:
        """Read a request, its body too, so that closing is no reset; half a second at the most."""
        heard = b""
        ends_at = time.monotonic() + 0.5
        while b"\r\n\r\n" not in heard and time.monotonic() < ends_at:
            heard += connection.recv(1 << 16)

    def _leave(self, connection: socket.socket) -> None:
        """Close so that what was said arrives."""
        connection.shutdown(socket.SHUT_WR)
        ends_at = time.monotonic() + 1
        while time.monotonic() < ends_at and connection.recv(1 << 16):
            pass
