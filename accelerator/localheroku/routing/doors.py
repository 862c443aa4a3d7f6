"""What a client speaks on an app's port: TLS, which ends here, or plain HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from pathlib import Path

Spoken = Literal["http", "https"]

_HELLO = b"\x16"  # the first byte of every TLS connection; no HTTP method begins with it
_NO_TLS = bytes((0x15, 3, 1, 0, 2, 2, 40))  # an alert, fatal: handshake_failure
_HANDSHAKE_SECONDS = 10.0


class NoTls(Exception):
    """TLS was spoken, and cannot be answered."""


def context_of(chain: Path) -> ssl.SSLContext:
    """Return what a server answers TLS with; `chain` holds its key and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["http/1.1"])
    return context


def hold(writer: asyncio.StreamWriter) -> None:
    """Read nothing of a fresh connection before `open_door` has looked at it."""
    _transport(writer).pause_reading()


async def open_door(writer: asyncio.StreamWriter, tls: ssl.SSLContext | None) -> Spoken:
    """Return what the client of a fresh connection speaks, with TLS taken off.

    The connection must be held. Raises `NoTls` for a hello that has no answer, once the client
    was told.
    """
    if await _first_byte(writer) != _HELLO:
        _transport(writer).resume_reading()
        return "http"
    if tls is None:
        _transport(writer).resume_reading()
        writer.write(_NO_TLS)
        raise NoTls("there is no certificate for TLS: cryptography is not installed")
    await writer.start_tls(tls, ssl_handshake_timeout=_HANDSHAKE_SECONDS)
    return "https"


async def _first_byte(writer: asyncio.StreamWriter) -> bytes:
    """Wait for the first byte and leave it where it is; nothing at the end of the connection."""
    loop = asyncio.get_running_loop()
    # A second descriptor: the loop lets nobody watch one that a transport has.
    number = os.dup(writer.get_extra_info("socket").fileno())
    with socket.socket(fileno=number) as peeked:
        while True:
            try:
                return peeked.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                ready = asyncio.Event()
                loop.add_reader(number, ready.set)
                try:
                    await ready.wait()
                finally:
                    loop.remove_reader(number)


def _transport(writer: asyncio.StreamWriter) -> asyncio.Transport:
    return cast("asyncio.Transport", writer.transport)
