"""Signed URLs: uploads and downloads of sources and slugs, output streams.

Whoever has such a URL may use it. Like the storage behind Heroku it refuses requests that carry
an `Authorization` header as well, so that a client which sends its key along is noticed.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from accelerator.localheroku import bodies
from accelerator.localheroku.state import builds
from accelerator.localheroku.streams.blobs import PREFIX
from accelerator.localheroku.web.streaming import stream, stream_log

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.blobs import Blobs, Signer
    from accelerator.localheroku.streams.logsessions import LogSessions
    from accelerator.localheroku.streams.outputs import Outputs


class Storage:
    """Answer requests for signed URLs."""

    def __init__(
        self,
        state: State,
        signer: Signer,
        blobs: Blobs,
        outputs: Outputs,
        log_sessions: LogSessions,
    ) -> None:
        self._state = state
        self._signer = signer
        self._blobs = blobs
        self._outputs = outputs
        self._log_sessions = log_sessions

    async def handle(self, request: Request) -> Response:
        """Check the URL, then read or write what it stands for."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        kind, _, name = request.url.path.removeprefix(PREFIX).partition("/")
        if kind == "logs":
            return stream_log(request, self._log_sessions, name)
        if kind in {"builds", "releases"}:
            return stream(request, self._outputs.find(name))
        return await self._blob(request, kind, name)

    async def _blob(self, request: Request, kind: str, name: str) -> Response:
        path = self._path(kind, name)
        if request.method == "PUT":
            return await self._upload(request, kind, name, path)
        if not path.exists():
            return _plain(404, "There is nothing here yet.")
        return FileResponse(path, media_type="application/gzip")

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") is not None:
            return _plain(400, "Only one authentication mechanism is allowed: the signed URL.")
        if request.method not in {"GET", "HEAD", "PUT"}:
            return _plain(405, "Only GET and PUT are possible here.")
        path, query = request.url.path, request.query_params
        if not self._signer.accepts(path, query, request.method):
            return _plain(403, "The signature does not match this request, or it has expired.")
        if request.method == "PUT" and "content-length" not in request.headers:
            return _plain(411, "Content-Length is required.")
        return None

    def _path(self, kind: str, name: str) -> Path:
        return self._blobs.source(name) if kind == "sources" else self._blobs.slug(name)

    async def _upload(self, request: Request, kind: str, name: str, path: Path) -> Response:
        slug = self._state.slugs.find(name) if kind == "slugs" else None
        if kind == "slugs" and (slug is None or slug.is_stored):
            return _plain(409, "A slug is written once.")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            digest, size = await _receive(request, temporary)
            temporary.replace(path)
        except ClientDisconnect:
            return _plain(400, "The upload was cut short.")
        except bodies.TooLarge as problem:
            return _plain(413, str(problem))
        finally:
            temporary.unlink(missing_ok=True)
        if slug is not None:
            builds.store_slug(self._state, slug, size, f"SHA256:{digest}")
        return Response(status_code=200)


async def _receive(request: Request, path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        async for chunk in bodies.blocks(request, bodies.MOST_UPLOAD):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status)
