"""The platform without HTTP: its state together with what builds, runs, routes and pushes."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from functools import partial

from accelerator.localheroku.building.builds import Building
from accelerator.localheroku.clock import Clock
from accelerator.localheroku.durations import Timing
from accelerator.localheroku.gitserver.bridge import GitBridge
from accelerator.localheroku.gitserver.pushing import Pushing
from accelerator.localheroku.persistence.datadir import Place
from accelerator.localheroku.routing.router import Router
from accelerator.localheroku.running.dynos import Dynos
from accelerator.localheroku.running.promoting import Promoting
from accelerator.localheroku.running.releasing import Releasing
from accelerator.localheroku.running.runner import Process, ProcessOrder, Runner
from accelerator.localheroku.state import apps, releases, retention
from accelerator.localheroku.state.objects import App
from accelerator.localheroku.state.store import State
from accelerator.localheroku.streams.blobs import Blobs, Signer
from accelerator.localheroku.streams.logs import Logs
from accelerator.localheroku.streams.logsessions import LogSessions
from accelerator.localheroku.streams.outputs import Outputs
from accelerator.localheroku.tasks import Tasks


class Engine:
    """Everything the handlers work with."""

    def __init__(self, place: Place) -> None:
        directory, self.keeping = place.directory, place.keeping
        self.clock = Clock(self.keeping.recall("clock_offset") or 0.0, self._keep_offset)
        self.state = State(self.clock, self.keeping.note)
        self.keeping.load(self.state)
        self.durations = Timing()
        self.tasks = Tasks()
        self.signer = Signer(self.clock, self._secret())
        self.blobs = Blobs(directory / "blobs")
        self.outputs = Outputs(directory / "outputs")
        self.logs = Logs(self.clock)
        self.log_sessions = LogSessions(self.logs, self.clock)
        self.runner = Runner(directory / "dynos", place.held)
        self._starting: set[asyncio.Task[Process]] = set()
        self.router = Router()
        self.dynos = Dynos(self)
        self.releasing = Releasing(self)
        self.building = Building(self)
        self.promoting = Promoting(self)
        self.pushing = Pushing(self)
        pushing = self.pushing
        self.git = GitBridge(directory / "git", pushing.build, pushing.release, place.held)

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
            await self.open_app(app)
            self.git.create(app.id)
        except BaseException:
            await self.router.close_app(app.name)
            apps.delete_app(self.state, app)
            raise
        for description in ("Initial release", "Enable Logplex"):
            self.releasing.release(app, releases.Wanted(description, None))
        return app

    async def open_app(self, app: App) -> None:
        """Open an app's address, the one it had before if that is still free."""
        try:
            port = await self._open_router(app)
        except OSError:
            app.web_port = 0
            port = await self._open_router(app)
        if app.web_port != port:
            app.web_port = port
            self.state.apps.save(app)

    async def rename_app(self, app: App, name: str) -> None:
        """Give an app another name; its address stays."""
        if name == app.name:
            return
        apps.check_name(self.state, name)
        old, app.name = app.name, name
        apps.touch(self.state, app)
        await self.router.close_app(old)
        await self.open_app(app)

    async def delete_app(self, app: App) -> None:
        """Destroy an app: its dynos stop and its address closes."""
        self.building.cancel_all(app)
        printed = [build.id for build in self.state.builds.of(app.id)]
        printed += [release.id for release in self.state.releases.of(app.id)]
        apps.delete_app(self.state, app)
        self._drop_outputs(printed)
        self.dynos.stop_all(app)
        self.releasing.stop_all(app)
        self.logs.drop(app.id)
        self.durations.drop(app.id)
        self._throw_away(retention.forget_app(self.state, app))
        await self.router.close_app(app.name)
        self.keeping.afterwards(lambda: self.git.delete(app.id))
        drop_cache = partial(self.blobs.drop_cache, app.id)
        self.keeping.afterwards(lambda: self.tasks.start(asyncio.to_thread(drop_cache)))

    def expire(self, app: App | None = None) -> None:
        """Let what is too old expire, of one app or of all, and remove its bytes."""
        apps = list(self.state.apps) if app is None else [app]
        gone = retention.expire(self.state, apps)
        self._throw_away(gone)
        slugs = {slug.id for slug in gone.slugs}
        builds = (each for one in apps for each in self.state.builds.of(one.id))
        self._drop_outputs(each.id for each in builds if each.slug_id in slugs)
        self.blobs.sweep(self.clock.now())

    def _throw_away(self, gone: retention.Expired) -> None:
        self._drop_outputs(release.id for release in gone.releases)
        self.keeping.afterwards(lambda: self.blobs.drop_slugs(gone.blobs))

    def _drop_outputs(self, names: Iterable[str]) -> None:
        chosen = list(names)
        self.keeping.afterwards(lambda: self.outputs.drop_all(chosen))

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

    async def _open_router(self, app: App) -> int:
        return await self.router.open(
            app.name,
            lambda: self.dynos.pick(app),
            lambda text: self.logs.write(app.id, "heroku[router]", text),
            app.web_port,
        )

    def _secret(self) -> bytes:
        known = self.keeping.recall("secret")
        if known is None:
            known = secrets.token_hex(32)
            self.keeping.remember("secret", known)
        return bytes.fromhex(known)

    def _keep_offset(self, seconds: float) -> None:
        self.keeping.remember("clock_offset", seconds)

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
        self.keeping.commit()
