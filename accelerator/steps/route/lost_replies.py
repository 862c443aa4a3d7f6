"""Find out what became of a write whose reply was lost: it happened, or nobody can tell yet.

Nothing here writes. A write is never repeated blindly: Heroku has no idempotency keys and lists no
promotions, so the traces a write leaves (releases, builds) are watched for instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from accelerator.models import StepName
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from accelerator.models import ArtifactRef, Build, Release
    from accelerator.steps.compare.states import TargetState
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

    title = f"The reply was lost: look at {trace.app}"
    with run.events.step(StepName.RECONCILE, title, trace.app) as step:
        found = _watch(run, look)
        step.detail = f"it made v{found.version}" if found else "nothing to be seen"
    return found


def find_build(run: Run, app: str, sha: str, checksum: str, since: datetime) -> Build | None:
    """Watch for the build of a write whose reply was lost; one of another source is not it."""
    begun = since - timedelta(seconds=5)  # clocks with whole seconds

    def look() -> Build | None:
        for build in run.heroku.builds.fetch_newest(app, 20):
            is_ours = build.commit == sha and build.checksum in {None, checksum}
            if is_ours and build.created_at >= begun:
                return build
        return None

    title = f"The reply was lost: look at {app}"
    with run.events.step(StepName.RECONCILE, title, app) as step:
        found = _watch(run, look)
        step.detail = f"it started build {found.id}" if found else "nothing to be seen"
    return found


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
