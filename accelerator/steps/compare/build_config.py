"""With which config vars an artifact was built: those of its build's own release; pure.

A build takes what is in effect as it begins, and makes its release at its end. What the app has
today says nothing of that. Where something else was released in between, all those releases have
to agree, or nobody can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.models import ArtifactRef, Build, Release
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.fit import Prints
    from accelerator.steps.compare.states import SourceState, TargetState

MOST_RELEASES = 8


def find_origin(facts: Facts, ref: ArtifactRef) -> tuple[Release, ...]:
    """Find the releases whose config vars an artifact was built with, if they agree.

    None are returned where that cannot be told.
    """
    build = facts.build_of(ref)
    return find_origin_of(build, _list_releases(facts, build), _list_builds(facts)) if build else ()


def find_origin_of(
    build: Build, releases: Sequence[Release], builds: Sequence[Build]
) -> tuple[Release, ...]:
    """Find the releases whose config vars a build of an app has, or had, if they agree."""
    own = _find_own(build, releases)
    if own is None and build.release_id is not None:
        return ()  # the list begins after it, or lags behind
    by_builds = {each.release_id for each in builds if each.release_id}
    since = [
        release
        for release in releases
        if release.created_at >= build.created_at
        and release.id not in by_builds
        and (own is None or release.version < own.version)
        and (own is not None or not build.updated_at or release.created_at <= build.updated_at)
    ]
    if own is not None and not since:
        return (own,)
    earlier = [release for release in releases if release.created_at < build.created_at]
    before = max(earlier, key=lambda release: release.version, default=None)
    if before is None or len(since) > MOST_RELEASES:
        return ()
    return (before, *since, *((own,) if own else ()))


def agreed(prints: Sequence[Prints | None]) -> Prints | None:
    """Return what all releases have; None where one was not read, or has something else."""
    first = prints[0] if prints else None
    return first if all(each == first for each in prints) else None


def _find_own(build: Build, releases: Sequence[Release]) -> Release | None:
    """Find the release that a build made: the first one of its artifact after it began."""
    if build.release_id is not None:
        return next((each for each in releases if each.id == build.release_id), None)
    of_it = [
        release
        for release in releases
        if release.artifact is not None
        and release.artifact == build.artifact
        and release.created_at >= build.created_at
    ]
    return min(of_it, key=lambda release: release.version, default=None)


def _list_releases(facts: Facts, build: Build) -> tuple[Release, ...]:
    found = (state.releases for state in _states(facts) if state.app == build.app_name)
    return next(found, ())


def _list_builds(facts: Facts) -> tuple[Build, ...]:
    return tuple(build for state in _states(facts) for build in state.builds)


def _states(facts: Facts) -> tuple[SourceState | TargetState, ...]:
    return (*facts.sources, *facts.targets)
