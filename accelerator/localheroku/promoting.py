"""Carrying out promotions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from accelerator.localheroku.state import pipelines, releases
from accelerator.localheroku.state.errors import Refused

if TYPE_CHECKING:
    from accelerator.localheroku.engine import Engine
    from accelerator.localheroku.state.objects import App, Pipeline, Promotion, Release, Target


class Promoting:
    """Give targets the artifact of a release and follow each to its end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def promote(self, pipeline: Pipeline, release: Release, targets: list[App]) -> Promotion:
        """Start a promotion; without a duration or release command it is over on return."""
        state = self._engine.state
        promotion = pipelines.create_promotion(state, pipeline, release, targets)
        delay = self._engine.durations.promotion_seconds
        for target in state.targets.of(promotion.id):
            if delay > 0:
                self._engine.tasks.start(self._later(target, delay))
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
            pipelines.settle_target(self._engine.state, target, problem.message)
            return
        target.release_id = release.id
        self._engine.state.targets.save(target)
        if release.status == "pending":
            self._engine.tasks.start(self._follow(target, release))
        else:
            self._settle(target, release)

    def _release(self, target: Target) -> Release:
        state = self._engine.state
        promotion = state.promotions.get(target.promotion_id)
        source = state.releases.get(promotion.source_release_id)
        slug = releases.slug_for_release(state, source.slug_id or "")
        app = releases.check_access(state, state.app(target.app_id))
        name = state.app(promotion.source_app_id).name
        description = f"Promote {name} v{source.version} {(slug.commit or '')[:8]}".rstrip()
        return self._engine.releasing.release(app, releases.Wanted(description, slug))

    async def _follow(self, target: Target, release: Release) -> None:
        await self._engine.releasing.wait_for(release)
        self._settle(target, release)

    def _settle(self, target: Target, release: Release) -> None:
        error = None if release.status == "succeeded" else "release command failed"
        pipelines.settle_target(self._engine.state, target, error)
