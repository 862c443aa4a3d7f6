"""The release phase: one command per release, run from the slug it is about to put into effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.localheroku.running.runner import Process, ProcessOrder
from accelerator.localheroku.state.releases import RELEASE_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.localheroku.running.starting import Starting
    from accelerator.localheroku.state.objects import App, Release, Slug
    from accelerator.localheroku.streams.blobs import Blobs
    from accelerator.localheroku.streams.logs import Logs
    from accelerator.localheroku.streams.outputs import Output, Outputs
    from accelerator.localheroku.tasks import Tasks


class ReleasePhase:
    """Run release commands, each with its output."""

    def __init__(
        self, outputs: Outputs, logs: Logs, blobs: Blobs, starting: Starting, tasks: Tasks
    ) -> None:
        self._outputs = outputs
        self._logs = logs
        self._blobs = blobs
        self._starting = starting
        self._tasks = tasks
        self._processes: dict[str, tuple[str, Process]] = {}

    def open_output(self, release: Release) -> None:
        """Let the output be read from now on, before the command has begun."""
        self._outputs.open(release.id)

    async def run(
        self, app: App, release: Release, slug: Slug, name: str, settle: Callable[[bool], object]
    ) -> bool:
        """Run a release's command in the dyno `name`; return whether it succeeded.

        `settle` is told first, so that whoever reads the output to its end finds the release
        settled.
        """
        output = self._outputs.open(release.id)
        succeeded = False
        try:
            succeeded = await self._follow(app, release, self._order(release, slug, name), output)
        except OSError as problem:
            output.write(f"The release command could not be started: {problem}\n")
        finally:
            settle(succeeded)
            output.close()
        return succeeded

    def stop_all(self, app: App) -> None:
        """Stop the release commands of an app that is going away."""
        for app_id, process in self._processes.values():
            if app_id == app.id:
                self._tasks.start(process.stop())

    def _order(self, release: Release, slug: Slug, name: str) -> ProcessOrder:
        return ProcessOrder(
            name=name,
            command=slug.process_types[RELEASE_TYPE],
            slug=self._blobs.slug(slug.blob or slug.id),
            environment={**release.metadata, **release.config, "DYNO": name},
            web=False,
        )

    async def _follow(
        self, app: App, release: Release, order: ProcessOrder, output: Output
    ) -> bool:
        def on_line(text: str) -> None:
            output.write(text.rstrip("\n") + "\n")
            self._logs.write(app.id, f"app[{order.name}]", text.rstrip("\n"))

        def on_state(process: Process) -> None:
            self._logs.write(app.id, f"heroku[{order.name}]", f"State changed to {process.state}")

        process = await self._starting.start(order, on_line, on_state)
        self._processes[release.id] = (app.id, process)
        try:
            return await process.wait() == 0
        finally:
            del self._processes[release.id]
