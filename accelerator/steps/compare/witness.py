"""Which commit an app runs, by every witness there is: one, none as there is no code, or unknown.

"No code" and "unknown" are told apart, because forward only lets the first pass and must not be
silent about the second. What a release says itself comes first, then its artifact, then the build
that left it. The metadata variable may be stale, so it is a hint: it can refuse, never let pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.steps.compare.descriptions import IN_EFFECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.models import Build, Release
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.states import TargetState


@dataclass(frozen=True, slots=True)
class Running:
    """The commit that an app runs. Without one: no code; or unknown, where ``gap`` says why.

    ``hint`` is the commit that a weak witness names where it is unknown.
    """

    commit: str | None = None
    gap: str | None = None
    hint: str | None = None


NO_CODE = Running()


def find_running(facts: Facts, target: TargetState) -> Running:
    """Find what a target runs now.

    An app whose releases never had an artifact has no code. One that has releases of code, and
    none in effect that can be read, has some that nobody knows.
    """
    now = target.current
    if now is None:
        ran = [each for each in target.releases if each.artifact and each.status in IN_EFFECT]
        return Running(gap="no release of it is marked as the current one") if ran else NO_CODE
    return find_released(facts, target, now)


def find_released(facts: Facts, target: TargetState, release: Release) -> Running:
    """Find what a release of a target holds; no code only where none was there before it either.

    On the stack of containers there is code without artifacts: images that somebody pushed.
    """
    if sha := facts.served_by(release) or _find_built(facts, target, release):
        return Running(sha)
    hint = target.witness if target.current == release else None
    if release.artifact is not None:
        return Running(gap=_describe_gap(facts, release), hint=hint)
    before = (each for each in target.releases if each.version < release.version)
    # What failed in its release command never ran.
    ran = any(each.artifact and each.status != "failed" for each in before)
    has_code = ran or "container" in (target.fit.stacks or ())
    gap = f"v{release.version} has no slug or image that could be read"
    return Running(gap=gap, hint=hint) if has_code else NO_CODE


def _find_built(facts: Facts, target: TargetState, release: Release) -> str | None:
    """Find the commit that the build of a release, or of its artifact, was started for."""
    builds = (build for build in _list_builds(facts, target) if build.commit)
    found = (build.commit for build in builds if _is_of(build, release))
    return next(found, None)


def _list_builds(facts: Facts, target: TargetState) -> Iterator[Build]:
    yield from target.builds
    for source in facts.sources:
        yield from source.builds


def _is_of(build: Build, release: Release) -> bool:
    if release.artifact is not None and build.artifact == release.artifact:
        return True
    return build.release_id == release.id


def _describe_gap(facts: Facts, release: Release) -> str:
    held = release.artifact.id if release.artifact else ""
    if facts.artifacts.get(held) is not None:
        return f"what v{release.version} holds names no commit, and no build that left it is listed"
    return f"what v{release.version} holds cannot be read, and no build that left it is listed"
