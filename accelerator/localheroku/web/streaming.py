"""Outputs and logs as they grow: plain text, or events resumed with `Last-Event-Id`.

The plain text of an output is resumed with `Range`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from accelerator.localheroku.streams.logs import Line
    from accelerator.localheroku.streams.logsessions import LogSessions
    from accelerator.localheroku.streams.outputs import Output

_BYTES = re.compile(r"bytes=(\d{1,18})-", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_EVENTS = "text/event-stream"


def stream(request: Request, output: Output | None) -> Response:
    """Answer with an output as it grows; 404 until there is any."""
    if output is None or not output.has_started:
        return PlainTextResponse("There is no output yet.\n", 404)
    if _EVENTS in request.headers.get("accept", ""):
        return _events(request, output)
    match = _BYTES.fullmatch(request.headers.get("range", ""))
    start = int(match[1]) if match else 0
    if start > output.size or (start == output.size and output.is_closed and start > 0):
        return PlainTextResponse("", 416, {"Content-Range": f"bytes */{output.size}"})
    headers = {"Accept-Ranges": "bytes"}
    if match:
        total = output.size if output.is_closed else "*"
        headers["Content-Range"] = f"bytes {start}-{max(output.size - 1, start)}/{total}"
    status, kind = 206 if match else 200, "text/plain; charset=utf-8"
    if request.method == "HEAD":
        return Response(None, status, headers, kind)
    return StreamingResponse(output.follow(start), status, headers, kind)


def _events(request: Request, output: Output) -> Response:
    match = _NUMBER.fullmatch(request.headers.get("last-event-id", ""))
    start = int(match[0]) if match else 0
    if request.method == "HEAD":
        return Response(None, 200, media_type=_EVENTS)
    return StreamingResponse(_each_line(output, min(start, output.size)), media_type=_EVENTS)


async def _each_line(output: Output, start: int) -> AsyncIterator[bytes]:
    """Yield one event per line; its id is how many bytes there are up to its end."""
    position, rest = start, b""
    async for chunk in output.follow(start):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            position += len(line) + 1
            yield _event(position, line)
    if rest:
        yield _event(position + len(rest), rest)


def _event(position: int, line: bytes) -> bytes:
    # A carriage return would end the line of the event.
    return b"id: %d\ndata: %s\n\n" % (position, line.replace(b"\r", b""))


def stream_log(request: Request, sessions: LogSessions, id: str) -> Response:
    """Answer with the log of a session, in the form the client prefers."""
    session = sessions.find(id)
    if session is None:
        return PlainTextResponse("There is no such log session.\n", 404)
    is_events = _EVENTS in request.headers.get("accept", "")
    kind = _EVENTS if is_events else "text/plain; charset=utf-8"
    if request.method == "HEAD":
        return Response(None, 200, {}, kind)
    after = request.headers.get("last-event-id", "")
    seen = int(after) if is_events and after.isascii() and after.isdigit() else None
    lines = sessions.lines(session, seen)
    text = _log_events(lines) if is_events else _log_text(lines)
    # A client with a pool would otherwise wait for this connection to become idle.
    return StreamingResponse(text, 200, {"Connection": "close"}, kind)


async def _log_events(lines: AsyncIterator[Line]) -> AsyncIterator[bytes]:
    # A comment at once: the client learns that it is connected before there is any line.
    yield b": connected\n\n"
    async for line in lines:
        yield f"id: {line.number}\ndata: {line.text}\n\n".encode()


async def _log_text(lines: AsyncIterator[Line]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield f"{line.text}\n".encode()
