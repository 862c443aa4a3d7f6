"""Git over smart HTTP, with the build inside the push.

`git http-backend` does the work. Its hooks call back into this process, to `receiving.py`:
`pre-receive` builds and decides, `post-receive` uploads and releases what git accepted. A client
that goes away stops neither.

Of HTTP it knows what git's own protocol needs: bodies that stream both ways. Who may ask for which
app was decided before, in `web/git.py`.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from accelerator.localheroku.bodies import MOST_UPLOAD, TooLarge
from accelerator.localheroku.gitserver import backends, hook
from accelerator.localheroku.keeper import kill_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping
    from pathlib import Path

    from accelerator.localheroku.gitserver.receiving import Receiving, Session
    from accelerator.localheroku.gitserver.repositories import Repositories

_SERVED = ("HEAD", "info/refs", "git-receive-pack", "git-upload-pack")
_HOOKS = ".hooks"
_SETTINGS = (
    ("http.receivepack", "true"),
    # What came compressed counts as it is.
    ("receive.maxInputSize", str(MOST_UPLOAD)),
    # No housekeeping in the background: it would outlive the request.
    ("receive.autogc", "false"),
    ("gc.auto", "0"),
    # Heroku is known to take branches, and tags; of others nothing is known, so none is taken.
    ("receive.hideRefs", "refs"),
    ("receive.hideRefs", "!refs/heads"),
    ("receive.hideRefs", "!refs/tags"),
)


class GitBridge:
    """Serve the repositories of all apps; pushes are sessions of `receiving`.

    What serves inherits `held`, the files by which a data directory is known to be in use.
    """

    def __init__(
        self, repositories: Repositories, receiving: Receiving, held: tuple[int, ...] = ()
    ) -> None:
        self._repositories, self._receiving = repositories, receiving
        self._held = held
        self._backends: set[asyncio.subprocess.Process] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._write_hooks()

    async def handle(self, request: Request, app_id: str, path: str, user_id: str = "") -> Response:
        """Answer a git request that was authenticated already."""
        if path not in _SERVED:
            return PlainTextResponse("Not found.\n", 404)
        if path == "git-receive-pack":
            return await self._push(request, await self._receiving.begin(app_id, user_id))
        backend = await self._start(request, self._repositories.of(app_id), path, {})
        answered = await self._answered(request, backend)
        if isinstance(answered, Response):
            return answered
        return StreamingResponse(self._fetched(backend), *answered)

    async def close(self) -> None:
        """Stop serving; pushes under way end as refused."""
        for backend in self._backends:
            kill_group(backend.pid)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._receiving.close()

    async def _push(self, request: Request, session: Session) -> Response:
        told = {"LOCALHEROKU_HOOK": self._receiving.address_of(session)}
        try:
            backend = await self._start(request, session.repository, "git-receive-pack", told)
            answered = await self._answered(request, backend)
        except BaseException:
            self._receiving.end(session)
            raise
        if isinstance(answered, Response):
            self._receiving.end(session)
            return answered
        # The push goes on without its client, so its output is read in a task of its own.
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._keep(self._pump(backend, session, lines))
        return StreamingResponse(_queued(lines), *answered)

    async def _answered(
        self, request: Request, backend: asyncio.subprocess.Process
    ) -> tuple[int, dict[str, str]] | Response:
        """Hand the request over and return the head of git's answer, or a refusal of ours."""
        try:
            await backends.feed(request, backend)
            return await backends.read_head(backend)
        except TooLarge as problem:
            await self._finish(backend)
            return PlainTextResponse(f"!\t{problem}\n", 413)
        except (ClientDisconnect, asyncio.CancelledError):
            await self._finish(backend)
            raise

    async def _start(
        self, request: Request, repository: Path, path: str, told: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        root = self._repositories.directory
        hooks = ("core.hooksPath", str(root / _HOOKS))
        environment = backends.environment((*_SETTINGS, hooks))
        environment |= backends.cgi(request) | {
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{repository.relative_to(root)}/{path}",
            "REMOTE_USER": "heroku",
        }
        backend = await backends.start({**environment, **told}, self._held)
        self._backends.add(backend)
        return backend

    async def _finish(self, backend: asyncio.subprocess.Process) -> None:
        kill_group(backend.pid)
        await backend.wait()
        self._backends.discard(backend)

    async def _fetched(self, backend: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
        try:
            while chunk := await backends.output(backend).read(1 << 16):
                yield chunk
        finally:
            await self._finish(backend)

    async def _pump(
        self,
        backend: asyncio.subprocess.Process,
        session: Session,
        lines: asyncio.Queue[bytes | None],
    ) -> None:
        try:
            while chunk := await backends.output(backend).read(1 << 16):
                lines.put_nowait(chunk)
        finally:
            lines.put_nowait(None)
            try:
                await self._finish(backend)
            finally:
                self._receiving.end(session)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _write_hooks(self) -> None:
        hooks = self._repositories.directory / _HOOKS
        hooks.mkdir(parents=True, exist_ok=True)
        for name in ("pre-receive", "post-receive"):
            command = shlex.join([sys.executable, "-I", "-S", hook.__file__, name])
            (hooks / name).write_text(f"#!/bin/sh\nexec {command}\n")
            (hooks / name).chmod(0o755)


async def _queued(lines: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (chunk := await lines.get()) is not None:
        yield chunk
