"""Build a commit from a source blob: an archive of exactly its tree, no history needed.

The last resort of a deploy, and what a prepare job does. Even here the commit is built once: on
the first target, whose artifact the others then get released.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from accelerator.errors import (
    AcceleratorError,
    NothingToRun,
    OutcomeUnknown,
    PromotionFailed,
    Refused,
    SourceDiffers,
)
from accelerator.models import Artifact, Route, StepName
from accelerator.steps.compare.fit import find_lost
from accelerator.steps.compare.lookups import find_artifact
from accelerator.steps.follow.builds_and_releases import (
    demand_success,
    find_release_of_build,
    follow_build,
)
from accelerator.steps.route import slug_release
from accelerator.steps.route.landing import Landing, Write, pass_again
from accelerator.steps.route.lost_replies import find_build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelerator.models import ArtifactRef, Build, Commit, Release
    from accelerator.steps.compare.decision import Decision
    from accelerator.steps.compare.states import TargetState
    from accelerator.steps.route.landing import Fence
    from accelerator.steps.run import Run


def writes(decision: Decision, targets: Sequence[TargetState]) -> tuple[Write, ...]:
    """Return the three writes of a build on the first target, and one release per other."""
    commit, (first, *others) = decision.commit, targets
    return (
        Write("POST", "/sources", "ask for a place to put the source"),
        Write("PUT", "(signed URL)", f"upload the tree of {commit.short}"),
        Write("POST", f"/apps/{first.app}/builds", f"build {commit.short}"),
        *slug_release.writes(decision, others),
    )


def take(
    run: Run, decision: Decision, targets: Sequence[TargetState], fence: Fence
) -> tuple[Landing, ...]:
    """Build on the first target, and release that very artifact on the others.

    Where the build fails, the others are not begun: they have no landing.
    """
    first, *others = targets
    landed = _build_on(run, decision, first, fence)
    if landed.error is not None or landed.artifact is None or not others:
        return (landed,)
    built = decision.with_built(first.app, landed.artifact)
    return (landed, *slug_release.take(run, built, others, fence))


def _build_on(run: Run, decision: Decision, target: TargetState, fence: Fence) -> Landing:
    app, before = target.app, target.current
    try:
        commit = run.clone.resolve(decision.commit.sha)
        proven = (decision.facts.archives or {}).get(commit.sha)
        built, released = build(run, app, commit, fence, proven)
        demand_success(released)
    except AcceleratorError as error:  # what other waves did is still told
        return Landing(app, Route.BUILD, before, error=error)
    if built.artifact is None:
        without = PromotionFailed(app, "the build left no artifact")
        return Landing(app, Route.BUILD, before, error=without)
    held = _read_built(run, app, built.artifact)
    if not target.has_code:
        try:
            fence.admit(target, held)
        except Refused:
            nothing = NothingToRun(app, built.id)
            return Landing(app, Route.BUILD, before, held, released.id, error=nothing)
    if isinstance(held, Artifact) and (lost := find_lost(held.process_types, target.fit)):
        said = f"{app} ran {', '.join(lost)}, which the build that was just released does not have"
        run.events.note(said, "warning")
    return Landing(app, Route.BUILD, before, held, released.id)


def _read_built(run: Run, app: str, ref: ArtifactRef) -> Artifact | ArtifactRef:
    """Read what a build left, for the report: nothing fails when that cannot be read."""
    with suppress(AcceleratorError), run.events.brief(StepName.LOOK, app):
        return find_artifact(run.heroku, app, ref) or ref
    return ref


def build(
    run: Run, app: str, commit: Commit, fence: Fence, proven: frozenset[str] | None = None
) -> tuple[Build, Release]:
    """Build `commit` on `app` the ordinary way and follow it until its release has ended.

    One that runs is joined; with `proven` only if its source has one of these checksums. The
    release's status is the caller's to judge: a failed release command on a prepare app does not
    spoil the artifact. Raises `BuildFailed`, or `OutcomeUnknown` when no release shows up.
    """
    with run.events.brief(StepName.LOOK, app):
        started = _find_running(run, app, commit, proven)
    if started is None:
        started = start_build(run, app, commit, fence)
    else:
        with run.events.brief(StepName.GUARD, app):
            fence.demand([app])  # it releases in our name
    title, limit = f"Build {commit.short} on {app}", run.waits.build
    with run.events.step(StepName.BUILD, title, app, limit) as step:
        finished = follow_build(run, started, step.tell)
        released = find_release_of_build(run, finished, step.tell)
    if released is None:
        raise OutcomeUnknown(
            f"the build on {app} succeeded but no release of it appeared",
            f"look with `heroku releases -a {app}`, then run this again",
        )
    return finished, released


def start_build(run: Run, app: str, commit: Commit, fence: Fence) -> Build:
    """Archive, upload and start a build of `commit` on `app`; the full sha is its version.

    The archive's checksum goes with it: the platform builds these bytes or none, and anybody can
    tell later which source was built. Raises `SourceDiffers` when it says another one.
    """
    with tempfile.TemporaryFile(prefix="accelerator-") as spool:
        with run.events.step(StepName.ARCHIVE, f"Archive {commit.short}", app) as step:
            packed = run.clone.archive(commit, cast("BinaryIO", spool))
            step.detail = f"{packed.size / 1e6:.1f} MB"
        with run.events.step(StepName.UPLOAD, "Upload the source", app):
            spool.seek(0)
            blob = run.heroku.sources.create()
            run.heroku.sources.upload(blob, cast("BinaryIO", spool), packed.size)
    run.refuse_if_stopping()
    with run.events.brief(StepName.GUARD, app):
        fence.demand([app])
    begun, said = run.heroku.moment(), commit.subject or commit.short
    again = pass_again(run, fence, [app])
    try:
        with (
            run.events.brief(StepName.UPLOAD, app),
            run.under_way.beginning(f"the build on {app}"),
        ):
            started = run.heroku.builds.create(app, blob, commit.sha, said, packed.checksum, again)
    except OutcomeUnknown:
        found = find_build(run, app, commit.sha, packed.checksum, begun)
        if found is None:
            raise
        return found
    if started.checksum not in {None, packed.checksum}:
        raise SourceDiffers(app, started.id, packed.checksum, started.checksum or "")
    return started


def _find_running(
    run: Run, app: str, commit: Commit, proven: frozenset[str] | None
) -> Build | None:
    """Find a build of the commit that an earlier run started here: it is joined, not repeated."""
    builds = run.heroku.builds.fetch_newest(app, 20)
    running = (build for build in builds if build.is_running_of(commit.sha))
    return next((each for each in running if proven is None or each.checksum in proven), None)
