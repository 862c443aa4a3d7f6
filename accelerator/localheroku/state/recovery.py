"""Rules for a state whose platform was stopped, at whatever moment, and starts again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.localheroku.state import apps, builds, pipelines, releases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.localheroku.state.objects import App, Build, Release, Target
    from accelerator.localheroku.state.store import State

CUT = "The platform was stopped in the middle of this."


def forget_half_made(state: State) -> None:
    """Drop apps whose creation was cut before their first release: nobody was told of them."""
    for app in state.apps:
        if app.current_release_id is None:
            apps.delete_app(state, app)


def end_builds(state: State) -> list[Build]:
    """Fail the builds that were running, and return them."""
    cut = [build for build in state.builds if build.status == "pending"]
    for build in cut:
        builds.finish_build(state, build, None)
    return cut


def end_releases(state: State) -> list[Release]:
    """Fail the releases whose command was running, and return them; the old ones stay current."""
    cut = [release for release in state.releases if release.status == "pending"]
    for release in cut:
        releases.finish_release(state, release, succeeded=False)
    return cut


def end_promotions(state: State) -> None:
    """Settle the targets that were pending by what their releases have become."""
    for target in state.targets:
        if target.status == "pending":
            pipelines.settle_target(state, target, _error(state, target))


def _error(state: State, target: Target) -> str | None:
    release = state.releases.find(target.release_id)
    return None if release is not None and release.status == "succeeded" else CUT


def unreleased_push(state: State, app: App, ref: str, tip: str | None) -> Build | None:
    """Return the build of a push that moved `ref` to `tip` without coming to its release."""
    if tip is None or app.pushed.get(ref) == tip:
        return None
    pushed = (
        build
        for build in state.builds.of(app.id)
        if build.source_blob.url.endswith(".git")
        and build.status == "succeeded"
        and build.source_blob.version == tip
    )
    unreleased = [build for build in pushed if build.release_id is None]
    return max(unreleased, key=lambda build: build.updated_at, default=None)


def lose_artifacts(state: State, kept: Iterable[str]) -> None:
    """Mark the artifacts whose bytes are not among the `kept` blobs as gone."""
    names = set(kept)
    for slug in state.slugs:
        if slug.is_stored and slug.deleted_at is None and slug.blob not in names:
            slug.deleted_at = slug.updated_at = state.clock.now()
            state.slugs.save(slug)
