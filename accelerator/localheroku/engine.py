"""The platform without HTTP: its state together with what builds, runs, routes and pushes."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from accelerator.localheroku.blobs import Blobs, Signer
from accelerator.localheroku.building import Building
from accelerator.localheroku.clock import Clock
from accelerator.localheroku.durations import Timing
from accelerator.localheroku.dynos import Dynos
from accelerator.localheroku.git import GitBridge
from accelerator.localheroku.logs import Logs
from accelerator.localheroku.logsessions import LogSessions
from accelerator.localheroku.outputs import Outputs
from accelerator.localheroku.promoting import Promoting
from accelerator.localheroku.pushing import Pushing
from accelerator.localheroku.releasing import Releasing
from accelerator.localheroku.router import Router
from accelerator.localheroku.runner import Process, ProcessOrder, Runner
from accelerator.localheroku.state import apps, releases, retention
from accelerator.localheroku.state.objects import App
from accelerator.localheroku.state.store import State


class Tasks:
    """Background work that ends with the platform."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Cancel what is still running and wait for it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


class Engine:
    """Everything the handlers work with."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.state = State(self.clock)
        self.durations = Timing()
        self.tasks = Tasks()
        self.signer = Signer(self.clock)
        self.blobs = Blobs(directory / "blobs")
        self.outputs = Outputs()
        self.logs = Logs(self.clock)
        self.log_sessions = LogSessions(self.logs, self.clock)
        self.runner = Runner(directory / "dynos")
        self._starting: set[asyncio.Task[Process]] = set()
        self.router = Router()
        self.dynos = Dynos(self)
        self.releasing = Releasing(self)
        self.building = Building(self)
        self.promoting = Promoting(self)
        self.pushing = Pushing(self)
        self.git = GitBridge(directory / "git", self.pushing.build, self.pushing.release)

    @property
    def base_url(self) -> str:
        """Return where the platform's API answers."""
        return self.signer.base_url

    def web_url(self, app: App) -> str:
        """Return where the app itself answers."""
        return f"http://127.0.0.1:{app.web_port}/"

    async def create_app(self, name: str | None, stack: str | None, owner_id: str = "") -> App:
        """Make an app with its router, git repository and first releases."""
        app = apps.create_app(self.state, name, stack, owner_id)
        try:
            app.web_port = await self.router.open(
                app.name, lambda: self.dynos.pick(app), self._router_log(app)
            )
            self.git.create(app.id)
        except BaseException:
            await self.router.close_app(app.name)
            apps.delete_app(self.state, app)
            raise
        for description in ("Initial release", "Enable Logplex"):
            self.releasing.release(app, releases.Wanted(description, None))
        return app

    async def rename_app(self, app: App, name: str) -> None:
        """Give an app another name; its address stays."""
        if name == app.name:
            return
        apps.check_name(self.state, name)
        old, app.name = app.name, name
        apps.touch(self.state, app)
        await self.router.close_app(old)
        await self.router.open(
            name, lambda: self.dynos.pick(app), self._router_log(app), app.web_port
        )

    async def delete_app(self, app: App) -> None:
        """Destroy an app: its dynos stop and its address closes."""
        self.building.cancel_all(app)
        for build in self.state.builds.of(app.id):
            self.outputs.drop(build.id)
        for release in self.state.releases.of(app.id):
            self.outputs.drop(release.id)
        apps.delete_app(self.state, app)
        self.dynos.stop_all(app)
        self.releasing.stop_all(app)
        self.logs.drop(app.id)
        self.durations.drop(app.id)
        self._throw_away(retention.forget_app(self.state, app))
        await self.router.close_app(app.name)
        self.git.delete(app.id)

    def expire(self, app: App | None = None) -> None:
        """Let what is too old expire, of one app or of all, and remove its bytes."""
        apps = list(self.state.apps) if app is None else [app]
        gone = retention.expire(self.state, apps)
        self._throw_away(gone)
        slugs = {slug.id for slug in gone.slugs}
        for build in (each for one in apps for each in self.state.builds.of(one.id)):
            if build.slug_id in slugs:
                self.outputs.drop(build.id)

    def _throw_away(self, gone: retention.Expired) -> None:
        for blob in gone.blobs:
            self.blobs.slug(blob).unlink(missing_ok=True)
        for release in gone.releases:
            self.outputs.drop(release.id)

    async def start_process(
        self,
        order: ProcessOrder,
        on_line: Callable[[str], None],
        on_state: Callable[[Process], None],
    ) -> Process:
        """Start a process; a start that has begun is never given up half-way."""
        task = asyncio.get_running_loop().create_task(self.runner.start(order, on_line, on_state))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return await asyncio.shield(task)

    def _router_log(self, app: App) -> Callable[[str], None]:
        return lambda text: self.logs.write(app.id, "heroku[router]", text)

    async def close(self) -> None:
        """Stop builds, dynos, routers and streams; nothing is left running."""
        self.outputs.close()
        self.logs.close()
        await self.building.close()
        await self.tasks.close()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await self.router.close()
        await self.git.close()
        await self.runner.close()
