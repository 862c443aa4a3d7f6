"""Dynos: one process per dyno, started, watched, restarted and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from functools import partial
from typing import TYPE_CHECKING, Literal

from accelerator.localheroku.routing.router import Backend
from accelerator.localheroku.running.preboot import Preboot, Serving
from accelerator.localheroku.running.rolling import Rolling
from accelerator.localheroku.running.runner import Process, ProcessOrder
from accelerator.localheroku.running.running import Running, fir_name
from accelerator.localheroku.state import releases
from accelerator.localheroku.state.objects import App, Dyno, Release
from accelerator.localheroku.state.store import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelerator.localheroku.durations import Timing
    from accelerator.localheroku.running.starting import Starting
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.blobs import Blobs
    from accelerator.localheroku.streams.logs import Logs
    from accelerator.localheroku.tasks import Tasks

Pick = Backend | Literal["H10", "H14", "H80", "WAIT"]
_SWITCHED = "Preboot: routing to the new dynos"
# A dyno that keeps crashing is restarted after ever longer pauses, as on Heroku.
BACK_OFF = (1.0, 5.0, 30.0, 120.0, 600.0)


class Dynos:
    """Keep every app's dynos as its formation and current release want them."""

    def __init__(
        self,
        state: State,
        logs: Logs,
        blobs: Blobs,
        durations: Timing,
        tasks: Tasks,
        starting: Starting,
    ) -> None:
        self._state, self._logs, self._blobs = state, logs, blobs
        self._durations, self._tasks, self._starting = durations, tasks, starting
        self._preboot, self._rolling = Preboot(tasks), Rolling(tasks)
        self._running: dict[str, dict[str, Running]] = {}
        self._numbers = itertools.count(1001)
        self._turn = 0

    def next_one_off(self, type: str) -> str:
        """Return the name of the next one-off dyno."""
        return f"{type}.{next(self._numbers)}"

    def follow_release(self, app: App) -> None:
        """Restart everything, in a space by and by, if not all runs the current release."""
        release = releases.current_release(self._state, app)
        running = self._formation_dynos(app)
        old = [one for one in running if release is None or one.dyno.release_id != release.id]
        if old and app.space is not None:
            seconds = self._durations.of(app.id).rolling_seconds
            self._rolling.begin(app.id, old, seconds, lambda step: self._replace(app, step))
        elif old:
            self._rolling.end(app.id)
            self._preboot_from(app, running)
            self.stop_formation(app)
        self.scale(app)

    def scale(self, app: App) -> None:
        """Start missing dynos and stop surplus ones."""
        wanted = {
            f"{row.type}.{number}": row.type
            for row in app.formation.values()
            for number in range(1, row.quantity + 1)
            if row.type != releases.RELEASE_TYPE
        }
        for one in self._formation_dynos(app):
            if one.slot not in wanted:
                self._stop(one)
        if not any(kind == "web" for kind in wanted.values()):
            self._preboot.end(app.id)
        release = releases.current_release(self._state, app)
        if release is None or release.slug_id is None:
            return
        for name, kind in wanted.items():
            if name not in self._of(app):
                self._start(app, release, name, kind)

    def restart(self, app: App, name: str) -> bool:
        """Restart one dyno, or stop a one-off one; return whether there was one."""
        one = next((one for one in self._of(app).values() if name in one.names), None)
        if one is None:
            return False
        self._stop(one)
        self.scale(app)
        return True

    def restart_type(self, app: App, kind: str | None = None) -> None:
        """Restart all dynos of one type, or of the whole formation."""
        for one in self._formation_dynos(app):
            if kind in {None, one.dyno.type}:
                self._stop(one)
        self.scale(app)

    def run(self, app: App, command: str, environment: Mapping[str, str], kind: str) -> Dyno | None:
        """Start a one-off dyno on the current release, if there is one to run."""
        release = releases.current_release(self._state, app)
        if release is None or release.slug_id is None:
            return None
        slot = self.next_one_off(kind)
        dyno = self._dyno(app, release, slot, kind)
        dyno.command = command
        self._launch(app, release, Running(dyno, slot, is_one_off=True), environment)
        return dyno

    def stop_formation(self, app: App) -> None:
        """Stop all dynos of the formation; one-off dynos go on."""
        for one in self._formation_dynos(app):
            self._stop(one)

    def stop_all(self, app: App) -> None:
        """Stop everything an app runs."""
        for one in list(self._of(app).values()):
            self._stop(one)
        self._preboot.end(app.id)
        self._rolling.end(app.id)
        self._running.pop(app.id, None)

    def pick(self, app: App) -> Pick:
        """Return the web dyno for a request, or Heroku's code for why there is none."""
        if app.maintenance:
            return "H80"
        web = [one for one in self._formation_dynos(app) if one.dyno.type == "web"]
        up = [(one.dyno.name, one.process) for one in web if one.dyno.state == "up"]
        old = [(one.name, one.process) for one in self._preboot.serving(app.id)]
        serving = [(name, process.port) for name, process in old or up if process is not None]
        if serving:
            self._turn += 1
            name, port = serving[self._turn % len(serving)]
            return Backend("127.0.0.1", port or 0, name)
        if any(one.dyno.state == "starting" for one in web):
            return "WAIT"
        return "H10" if web else "H14"

    def _preboot_from(self, app: App, running: list[Running]) -> None:
        """Take the old web dynos that are up out of the formation, but let them serve on."""
        if not app.features["preboot"].enabled:
            self._preboot.end(app.id)
            return
        old: list[Serving] = []
        for one in running:
            is_up = one.dyno.type == "web" and one.dyno.state == "up"
            if is_up and one.process is not None and not self._preboot.is_under_way(app.id):
                one.is_unwanted = True
                self._forget(one)
                old.append(Serving(one.dyno.name, one.process))
        if old or self._preboot.is_under_way(app.id):
            seconds = self._durations.of(app.id).preboot_seconds
            say = partial(self._logs.write, app.id, "heroku[router]", _SWITCHED)
            self._preboot.begin(app.id, old, seconds, say)

    def _replace(self, app: App, old: Sequence[Running]) -> None:
        for one in old:
            if self._of(app).get(one.slot) is one:
                self._stop(one)
        self.scale(app)

    def _of(self, app: App) -> dict[str, Running]:
        return self._running.setdefault(app.id, {})

    def _formation_dynos(self, app: App) -> list[Running]:
        return [one for one in self._of(app).values() if not one.is_one_off]

    def _dyno(self, app: App, release: Release, name: str, kind: str) -> Dyno:
        now = self._state.clock.now()
        row = app.formation.get(kind)
        command, size = (row.command, row.size) if row else ("", "Basic")
        return Dyno(
            new_id(), app.id, name, kind, command, size, release.id, release.version, now, now
        )

    def _start(self, app: App, release: Release, name: str, kind: str) -> None:
        shown = fir_name(kind) if app.generation == "fir" else name
        one = Running(self._dyno(app, release, shown, kind), name, is_one_off=False)
        self._launch(app, release, one, {})

    def _launch(
        self, app: App, release: Release, one: Running, environment: Mapping[str, str]
    ) -> None:
        self._of(app)[one.slot] = one
        self._state.dynos.save(one.dyno)
        self._tasks.start(self._run(app, release, one, environment))

    async def _run(
        self, app: App, release: Release, one: Running, environment: Mapping[str, str]
    ) -> None:
        dyno = one.dyno
        self._say(app, dyno, f"Starting process with command `{dyno.command}`")
        order = ProcessOrder(
            name=dyno.name,
            command=dyno.command,
            slug=self._blobs.slug(releases.blob_of(self._state, release)),
            environment=self._environment(app, release, dyno, environment),
            web=dyno.type == "web" and not one.is_one_off,
        )
        try:
            process = await self._starting.start(
                order,
                lambda text: self._logs.write(app.id, f"app[{dyno.name}]", text.rstrip("\n")),
                lambda process: self._changed(app, one, process),
            )
        except OSError as problem:
            self._say(app, dyno, f"Process could not be started: {problem}")
            self._set_state(app, one, "crashed")
            self._schedule_restart(app, one)
            return
        one.process = process
        if one.is_unwanted:
            await process.stop()

    def _environment(
        self, app: App, release: Release, dyno: Dyno, extra: Mapping[str, str]
    ) -> dict[str, str]:
        environment = {**release.metadata, **release.config, "DYNO": dyno.name, **extra}
        if app.features["runtime-dyno-metadata"].enabled:
            environment["HEROKU_DYNO_ID"] = dyno.id
        return environment

    def _changed(self, app: App, one: Running, process: Process) -> None:
        one.process = process
        if one.is_unwanted:
            return
        if process.state == "up" and self._durations.of(app.id).boot_seconds > 0:
            self._tasks.start(self._up_later(app, one, process))
        elif process.state in {"crashed", "down"}:
            self._ended(app, one, process)
        else:
            self._set_state(app, one, process.state)

    async def _up_later(self, app: App, one: Running, process: Process) -> None:
        await asyncio.sleep(self._durations.of(app.id).boot_seconds)
        if not one.is_unwanted and process.state == "up":
            self._set_state(app, one, "up")

    def _ended(self, app: App, one: Running, process: Process) -> None:
        self._say(app, one.dyno, f"Process exited with status {process.exit_code}")
        self._set_state(app, one, "complete" if one.is_one_off else "crashed")
        if one.is_one_off:
            self._forget(one)
        self._schedule_restart(app, one)

    def _schedule_restart(self, app: App, one: Running) -> None:
        if not one.is_one_off:
            self._tasks.start(self._restart_later(app, one))

    async def _restart_later(self, app: App, one: Running) -> None:
        await asyncio.sleep(BACK_OFF[min(one.crashes, len(BACK_OFF) - 1)])
        release = self._state.releases.find(one.dyno.release_id)
        if one.is_unwanted or release is None:
            return
        one.crashes += 1
        one.dyno.created_at = self._state.clock.now()
        self._set_state(app, one, "starting")
        await self._run(app, release, one, {})

    def _set_state(self, app: App, one: Running, state: str) -> None:
        dyno = one.dyno
        if dyno.state == state:
            return
        self._say(app, dyno, f"State changed from {dyno.state} to {state}")
        dyno.state = state
        dyno.updated_at = self._state.clock.now()
        if self._state.dynos.find(dyno.id) is not None:
            self._state.dynos.save(dyno)

    def _stop(self, one: Running) -> None:
        one.is_unwanted = True
        self._forget(one)
        if one.process is not None:
            self._tasks.start(self._stop_process(one.process))

    @staticmethod
    async def _stop_process(process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            await process.stop()

    def _forget(self, one: Running) -> None:
        self._state.dynos.drop(one.dyno)
        running = self._running.get(one.dyno.app_id, {})
        if running.get(one.slot) is one:
            del running[one.slot]

    def _say(self, app: App, dyno: Dyno, text: str) -> None:
        self._logs.write(app.id, f"heroku[{dyno.name}]", text)
