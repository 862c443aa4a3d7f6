"""Git over smart HTTP, with the build inside the push.

`git http-backend` does the work. Its hooks call back into this process: `pre-receive` builds
and decides, `post-receive` releases what git accepted. A client that goes away stops neither.

Of HTTP it knows what git's own protocol needs: bodies that stream both ways. Who may ask for which
app was decided before, in `web/git.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from accelerator.localheroku.bodies import MOST_UPLOAD, TooLarge
from accelerator.localheroku.gitserver import backends, hook
from accelerator.localheroku.keeper import kill_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
    from pathlib import Path

_LOG = logging.getLogger(__name__)
_SERVED = ("HEAD", "info/refs", "git-receive-pack", "git-upload-pack")
BUILT = ("refs/heads/main", "refs/heads/master")
_NOTHING = "0" * 40
_UNSHALLOW = (
    "!\tPush rejected, source repository is a shallow clone. Unshallow it with"
    " `git fetch --all --unshallow` and try pushing again.\n"
)
_SETTINGS = {
    "http.receivepack": "true",
    # What came compressed counts as it is.
    "receive.maxInputSize": str(MOST_UPLOAD),
    # No housekeeping in the background: it would outlive the request.
    "receive.autogc": "false",
    "gc.auto": "0",
}


@dataclass(frozen=True)
class Push:
    """One pushed ref of the app whose `repository` it is in.

    `objects` holds the variables that let other git commands see the commit before git has
    accepted it. `write` shows text at the client as it comes and may be called from any thread.
    """

    app_id: str
    user_id: str
    repository: Path
    ref: str
    old: str
    new: str
    objects: Mapping[str, str]
    write: Callable[[str], None]

    @property
    def builds(self) -> bool:
        """True when Heroku builds this ref."""
        return self.ref in BUILT and self.new != _NOTHING

    @property
    def is_first(self) -> bool:
        """True when the ref is new."""
        return self.old == _NOTHING


class GitBridge:
    """Serve one bare repository per app below `directory`.

    `on_build` decides whether a pushed commit is accepted; `on_release` is called after git
    has moved the ref.
    """

    def __init__(
        self,
        directory: Path,
        on_build: Callable[[Push], Awaitable[bool]],
        on_release: Callable[[Push], Awaitable[None]],
        held: tuple[int, ...] = (),
    ) -> None:
        self._directory = directory.resolve()
        self._on_build, self._on_release = on_build, on_release
        self._held = held
        self._tokens: dict[str, tuple[str, str]] = {}
        self._backends: set[asyncio.subprocess.Process] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._hooks: asyncio.Server | None = None
        self._opening = asyncio.Lock()
        self._write_hooks()

    def create(self, app_id: str) -> None:
        """Make the app's repository."""
        repository = self.directory_of(app_id)
        command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", "--template="]
        subprocess.run([*command, repository], check=True, env=backends.environment())
        # A build gets the whole tree, whatever the tree says about archives of it.
        (repository / "info").mkdir(exist_ok=True)
        (repository / "info" / "attributes").write_text("* -export-ignore -export-subst\n")

    def delete(self, app_id: str) -> None:
        """Remove the app's repository."""
        shutil.rmtree(self.directory_of(app_id), ignore_errors=True)

    def directory_of(self, app_id: str) -> Path:
        """Return where the app's repository is."""
        return self._directory / app_id

    async def handle(self, request: Request, app_id: str, path: str, user_id: str = "") -> Response:
        """Answer a git request that was authenticated already."""
        if path not in _SERVED:
            return PlainTextResponse("Not found.\n", 404)
        pushes = path == "git-receive-pack"
        token = await self._admit(app_id, user_id) if pushes else ""
        backend = await self._start(request, app_id, path, token)
        try:
            await backends.feed(request, backend)
            status, headers = await backends.read_head(backend)
        except TooLarge as problem:
            await self._finish(backend, token)
            return PlainTextResponse(f"!\t{problem}\n", 413)
        except (ClientDisconnect, asyncio.CancelledError):
            await self._finish(backend, token)
            raise
        if not pushes:
            return StreamingResponse(self._fetched(backend), status, headers)
        # The push goes on without its client, so its output is read in a task of its own.
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._keep(self._pump(backend, token, lines))
        return StreamingResponse(_queued(lines), status, headers)

    async def close(self) -> None:
        """Stop serving; pushes under way end as refused."""
        if self._hooks:
            self._hooks.close()
        for backend in self._backends:
            kill_group(backend.pid)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _admit(self, app_id: str, user_id: str) -> str:
        """Make the token by which the hooks of one push are known."""
        async with self._opening:
            if self._hooks is None:
                self._hooks = await asyncio.start_server(
                    lambda reader, writer: self._keep(self._serve_hook(reader, writer)),
                    "127.0.0.1",
                    0,
                    limit=1 << 24,
                )
        token = secrets.token_hex(16)
        self._tokens[token] = (app_id, user_id)
        return token

    async def _start(
        self, request: Request, app_id: str, path: str, token: str
    ) -> asyncio.subprocess.Process:
        environment = backends.environment(
            _SETTINGS | {"core.hooksPath": str(self._directory / ".hooks")}
        )
        environment |= backends.cgi(request) | {
            "GIT_PROJECT_ROOT": str(self._directory),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{app_id}/{path}",
            "REMOTE_USER": "heroku",
        }
        if self._hooks and token:
            port = self._hooks.sockets[0].getsockname()[1]
            environment["LOCALHEROKU_HOOK"] = f"{port}:{token}"
        backend = await backends.start(environment, self._held)
        self._backends.add(backend)
        return backend

    async def _finish(self, backend: asyncio.subprocess.Process, token: str) -> None:
        kill_group(backend.pid)
        await backend.wait()
        self._backends.discard(backend)
        self._tokens.pop(token, None)

    async def _fetched(self, backend: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
        try:
            while chunk := await backends.output(backend).read(1 << 16):
                yield chunk
        finally:
            await self._finish(backend, "")

    async def _pump(
        self,
        backend: asyncio.subprocess.Process,
        token: str,
        lines: asyncio.Queue[bytes | None],
    ) -> None:
        try:
            while chunk := await backends.output(backend).read(1 << 16):
                lines.put_nowait(chunk)
        finally:
            lines.put_nowait(None)
            await self._finish(backend, token)

    async def _serve_hook(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            try:
                message = hook.read_message(await reader.readline())
                pusher = self._tokens.get(message.get("token", ""))
                accepted = pusher is not None and await self._run_hook(pusher, message, writer)
                # Queued behind what other threads have written.
                await asyncio.sleep(0)
                writer.write(b"\0%d" % (0 if accepted else 1))
                await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()

    async def _run_hook(
        self, pusher: tuple[str, str], message: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        write = _writer(writer)
        pushes = [
            Push(*pusher, self.directory_of(pusher[0]), ref, old, new, message["objects"], write)
            for old, new, ref in message["refs"]
        ]
        building = [push for push in pushes if push.builds]
        if message["hook"] == "pre-receive":
            if not any(push.ref in BUILT for push in pushes):
                write("Pushed to non-master branch, skipping build.\n")
            return all([await self._build(push) for push in building])
        for push in building:
            await self._release(replace(push, objects={}))
        return True

    async def _build(self, push: Push) -> bool:
        if not await backends.is_whole(self.directory_of(push.app_id), push.new, push.objects):
            push.write(_UNSHALLOW)
            # git itself refuses this ref after the hook, in its own words.
            return True
        try:
            return await self._on_build(push)
        except Exception:
            _report(push)
            return False

    async def _release(self, push: Push) -> None:
        try:
            await self._on_release(push)
        except Exception:
            _report(push)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _write_hooks(self) -> None:
        hooks = self._directory / ".hooks"
        hooks.mkdir(parents=True, exist_ok=True)
        for name in ("pre-receive", "post-receive"):
            command = shlex.join([sys.executable, "-I", "-S", hook.__file__, name])
            (hooks / name).write_text(f"#!/bin/sh\nexec {command}\n")
            (hooks / name).chmod(0o755)


async def _queued(lines: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (chunk := await lines.get()) is not None:
        yield chunk


def _writer(writer: asyncio.StreamWriter) -> Callable[[str], None]:
    loop = asyncio.get_running_loop()

    def send(data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)

    # A NUL would end the hook's reading.
    return lambda text: _tell(loop, send, text.replace("\0", "").encode())


def _tell(loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], data: bytes) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the platform has ended
        loop.call_soon_threadsafe(send, data)


def _report(push: Push) -> None:
    """Keep the traceback of a mistake of ours in the log, and tell the client of it."""
    _LOG.exception("push of %s to %s", push.new, push.ref)
    push.write("!\tInternal error of the platform.\n")
