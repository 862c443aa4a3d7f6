"""Going on where a platform before this one ended, in whatever way it did."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from accelerator.localheroku.gitserver.bridge import BUILT
from accelerator.localheroku.state import recovery

if TYPE_CHECKING:
    from pathlib import Path

    from accelerator.localheroku.engine import Engine
    from accelerator.localheroku.gitserver.bridge import GitBridge
    from accelerator.localheroku.gitserver.pushing import Pushing
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
    _tidy_repositories(state, engine.git)
    for app in state.apps:
        await engine.addresses.open(app)
    _release_pushes(state, engine.git, engine.pushing)
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


def _tidy_repositories(state: State, git: GitBridge) -> None:
    known = {app.id for app in state.apps}
    for repository in git.directory_of("").glob("[!.]*"):
        if repository.name in known:
            _unlock(repository)
        else:
            shutil.rmtree(repository, ignore_errors=True)


def _unlock(repository: Path) -> None:
    """Remove what a killed git leaves: locks and objects it had not accepted."""
    for lock in (*repository.glob("*.lock"), *(repository / "refs").rglob("*.lock")):
        lock.unlink(missing_ok=True)
    for left in (repository / "objects").glob("tmp_objdir-*"):
        shutil.rmtree(left, ignore_errors=True)


def _release_pushes(state: State, git: GitBridge, pushing: Pushing) -> None:
    """Release what was built in pushes that git accepted just before the platform ended."""
    for app in state.apps:
        for ref in BUILT:
            tip = _tip(git.directory_of(app.id), ref)
            build = recovery.unreleased_push(state, app, ref, tip)
            slug = state.slugs.find(build.slug_id) if build else None
            if build is not None and slug is not None and slug.deleted_at is None:
                pushing.release_build(app, ref, build, lambda _: None)


def _tip(repository: Path, ref: str) -> str | None:
    # Loose always: these repositories are never packed.
    with contextlib.suppress(OSError):
        return (repository / ref).read_text().strip()
    return None
