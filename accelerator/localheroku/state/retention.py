"""What Heroku throws away: artifacts of old releases, and those that no release has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.localheroku.state.objects import App, Release, Slug
    from accelerator.localheroku.state.store import State

KEPT_RELEASES = 20
KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Expired:
    """What has just expired; `blobs` are the names of bytes that nothing needs any more."""

    releases: tuple[Release, ...]
    slugs: tuple[Slug, ...]
    blobs: frozenset[str]


def expire(state: State, apps: Iterable[App]) -> Expired:
    """Let old releases of some apps expire, and the artifacts made there that are not needed."""
    chosen = list(apps)
    releases = tuple(one for app in chosen for one in _old_releases(state, app))
    for release in releases:
        release.status = "expired"
        release.updated_at = state.clock.now()
        state.releases.save(release)
    made = {slug.id: slug for app in chosen for slug in state.slugs.of(app.id)}
    ran = (state.slugs.find(release.slug_id) for release in releases)
    made.update({slug.id: slug for slug in ran if slug is not None})
    return _drop(state, releases, made.values())


def forget_app(state: State, app: App) -> Expired:
    """Let the artifacts of an app that is gone expire, unless a release elsewhere has them."""
    needed = _needed(state)
    unneeded = [slug for slug in state.slugs.of(app.id) if slug.id not in needed]
    blobs = {slug.blob for slug in unneeded if slug.blob}
    state.slugs.drop_all(unneeded)
    return Expired((), tuple(unneeded), frozenset(blobs) - _blobs(state))


def _old_releases(state: State, app: App) -> list[Release]:
    now = state.clock.now()
    return [
        release
        for release in state.releases.of(app.id)
        if release.slug_id is not None
        and release.id != app.current_release_id
        and release.status not in {"expired", "pending"}
        and now - release.created_at > KEPT_FOR
        and app.last_version - release.version >= KEPT_RELEASES
    ]


def _drop(state: State, releases: tuple[Release, ...], candidates: Iterable[Slug]) -> Expired:
    now = state.clock.now()
    aged = [slug for slug in candidates if slug.deleted_at is None]
    # One that was never released gets the same thirty days to be.
    aged = [slug for slug in aged if now - slug.created_at > KEPT_FOR]
    needed = _needed(state) if aged else set()
    gone = tuple(slug for slug in aged if slug.id not in needed)
    blobs = frozenset(slug.blob for slug in gone if slug.blob)
    for slug in gone:
        slug.deleted_at = slug.updated_at = now
        state.slugs.save(slug)
    return Expired(releases, gone, blobs - _blobs(state))


def _needed(state: State) -> set[str]:
    """Return the ids of artifacts that a release which has not expired holds."""
    live = (one for one in state.releases if one.status != "expired" and one.slug_id)
    return {one.slug_id for one in live if one.slug_id}


def _blobs(state: State) -> frozenset[str]:
    return frozenset(slug.blob for slug in state.slugs if slug.blob)
