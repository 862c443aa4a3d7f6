"""A record of every API exchange with its bodies, for judging them all by Heroku's schema.

Off unless the environment variable `ACCELERATOR_LOCAL_RECORD` names a file. Each exchange is one
JSON line there, appended at once, so that several platforms can share the file. It holds keys and
config vars: it is made for tests, and readable by its owner only.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.responses import Response
    from starlette.types import Message

VARIABLE = "ACCELERATOR_LOCAL_RECORD"


class Recorder:
    """Write exchanges into a file; the same exchange over and over is written once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: set[bytes] = set()

    async def run(
        self, request: Request, handle: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Let `handle` answer the request and write down both."""
        sent = bytearray()

        async def receive() -> Message:
            message = await request.receive()
            sent.extend(message.get("body", b""))
            return message

        response = await handle(Request(request.scope, receive))
        self._write(request, bytes(sent), response)
        return response

    def _write(self, request: Request, sent: bytes, response: Response) -> None:
        raw = request.scope.get("raw_path") or request.scope["path"].encode()
        exchange = {
            "method": request.method,
            "path": raw.decode("latin-1").partition("?")[0],
            "accept": request.headers.get("accept"),
            "sent": sent.decode(errors="replace"),
            "status": response.status_code,
            "answer": bytes(response.body).decode(errors="replace"),
        }
        line = f"{json.dumps(exchange)}\n".encode()
        digest = hashlib.blake2b(line, digest_size=16).digest()
        if digest in self._written:
            return
        self._written.add(digest)
        # One write of an append-only file is never mixed with another process's.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        file = os.open(self._path, flags, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)


def recorder(environment: Mapping[str, str]) -> Recorder | None:
    """Return a recorder if the environment asks for one."""
    path = environment.get(VARIABLE)
    return Recorder(Path(path)) if path else None
