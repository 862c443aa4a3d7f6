"""Running builds: many at once, each released when it is done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from accelerator.localheroku.building import cache
from accelerator.localheroku.building.builder import BuildOrder, BuildResult, build
from accelerator.localheroku.building.fetching import SourceUnreadable, fetch_source
from accelerator.localheroku.state import builds, releases
from accelerator.localheroku.state.apps import visible_config
from accelerator.localheroku.state.objects import DEFAULT_STACK

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.localheroku.engine import Engine
    from accelerator.localheroku.state.objects import App, Build, Release, Slug, SourceBlob

Write = Callable[[str], None]
_LOOK = 0.05  # how often an artificially long build looks whether it was cancelled


class Building:
    """Start, follow and cancel builds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="build")
        self._cancelled: dict[str, threading.Event] = {}
        self._extra: dict[str, float] = {}

    def start(
        self, app: App, blob: SourceBlob, buildpacks: tuple[str, ...] = (), user_id: str = ""
    ) -> Build:
        """Record a build of a source blob and let it run."""
        made = self.record(app, blob, buildpacks, user_id)
        self._engine.tasks.start(self._build_and_release(app, made))
        return made

    def record(
        self, app: App, blob: SourceBlob, buildpacks: tuple[str, ...] = (), user_id: str = ""
    ) -> Build:
        """Record a pending build with its output."""
        made = builds.create_build(self._engine.state, app, blob, buildpacks, user_id)
        self._engine.outputs.open(made.id)
        self._cancelled[made.id] = threading.Event()
        self._extra[made.id] = self._engine.durations.of(app.id).build_seconds
        return made

    async def run(
        self, app: App, made: Build, source: Callable[[], Awaitable[Path]], write: Write
    ) -> Slug | None:
        """Build what `source` provides and return the slug, or nothing when it failed."""
        try:
            await self._linger(made)
            result = await self._in_thread(app, made, await source(), write)
        except SourceUnreadable as problem:
            write(f" !     {problem}\n !\n !     Push failed\n")
            result = None
        except asyncio.CancelledError:
            builds.finish_build(self._engine.state, made, None)
            raise
        except Exception as problem:
            write(f" !     The build could not be run: {problem}\n !     Push failed\n")
            result = None
        finally:
            self._cancelled.pop(made.id, None)
            self._engine.blobs.download(made.id).unlink(missing_ok=True)
        slug = builds.finish_build(self._engine.state, made, result)
        if slug is None:  # cancelled, or its app destroyed, when the bytes were there already
            self._engine.blobs.slug(made.planned_slug_id).unlink(missing_ok=True)
        return slug

    def release(self, app: App, made: Build, slug: Slug, write: Write) -> Release:
        """Release what a build left and tell the reader of its output."""
        write("-----> Launching...\n")
        wanted = releases.Wanted(releases.deploy_description(slug), slug, made.user_id)
        release = self._engine.releasing.release(app, wanted)
        builds.attach_release(self._engine.state, made, release)
        # Nobody is told before it is kept.
        self._engine.keeping.commit()
        if release.status == "pending":
            write(
                " !     Release command declared: this new release will not be available "
                "until the command succeeds.\n"
            )
        write(f"       Released v{release.version}\n")
        write(f"       {self._engine.web_url(app)} deployed to Heroku\n\n")
        return release

    def cancel(self, made: Build) -> None:
        """Stop a build; it counts as failed from now on."""
        cancelled = self._cancelled.get(made.id)
        if cancelled is not None:
            cancelled.set()
        builds.cancel_build(self._engine.state, made)

    def cancel_all(self, app: App) -> None:
        """Stop all builds of an app."""
        for made in self._engine.state.builds.of(app.id):
            if made.status == "pending":
                self.cancel(made)

    async def clear_cache(self, app: App) -> None:
        """Empty the app's build cache."""
        await asyncio.to_thread(cache.clear, self._engine.blobs.cache(app.id))

    async def close(self) -> None:
        """Stop all builds and wait for their threads."""
        for cancelled in self._cancelled.values():
            cancelled.set()
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    async def _build_and_release(self, app: App, made: Build) -> None:
        output = self._engine.outputs.open(made.id)
        try:
            slug = await self.run(app, made, lambda: self._fetch(made), output.write)
            if slug is not None and self._engine.state.apps.find(app.id) is not None:
                self.release(app, made, slug, output.write)
        finally:
            output.close()

    async def _fetch(self, made: Build) -> Path:
        blob = made.source_blob
        own = self._engine.signer.own_name(blob.url, "sources")
        path = self._engine.blobs.source(own) if own else self._engine.blobs.download(made.id)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, fetch_source, blob, path, own is not None)

    async def _linger(self, made: Build) -> None:
        ends = asyncio.get_running_loop().time() + self._extra.pop(made.id, 0)
        cancelled = self._cancelled[made.id]
        while (left := ends - asyncio.get_running_loop().time()) > 0 and not cancelled.is_set():
            await asyncio.sleep(min(left, _LOOK))

    async def _in_thread(self, app: App, made: Build, source: Path, write: Write) -> BuildResult:
        order = BuildOrder(
            app=app.name,
            source=source,
            version=made.source_blob.version,
            buildpacks=made.buildpacks or tuple(app.buildpacks),
            environment=visible_config(app),
            cache=self._engine.blobs.cache(app.id),
            slug=self._engine.blobs.slug(made.planned_slug_id),
            stack=DEFAULT_STACK if made.generation == "fir" else made.stack,
        )
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(write, text)

        return await loop.run_in_executor(
            self._threads, build, order, say, self._cancelled[made.id], self._engine.runner.keeper
        )
