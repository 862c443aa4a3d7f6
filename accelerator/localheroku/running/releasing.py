"""Making releases: the release command, then the dynos."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from accelerator.localheroku.running.runner import Process, ProcessOrder
from accelerator.localheroku.state import apps, artifacts, releases

if TYPE_CHECKING:
    from accelerator.localheroku.engine import Engine
    from accelerator.localheroku.state.objects import App, Release, Slug


class Releasing:
    """Make releases and carry each to its end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._finished: dict[str, asyncio.Event] = {}
        self._processes: dict[str, tuple[str, Process]] = {}

    def release(self, app: App, wanted: releases.Wanted) -> Release:
        """Make the next release; one without a release command is in effect on return."""
        engine = self._engine
        release = releases.create_release(engine.state, app, wanted)
        email = engine.state.accounts.get(release.user_id).email
        engine.logs.write(app.id, "app[api]", f"Release v{release.version} created by user {email}")
        if release.status == "pending" and wanted.slug is not None:
            self._finished[release.id] = asyncio.Event()
            engine.outputs.open(release.id)
            engine.tasks.start(self._run_phase(app, release, wanted.slug))
        else:
            engine.dynos.follow_release(app)
        engine.expire(app)
        return release

    def release_same(self, app: App, description: str, user_id: str = "") -> Release:
        """Make a release of what is current, after a change of config vars, say."""
        slug = releases.current_slug(self._engine.state, app)
        return self.release(app, releases.Wanted(description, slug, user_id))

    def set_config(self, app: App, changes: dict[str, object], user_id: str = "") -> None:
        """Change config vars; a real change makes one release."""
        changed = apps.change_config(self._engine.state, app, changes)
        if changed:
            self.release_same(app, _config_description(changed, changes), user_id)

    def roll_back(self, app: App, identity: str, user_id: str = "") -> Release:
        """Release an earlier release again, with the config vars of then."""
        old = releases.check_rollback(self._engine.state, app, identity)
        slug = artifacts.check_usable(self._engine.state.slugs.get(old.slug_id or ""))
        releases.restore_config(self._engine.state, app, old)
        return self.release(app, releases.Wanted(f"Rollback to v{old.version}", slug, user_id))

    async def wait_for(self, release: Release) -> None:
        """Wait until a release is no longer pending."""
        finished = self._finished.get(release.id)
        if finished is not None:
            await finished.wait()

    def stop_all(self, app: App) -> None:
        """Stop the release commands of an app that is going away."""
        for app_id, process in self._processes.values():
            if app_id == app.id:
                self._engine.tasks.start(process.stop())

    async def _run_phase(self, app: App, release: Release, slug: Slug) -> None:
        output = self._engine.outputs.open(release.id)
        succeeded = False
        try:
            succeeded = await self._command(app, release, slug) == 0
        except OSError as problem:
            output.write(f"The release command could not be started: {problem}\n")
        finally:
            releases.finish_release(self._engine.state, release, succeeded)
            output.close()
            self._finished.pop(release.id).set()
        if succeeded:
            self._engine.dynos.follow_release(app)
        else:
            self._engine.logs.write(app.id, "app[api]", f"Release v{release.version} failed")

    async def _command(self, app: App, release: Release, slug: Slug) -> int:
        engine = self._engine
        output = engine.outputs.open(release.id)
        name = engine.dynos.next_one_off("release")

        def on_line(text: str) -> None:
            output.write(text.rstrip("\n") + "\n")
            engine.logs.write(app.id, f"app[{name}]", text.rstrip("\n"))

        def on_state(process: Process) -> None:
            engine.logs.write(app.id, f"heroku[{name}]", f"State changed to {process.state}")

        order = ProcessOrder(
            name=name,
            command=slug.process_types[releases.RELEASE_TYPE],
            slug=engine.blobs.slug(slug.blob or slug.id),
            environment={**release.metadata, **release.config, "DYNO": name},
            web=False,
        )
        process = await engine.start_process(order, on_line, on_state)
        self._processes[release.id] = (app.id, process)
        try:
            return await process.wait()
        finally:
            del self._processes[release.id]


def _config_description(changed: list[str], changes: dict[str, object]) -> str:
    added = [key for key in changed if changes[key] is not None]
    removed = [key for key in changed if changes[key] is None]
    parts = []
    if added:
        parts.append(f"Set {', '.join(added)}")
    if removed:
        parts.append(f"Remove {', '.join(removed)}")
    return f"{' and '.join(parts)} config vars"
