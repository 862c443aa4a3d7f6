"""Making releases: the release command, then the dynos."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from accelerator.localheroku.state import apps, artifacts, releases

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.localheroku.running.dynos import Dynos
    from accelerator.localheroku.running.phase import ReleasePhase
    from accelerator.localheroku.state.objects import App, Release, Slug
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.logs import Logs
    from accelerator.localheroku.tasks import Tasks


class Releasing:
    """Make releases and carry each to its end; `expire` is called after each new one."""

    def __init__(
        self,
        state: State,
        dynos: Dynos,
        phase: ReleasePhase,
        logs: Logs,
        tasks: Tasks,
        expire: Callable[[App], None],
    ) -> None:
        self._state = state
        self._dynos = dynos
        self._phase = phase
        self._logs = logs
        self._tasks = tasks
        self._expire = expire
        self._finished: dict[str, asyncio.Event] = {}
        # An app's release commands run one after the other, in the order of their releases.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def release(self, app: App, wanted: releases.Wanted) -> Release:
        """Make the next release; one without a release command is in effect on return."""
        release = releases.create_release(self._state, app, wanted)
        email = self._state.accounts.get(release.user_id).email
        self._say(app, f"Release v{release.version} created by user {email}")
        if release.status == "pending" and wanted.slug is not None:
            self._finished[release.id] = asyncio.Event()
            self._phase.open_output(release)
            self._tasks.start(self._run_phase(app, release, wanted.slug))
        else:
            self._dynos.follow_release(app)
        self._expire(app)
        return release

    def release_same(self, app: App, description: str, user_id: str = "") -> Release:
        """Make a release of what is current, after a change of config vars, say."""
        slug = releases.current_slug(self._state, app)
        return self.release(app, releases.Wanted(description, slug, user_id))

    def set_config(self, app: App, changes: dict[str, object], user_id: str = "") -> None:
        """Change config vars; a real change makes one release."""
        changed = apps.change_config(self._state, app, changes)
        if changed:
            self.release_same(app, _config_description(changed, changes), user_id)

    def roll_back(self, app: App, identity: str, user_id: str = "") -> Release:
        """Release an earlier release again, with the config vars of then."""
        old = releases.check_rollback(self._state, app, identity)
        slug = artifacts.check_usable(self._state.slugs.get(old.slug_id or ""))
        releases.restore_config(self._state, app, old)
        return self.release(app, releases.Wanted(f"Rollback to v{old.version}", slug, user_id))

    async def wait_for(self, release: Release) -> None:
        """Wait until a release is no longer pending."""
        finished = self._finished.get(release.id)
        if finished is not None:
            await finished.wait()

    async def _run_phase(self, app: App, release: Release, slug: Slug) -> None:
        try:
            async with self._turns[app.id]:
                succeeded = await self._run_command(app, release, slug)
        finally:
            self._finished.pop(release.id).set()
        if succeeded:
            self._dynos.follow_release(app)
        else:
            self._say(app, f"Release v{release.version} failed")

    async def _run_command(self, app: App, release: Release, slug: Slug) -> bool:
        def settle(succeeded: bool) -> None:
            releases.finish_release(self._state, release, succeeded)

        if self._state.releases.find(release.id) is None:
            return False  # the app went away while others had their turn
        name = self._dynos.next_one_off(releases.RELEASE_TYPE)
        return await self._phase.run(app, release, slug, name, settle)

    def _say(self, app: App, text: str) -> None:
        self._logs.write(app.id, "app[api]", text)


def _config_description(changed: list[str], changes: dict[str, object]) -> str:
    added = [key for key in changed if changes[key] is not None]
    removed = [key for key in changed if changes[key] is None]
    parts = []
    if added:
        parts.append(f"Set {', '.join(added)}")
    if removed:
        parts.append(f"Remove {', '.join(removed)}")
    return f"{' and '.join(parts)} config vars"
