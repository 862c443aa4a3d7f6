"""What git's hooks call: the build before a push is accepted, the release after it.

Each push is a session with a token of its own, by which its hooks are known here. It works in the
repository that `Repositories` gave it, and that is uploaded when git has moved its refs. The
release comes after the upload: whoever is released can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accelerator.localheroku.gitserver import backends, hook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from accelerator.localheroku.gitserver.repositories import Repositories

_LOG = logging.getLogger(__name__)
BUILT = ("refs/heads/main", "refs/heads/master")
_NOTHING = "0" * 40
_UNSHALLOW = (
    "!\tPush rejected, source repository is a shallow clone. Unshallow it with"
    " `git fetch --all --unshallow` and try pushing again.\n"
)


@dataclass(frozen=True)
class Session:
    """One `git push` to an app, in the `repository` that it works in."""

    token: str
    app_id: str
    user_id: str
    repository: Path


@dataclass(frozen=True)
class Push:
    """One pushed ref of the app that a session is about.

    `objects` holds the variables that let other git commands see the commit before git has
    accepted it. `write` shows text at the client as it comes and may be called from any thread.
    """

    session: Session
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


class Receiving:
    """Answer the hooks of all pushes under way.

    `on_build` decides whether a pushed commit is accepted; `on_release` is called after git
    has moved the ref, and the archive is uploaded.
    """

    def __init__(
        self,
        repositories: Repositories,
        on_build: Callable[[Push], Awaitable[bool]],
        on_release: Callable[[Push], Awaitable[None]],
    ) -> None:
        self._repositories = repositories
        self._on_build, self._on_release = on_build, on_release
        self._sessions: dict[str, Session] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._opening = asyncio.Lock()

    async def begin(self, app_id: str, user_id: str) -> Session:
        """Begin a push: download what it works on, and expect its hooks."""
        await self._listen()
        place = await self._repositories.download(app_id)
        session = Session(secrets.token_hex(16), app_id, user_id, place)
        self._sessions[session.token] = session
        return session

    def end(self, session: Session) -> None:
        """End a push: its hooks are no longer known, its copy is gone."""
        self._sessions.pop(session.token, None)
        self._repositories.drop(session.repository)

    def address_of(self, session: Session) -> str:
        """Return what the session's hooks are told: where they report, and as whom."""
        return f"{self.port}:{session.token}"

    @property
    def port(self) -> int:
        """The port that hooks report to; 0 before the first push."""
        return self._listener.sockets[0].getsockname()[1] if self._listener else 0

    async def close(self) -> None:
        """Hear no hook any more; those that wait are refused."""
        if self._listener:
            self._listener.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _listen(self) -> None:
        async with self._opening:
            if self._listener is None:
                self._listener = await asyncio.start_server(
                    self._accept, "127.0.0.1", 0, limit=1 << 24
                )

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            try:
                message = hook.read_message(await reader.readline())
                session = self._sessions.get(message.get("token", ""))
                accepted = session is not None and await self._answer(session, message, writer)
                # Queued behind what other threads have written.
                await asyncio.sleep(0)
                writer.write(b"\0%d" % (0 if accepted else 1))
                await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()

    async def _answer(
        self, session: Session, message: dict[str, Any], writer: asyncio.StreamWriter
    ) -> bool:
        write = _writer(writer)
        pushes = [
            Push(session, ref, old, new, message["objects"], write)
            for old, new, ref in message["refs"]
        ]
        building = [push for push in pushes if push.builds]
        if message["hook"] == "pre-receive":
            if not any(push.ref in BUILT for push in pushes):
                write("Pushed to non-master branch, skipping build.\n")
            return all([await self._build(push) for push in building])
        if await self._upload(session, write):
            for push in building:
                await self._release(replace(push, objects={}))
        return True

    async def _build(self, push: Push) -> bool:
        if not await backends.is_whole(push.session.repository, push.new, push.objects):
            push.write(_UNSHALLOW)
            # git itself refuses this ref after the hook, in its own words.
            return True
        try:
            return await self._on_build(push)
        except Exception:
            _report(push.write, "build of %s for %s", push.new, push.ref)
            return False

    async def _upload(self, session: Session, write: Callable[[str], None]) -> bool:
        try:
            await self._repositories.upload(session.app_id, session.repository)
        except Exception:
            _report(write, "upload of %s", session.app_id)
            return False
        return True

    async def _release(self, push: Push) -> None:
        try:
            await self._on_release(push)
        except Exception:
            _report(push.write, "release of %s for %s", push.new, push.ref)


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


def _report(write: Callable[[str], None], what: str, *of: str) -> None:
    """Keep the traceback of a mistake of ours in the log, and tell the client of it."""
    _LOG.exception(what, *of)
    write("!\tInternal error of the platform.\n")
