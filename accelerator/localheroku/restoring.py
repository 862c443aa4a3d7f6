"""Going on where a platform before this one ended, in whatever way it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.localheroku.gitserver.receiving import BUILT
from accelerator.localheroku.state import recovery

if TYPE_CHECKING:
    from accelerator.localheroku.engine import Engine
    from accelerator.localheroku.gitserver.pushing import Pushing
    from accelerator.localheroku.gitserver.repositories import Repositories
    from accelerator.localheroku.state.store import State
    from accelerator.localheroku.streams.blobs import Blobs
    from accelerator.localheroku.streams.outputs import Outputs

_NOTE = " !     The platform was stopped before this was finished.\n"
_LOST = " !     The platform was stopped before this output was kept.\n"


async def resume(engine: Engine) -> None:
    """Bring state, files and git into agreement, then open and start what the apps want."""
    state = engine.state
    recovery.forget_half_made(state)
    _end_outputs(state, engine.outputs)
    recovery.end_promotions(state)
    _tidy_blobs(state, engine.blobs)
    engine.expiry.expire()
    engine.repositories.tidy({app.id for app in state.apps})
    for app in state.apps:
        await engine.addresses.open(app)
    _release_pushes(state, engine.repositories, engine.pushing)
    for app in state.apps:
        engine.dynos.follow_release(app)
    engine.keeping.commit()


def _end_outputs(state: State, outputs: Outputs) -> None:
    cut = [build.id for build in recovery.end_builds(state)]
    cut += [release.id for release in recovery.end_releases(state)]
    for name in cut:
        outputs.finish(name, _NOTE)
    gone = {slug.id for slug in state.slugs if slug.deleted_at is not None}
    wanted = {each.id for each in state.builds if each.slug_id not in gone}
    wanted |= {each.id for each in state.releases if each.has_output and each.status != "expired"}
    kept = outputs.names()
    for name in kept - wanted:
        outputs.drop(name)
    for name in wanted - kept:
        outputs.finish(name, _LOST)


def _tidy_blobs(state: State, blobs: Blobs) -> None:
    recovery.lose_artifacts(state, blobs.slug_names())
    live = {slug.blob for slug in state.slugs if slug.blob}
    blobs.tidy(slugs=live, apps={app.id for app in state.apps})


def _release_pushes(state: State, repositories: Repositories, pushing: Pushing) -> None:
    """Release what was built in pushes that git accepted just before the platform ended."""
    for app in state.apps:
        for ref in BUILT:
            tip = repositories.find_tip(app.id, ref)
            build = recovery.unreleased_push(state, app, ref, tip)
            slug = state.slugs.find(build.slug_id) if build else None
            if build is not None and slug is not None and slug.deleted_at is None:
                pushing.release_build(app, ref, build, lambda _: None)
