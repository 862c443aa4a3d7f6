"""Find out what became of a write whose reply was lost: it happened, or nobody can tell yet.

Nothing here writes. A write is never repeated blindly: Heroku has no idempotency keys and lists no
promotions, so the traces a write leaves (releases, builds) are watched for instead.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from accelerator.errors import BuildFailed, NotFound, OutcomeUnknown, RequestInvalid
from accelerator.steps.follow.builds_and_releases import find_release_of_build, follow_build
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from accelerator.models import ArtifactRef, Build, Release
    from accelerator.steps.compare.facts import TargetState
    from accelerator.steps.guard.notes import LockNote
    from accelerator.steps.run import Run

Trail = TypeVar("Trail")


@dataclass(frozen=True, slots=True)
class Trace:
    """What to look for on a target: a release newer than `after`, of this artifact."""

    app: str
    after: int
    artifact: ArtifactRef


def trace_of(target: TargetState, artifact: ArtifactRef) -> Trace:
    """Describe the release that a write to a target would leave."""
    newest = max((release.version for release in target.releases), default=0)
    return Trace(target.app, newest, artifact)


def find_release(run: Run, trace: Trace) -> Release | None:
    """Watch for the release of a write whose reply was lost; None when none shows up in time."""

    def look() -> Release | None:
        for release in run.heroku.releases.fetch_newest(trace.app, 20):
            if release.version > trace.after and release.artifact == trace.artifact:
                return release
        return None

    with run.events.step("reconcile", f"The reply was lost: look at {trace.app}") as step:
        found = _watch(run, look)
        step.detail = f"it made v{found.version}" if found else "nothing to be seen"
    return found


def find_build(run: Run, app: str, sha: str, since: datetime) -> Build | None:
    """Watch for the build of a write whose reply was lost."""
    begun = since - timedelta(seconds=5)  # clocks with whole seconds

    def look() -> Build | None:
        for build in run.heroku.builds.fetch_newest(app, 20):
            if build.commit == sha and build.created_at >= begun:
                return build
        return None

    with run.events.step("reconcile", f"The reply was lost: look at {app}") as step:
        found = _watch(run, look)
        step.detail = f"it started build {found.id}" if found else "nothing to be seen"
    return found


def wait_out(run: Run, note: LockNote) -> None:
    """Give the last holder's unfinished write the time it may need to show itself.

    Called with the lock in hand, before the target is read again: what was begun by a job that was
    killed or cut off must be visible before anything is decided. It may have been begun in the
    holder's last moment.
    """
    run.events.note(f"the deploy before this one was cut short: {note.describe()}", "warning")
    _see_through(run, note)
    left = run.waits.traces - (run.heroku.moment() - note.last_seen_at).total_seconds()
    if left > 0:
        run.deadline.clock.sleep(min(left, run.deadline.remaining))


def _see_through(run: Run, note: LockNote) -> None:
    """Wait for the end of the promotion that was begun; raises `OutcomeUnknown` at the deadline."""
    promotion = note.promotion
    if promotion is None:
        return
    with (
        suppress(NotFound, RequestInvalid),
        run.events.step("reconcile", f"Let the promotion to {note.app} end") as step,
    ):
        try:
            ends = wait_for(
                lambda: run.heroku.promotions.fetch_targets(promotion),
                lambda seen: bool(seen) and all(end.status != "pending" for end in seen),
                run.deadline.within(run.waits.promotion),
                run.heroku.pace,
            )
        except StillPending:
            raise OutcomeUnknown(
                f"promotion {promotion} to {note.app}, begun by an earlier run, is still pending",
                "run the same command again later: it is not asked for twice",
            ) from None
        step.detail = ", ".join(sorted({end.status for end in ends}))


def let_builds_end(run: Run, app: str) -> None:
    """Follow what still builds on a target after a deploy there was cut short.

    It releases when it is done, over whatever was released meanwhile: so nothing is, until then.
    """
    for build in run.heroku.builds.fetch_newest(app, 20):
        if build.status != "pending":
            continue
        with run.events.step("reconcile", f"Let the build that runs on {app} end") as step:
            step.detail = (build.commit or "")[:8]
            with suppress(BuildFailed):
                find_release_of_build(run, follow_build(run, build))


def _watch(run: Run, look: Callable[[], Trail | None]) -> Trail | None:
    try:
        return wait_for(
            look,
            lambda seen: seen is not None,
            run.deadline.within(run.waits.traces),
            run.heroku.pace,
        )
    except StillPending:
        return None
