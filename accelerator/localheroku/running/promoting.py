"""Carrying out promotions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from accelerator.localheroku.state import access, artifacts, pipelines, releases
from accelerator.localheroku.state.errors import Refused, invalid

if TYPE_CHECKING:
    from accelerator.localheroku.durations import Timing
    from accelerator.localheroku.running.releasing import Releasing
    from accelerator.localheroku.state.objects import App, Pipeline, Promotion, Release, Target
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.tasks import Tasks


class Promoting:
    """Give targets the artifact of a release and follow each to its end."""

    def __init__(self, state: State, releasing: Releasing, durations: Timing, tasks: Tasks) -> None:
        self._state = state
        self._releasing = releasing
        self._durations = durations
        self._tasks = tasks
        self._failures: dict[str, list[str]] = {}

    def fail_next(self, app_id: str, message: str, count: int) -> None:
        """Let the next promotions to an app fail with this message."""
        self._failures[app_id] = [message] * count

    def promote(
        self, pipeline: Pipeline, release: Release, targets: list[str], user_id: str
    ) -> Promotion:
        """Start a promotion; without a duration or release command it is over on return."""
        state = self._state
        promotion = pipelines.create_promotion(state, pipeline, release, targets, user_id)
        for target in state.targets.of(promotion.id):
            delay = self._durations.of(target.app_id).promotion_seconds
            if delay > 0:
                self._tasks.start(self._later(target, delay))
            else:
                self._begin(target)
        return promotion

    async def _later(self, target: Target, delay: float) -> None:
        await asyncio.sleep(delay)
        self._begin(target)

    def _begin(self, target: Target) -> None:
        try:
            release = self._release(target)
        except Refused as problem:
            pipelines.settle_target(self._state, target, problem.message)
            return
        target.release_id = release.id
        self._state.targets.save(target)
        if release.status == "pending":
            self._tasks.start(self._follow(target, release))
        else:
            self._settle(target, release)

    def _release(self, target: Target) -> Release:
        state = self._state
        promotion = state.promotions.get(target.promotion_id)
        source = state.releases.get(promotion.source_release_id)
        app = self._target(promotion, target)
        slug = artifacts.check_runs_on(app, state.slugs.get(source.slug_id or ""))
        name = state.app(promotion.source_app_id).name
        description = f"Promote {name} v{source.version} {(slug.commit or '')[:8]}".rstrip()
        wanted = releases.Wanted(description, slug, promotion.user_id)
        return self._releasing.release(app, wanted)

    def _target(self, promotion: Promotion, target: Target) -> App:
        state = self._state
        app = state.app(target.app_id)
        who = state.accounts.get(promotion.user_id)
        if not access.permissions(state, who, app) & {"deploy"}:
            raise invalid("User does not have access to that app")
        failures = self._failures.get(app.id)
        if failures:
            raise invalid(failures.pop())
        return app

    async def _follow(self, target: Target, release: Release) -> None:
        await self._releasing.wait_for(release)
        self._settle(target, release)

    def _settle(self, target: Target, release: Release) -> None:
        error = None if release.status == "succeeded" else "release command failed"
        pipelines.settle_target(self._state, target, error)
