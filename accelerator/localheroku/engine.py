"""The platform without HTTP: its parts put together, and what is done to an app as a whole."""

import asyncio
import secrets
import ssl

from accelerator.localheroku.building.builds import Building
from accelerator.localheroku.building.launching import Launching
from accelerator.localheroku.building.workshop import Workshop
from accelerator.localheroku.clock import Clock
from accelerator.localheroku.durations import Timing
from accelerator.localheroku.gate import Gate
from accelerator.localheroku.gitserver.bridge import GitBridge
from accelerator.localheroku.gitserver.pushing import Pushing
from accelerator.localheroku.gitserver.receiving import Receiving
from accelerator.localheroku.gitserver.repositories import Repositories
from accelerator.localheroku.persistence.datadir import Place
from accelerator.localheroku.routing.router import Router
from accelerator.localheroku.running.addresses import Addresses
from accelerator.localheroku.running.dynos import Dynos
from accelerator.localheroku.running.phase import ReleasePhase
from accelerator.localheroku.running.promoting import Promoting
from accelerator.localheroku.running.releasing import Releasing
from accelerator.localheroku.running.runner import Runner
from accelerator.localheroku.running.starting import Starting
from accelerator.localheroku.state import apps, releases
from accelerator.localheroku.state.objects import App
from accelerator.localheroku.state.store import State
from accelerator.localheroku.streams.blobs import Blobs, Signer
from accelerator.localheroku.streams.expiry import Expiry
from accelerator.localheroku.streams.logs import Logs
from accelerator.localheroku.streams.logsessions import LogSessions
from accelerator.localheroku.streams.outputs import Outputs
from accelerator.localheroku.tasks import Tasks


class Engine:
    """Puts the parts together and ends them.

    Nothing below takes it: each part is given the others that it uses.
    """

    def __init__(self, place: Place, gate: Gate, tls: ssl.SSLContext | None = None) -> None:
        self.gate = gate
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
        self.expiry = Expiry(self.state, self.blobs, self.outputs, self.keeping.afterwards)
        self._put_running_together(place, Router(gate, tls=tls))
        self._put_building_together()
        self._put_git_together(place)

    def _put_running_together(self, place: Place, router: Router) -> None:
        self._runner = Runner(place.directory / "dynos", place.held)
        self._starting = Starting(self._runner)
        self.dynos = Dynos(
            self.state, self.logs, self.blobs, self.durations, self.tasks, self._starting
        )
        self._phase = ReleasePhase(self.outputs, self.logs, self.blobs, self._starting, self.tasks)
        self.releasing = Releasing(
            self.state, self.dynos, self._phase, self.logs, self.tasks, self.expiry.expire
        )
        self.promoting = Promoting(self.state, self.releasing, self.durations, self.tasks)
        self._router = router
        self.addresses = Addresses(self.state, self._router, self.dynos, self.logs)

    def _put_building_together(self) -> None:
        self._workshop = Workshop(self.blobs, self.signer, lambda: self._runner.keeper)
        launching = Launching(self.state, self.releasing.release, self.keeping.commit)
        self.building = Building(
            self.state, self.outputs, self.durations, self.tasks, self._workshop, launching
        )

    def _put_git_together(self, place: Place) -> None:
        self.pushing = Pushing(
            self.state,
            self.signer,
            self.outputs,
            self.building,
            self.releasing,
            self.keeping.commit,
        )
        self.repositories = Repositories(
            place.directory / "git",
            lambda app_id: asyncio.sleep(self.durations.of(app_id).git_transfer_seconds),
        )
        receiving = Receiving(self.repositories, self.pushing.build, self.pushing.release)
        self.git = GitBridge(self.repositories, receiving, place.held)

    async def create_app(self, name: str | None, stack: str | None, owner_id: str = "") -> App:
        """Make an app with its router, git repository and first releases."""
        app = apps.create_app(self.state, name, stack, owner_id)
        try:
            await self.addresses.open(app)
            self.repositories.create(app.id)
        except BaseException:
            await self.addresses.close(app.name)
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
        await self.addresses.close(old)
        await self.addresses.open(app)

    async def delete_app(self, app: App) -> None:
        """Destroy an app: its dynos stop and its address closes."""
        self.building.cancel_all(app)
        printed = [build.id for build in self.state.builds.of(app.id)]
        printed += [release.id for release in self.state.releases.of(app.id)]
        apps.delete_app(self.state, app)
        self.expiry.drop_outputs(printed)
        self.dynos.stop_all(app)
        self._phase.stop_all(app)
        self.logs.drop(app.id)
        self.durations.drop(app.id)
        self.expiry.forget_app(app)
        await self.addresses.close(app.name)
        self.keeping.afterwards(lambda: self.repositories.delete(app.id))
        self.keeping.afterwards(lambda: self.tasks.start(self._workshop.drop_cache(app.id)))

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
        await self._starting.close()
        await self._router.close()
        await self.git.close()
        await self._runner.close()
        self.keeping.commit()
