"""Running builds: many at once, each released when it is done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from accelerator.localheroku.building.fetching import SourceUnreadable
from accelerator.localheroku.state import builds

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.localheroku.building.launching import Launching
    from accelerator.localheroku.building.workshop import Workshop
    from accelerator.localheroku.durations import Timing
    from accelerator.localheroku.state.objects import App, Build, Release, Slug, SourceBlob
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.outputs import Outputs
    from accelerator.localheroku.tasks import Tasks

Write = Callable[[str], None]
Source = Callable[["Path"], Awaitable["Path"]]
_LOOK = 0.05  # how often an artificially long build looks whether it was cancelled


class Building:
    """Start, follow and cancel builds."""

    def __init__(
        self,
        state: State,
        outputs: Outputs,
        durations: Timing,
        tasks: Tasks,
        workshop: Workshop,
        launching: Launching,
    ) -> None:
        self._state, self._outputs, self._durations = state, outputs, durations
        self._tasks, self._workshop, self._launching = tasks, workshop, launching
        self._cancelled: dict[str, threading.Event] = {}
        self._extra: dict[str, float] = {}

    def start(
        self, app: App, blob: SourceBlob, buildpacks: tuple[str, ...] = (), user_id: str = ""
    ) -> Build:
        """Record a build of a source blob and let it run."""
        made = self.record(app, blob, buildpacks, user_id)
        self._tasks.start(self._build_and_release(app, made))
        return made

    def record(
        self, app: App, blob: SourceBlob, buildpacks: tuple[str, ...] = (), user_id: str = ""
    ) -> Build:
        """Record a pending build with its output."""
        made = builds.create_build(self._state, app, blob, buildpacks, user_id)
        self._outputs.open(made.id)
        self._cancelled[made.id] = threading.Event()
        self._extra[made.id] = self._durations.of(app.id).build_seconds
        return made

    async def run(self, app: App, made: Build, source: Source, write: Write) -> Slug | None:
        """Build what `source` returns and return the slug, or nothing when it failed.

        `source` is told where it may put a file until the build is over.
        """
        try:
            await self._linger(made)
            path, cancelled = self._workshop.download(made), self._cancelled[made.id]
            result = await self._workshop.build(app, made, await source(path), write, cancelled)
        except SourceUnreadable as problem:
            write(f" !     {problem}\n !\n !     Push failed\n")
            result = None
        except asyncio.CancelledError:
            builds.finish_build(self._state, made, None)
            raise
        except Exception as problem:
            write(f" !     The build could not be run: {problem}\n !     Push failed\n")
            result = None
        finally:
            self._cancelled.pop(made.id, None)
            self._workshop.drop_download(made)
        slug = builds.finish_build(self._state, made, result)
        if slug is None:  # cancelled, or its app destroyed, when the bytes were there already
            self._workshop.drop_slug(made)
        return slug

    def release(self, app: App, made: Build, slug: Slug, write: Write) -> Release:
        """Release what a build left and tell the reader of its output."""
        return self._launching.launch(app, made, slug, write)

    def cancel(self, made: Build) -> None:
        """Stop a build; it counts as failed from now on."""
        cancelled = self._cancelled.get(made.id)
        if cancelled is not None:
            cancelled.set()
        builds.cancel_build(self._state, made)

    def cancel_all(self, app: App) -> None:
        """Stop all builds of an app."""
        for made in self._state.builds.of(app.id):
            if made.status == "pending":
                self.cancel(made)

    async def clear_cache(self, app: App) -> None:
        """Empty the app's build cache."""
        await self._workshop.clear_cache(app)

    async def close(self) -> None:
        """Stop all builds and wait for their threads."""
        for cancelled in self._cancelled.values():
            cancelled.set()
        await self._workshop.close()

    async def _build_and_release(self, app: App, made: Build) -> None:
        output = self._outputs.open(made.id)
        try:
            slug = await self.run(
                app, made, lambda to: self._workshop.fetch(made, to), output.write
            )
            if slug is not None and self._state.apps.find(app.id) is not None:
                self.release(app, made, slug, output.write)
        finally:
            output.close()

    async def _linger(self, made: Build) -> None:
        ends = asyncio.get_running_loop().time() + self._extra.pop(made.id, 0)
        cancelled = self._cancelled[made.id]
        while (left := ends - asyncio.get_running_loop().time()) > 0 and not cancelled.is_set():
            await asyncio.sleep(min(left, _LOOK))
