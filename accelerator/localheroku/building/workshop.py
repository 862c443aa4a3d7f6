"""Where builds are made: the threads they run in, and the files they work with."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from accelerator.localheroku.building import cache
from accelerator.localheroku.building.builder import BuildOrder, BuildResult, build
from accelerator.localheroku.building.fetching import fetch_source
from accelerator.localheroku.state.apps import visible_config
from accelerator.localheroku.state.objects import DEFAULT_STACK

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from accelerator.localheroku.keeper import Keeper
    from accelerator.localheroku.state.objects import App, Build
    from accelerator.localheroku.streams.blobs import Blobs, Signer


class Workshop:
    """Fetch sources and build them, many at once.

    `keeper` returns who ends the processes of builds with the platform; it is started by the
    first build.
    """

    def __init__(self, blobs: Blobs, signer: Signer, keeper: Callable[[], Keeper]) -> None:
        self._blobs = blobs
        self._signer = signer
        self._keeper = keeper
        self._threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="build")

    def download(self, made: Build) -> Path:
        """Return where the source of a build may be put until the build is over."""
        return self._blobs.download(made.id)

    async def fetch(self, made: Build, to: Path) -> Path:
        """Return the source of a build as a file: `to`, unless it was uploaded here."""
        blob = made.source_blob
        own = self._signer.own_name(blob.url, "sources")
        path = self._blobs.source(own) if own else to
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, fetch_source, blob, path, own is not None)

    async def build(
        self,
        app: App,
        made: Build,
        source: Path,
        write: Callable[[str], None],
        cancelled: threading.Event,
    ) -> BuildResult:
        """Build a source; `write` is called on the event loop."""
        order = BuildOrder(
            app=app.name,
            source=source,
            version=made.source_blob.version,
            buildpacks=made.buildpacks or tuple(app.buildpacks),
            environment=visible_config(app),
            cache=self._blobs.cache(app.id),
            slug=self._blobs.slug(made.planned_slug_id),
            stack=DEFAULT_STACK if made.generation == "fir" else made.stack,
        )
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(write, text)

        return await loop.run_in_executor(
            self._threads, build, order, say, cancelled, self._keeper()
        )

    def drop_download(self, made: Build) -> None:
        """Remove the source of a build that is over, if it was downloaded."""
        self.download(made).unlink(missing_ok=True)

    def drop_slug(self, made: Build) -> None:
        """Remove the slug of a build that nobody wants any more."""
        self._blobs.slug(made.planned_slug_id).unlink(missing_ok=True)

    async def clear_cache(self, app: App) -> None:
        """Empty the app's build cache."""
        await asyncio.to_thread(cache.clear, self._blobs.cache(app.id))

    async def drop_cache(self, app_id: str) -> None:
        """Remove the build cache of an app that is gone."""
        await asyncio.to_thread(cache.drop, self._blobs.cache(app_id))

    async def close(self) -> None:
        """Wait for the threads; what has not begun never will."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
