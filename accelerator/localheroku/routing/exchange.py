"""One request on its way through the router: its log line, its rewritten heads, its 503."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from accelerator.localheroku.routing.heads import Head

if TYPE_CHECKING:
    from accelerator.localheroku.gate import Turned
    from accelerator.localheroku.routing.doors import Spoken

Trouble = Literal["H10", "H14", "H80"]
Log = Callable[[str], None]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_TROUBLES = {
    "H10": "App crashed",
    "H12": "Request timeout",
    "H13": "Connection closed without response",
    "H14": "No web processes running",
    "H18": "Server Request Interrupted",
    "H20": "App boot timeout",
    "H21": "Backend connection refused",
    "H27": "Client Request Interrupted",
    "H80": "Maintenance mode",
}
_PAGE = """\
<!DOCTYPE html>
<html>
  <head><meta charset="utf-8"><title>{title}</title></head>
  <body><h1>{title}</h1><p>{text}</p></body>
</html>
"""
_DOWN = _PAGE.format(
    title="Application error",
    text="An error occurred in the application and your page could not be served."
    " If you are the application owner, check your logs for details.",
)
_MAINTENANCE = _PAGE.format(
    title="Offline for Maintenance",
    text="This application is undergoing maintenance right now. Please check back later.",
)


@dataclass(frozen=True)
class Backend:
    """Where a web dyno listens."""

    host: str
    port: int
    dyno: str


# `WAIT` means that no dyno is up but one is starting: the request is kept until it is.
Pick = Callable[[], Backend | Trouble | Literal["WAIT"]]


class Failed(Exception):
    """The request cannot be served, for the reason of this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Exchange:
    """One request on its way through."""

    request: Head
    spoken: Spoken
    client: Connection
    port: int
    log: Log
    began: float = field(default_factory=time.monotonic)
    connected: float = 0.0
    backend: Backend | None = None

    def __post_init__(self) -> None:
        """Take the client's request id if it is one, else make one."""
        given = self.request.get("x-request-id")
        is_one = re.fullmatch(r"[A-Za-z0-9-]{20,200}", given)
        self.id = given if is_one else str(uuid.uuid4())

    def note(self, status: int, size: int, code: str = "") -> None:
        """Write the router's log line."""
        level = "info" if code in ("", "H80") else "error"
        trouble = f' code={code} desc="{_TROUBLES[code]}"' if code else ""
        method, path, _ = self.request.start
        now = time.monotonic()
        connect = round((self.connected - self.began) * 1000) if self.connected else 0
        service = round((now - (self.connected or self.began)) * 1000)
        dyno = self.backend.dyno if self.backend else ""
        self.log(
            f'at={level}{trouble} method={method} path="{path}"'
            f' host={self.request.get("host")} request_id={self.id} fwd="{peer_of(self.client)}"'
            f" dyno={dyno} connect={connect}ms service={service}ms status={status}"
            f" bytes={size} protocol={self.spoken}"
        )


def for_dyno(exchange: Exchange) -> Head:
    """Rewrite the request's head for the dyno."""
    request, peer = exchange.request, peer_of(exchange.client)
    forwarded = request.get("x-forwarded-for")
    dropped = [("Content-Length", "")] if request.get("transfer-encoding") else []
    head = request.with_headers(
        [
            ("X-Request-Id", exchange.id),
            ("X-Forwarded-For", f"{forwarded}, {peer}" if forwarded else peer),
            ("X-Forwarded-Proto", exchange.spoken),
            ("X-Forwarded-Port", str(exchange.port)),
            ("X-Request-Start", str(time.time_ns() // 1_000_000)),
            ("Via", "1.1 heroku-router"),
            *dropped,
        ]
    )
    # Chunks and a length at once are how requests are smuggled.
    return Head(head.start, tuple(pair for pair in head.headers if pair not in dropped))


def for_client(answer: Head, ends: bool) -> Head:
    """Rewrite the answer's head for the client."""
    connection = "close" if ends else "keep-alive"
    head = answer.with_headers([("Connection", connection), ("Via", "1.1 heroku-router")])
    return Head(("HTTP/1.1", *answer.start[1:]), head.headers)


async def send_page(writer: asyncio.StreamWriter, request: Head, code: str) -> int:
    """Send the page that says the app cannot be served and return its size."""
    page = (_MAINTENANCE if code == "H80" else _DOWN).encode()
    return await _send(writer, request, ("503", "Service Unavailable"), ("text/html", page))


async def send_refusal(writer: asyncio.StreamWriter, request: Head, turned: Turned) -> int:
    """Send why a request does not reach the app and return the size of that."""
    status = (str(turned.status), HTTPStatus(turned.status).phrase)
    return await _send(writer, request, status, ("text/plain", f"{turned.message}\n".encode()))


async def _send(
    writer: asyncio.StreamWriter, request: Head, status: tuple[str, str], text: tuple[str, bytes]
) -> int:
    kind, page = text
    head = Head(
        ("HTTP/1.1", *status),
        (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(page))),
            ("Cache-Control", "no-cache, no-store"),
            ("Connection", "close"),
        ),
    )
    writer.write(head.render() + (b"" if request.start[0] == "HEAD" else page))
    await writer.drain()
    return len(page)


def peer_of(client: Connection) -> str:
    """Return the address a connection comes from."""
    return str((client[1].get_extra_info("peername") or ("",))[0])
