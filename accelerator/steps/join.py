"""Wait for the build of this very commit: join the one that runs, or wait for it to appear."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from accelerator.errors import BuildFailed, OutcomeUnknown
from accelerator.steps.follow import find_release_of_build, follow_build
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from accelerator.models import Build, Commit
    from accelerator.steps.known import Facts
    from accelerator.steps.run import Run

LEAST_SECONDS = 120.0
PATIENCE = 3.0


def join(run: Run, building: Build, facts: Facts) -> bool:
    """Follow a running build and its release to the end; False when it fails or takes for ever.

    A build that takes three times as long as those before it did is taken for stuck: the caller
    decides again, without it.
    """
    limit = patience(facts)
    with run.events.step("wait", f"Join the build that runs on {building.app_name}") as step:
        try:
            finished = follow_build(run, building, limit)
            find_release_of_build(run, finished)
        except BuildFailed:
            step.outcome, step.detail = "failed", "the build failed"
            return False
        except OutcomeUnknown:
            if run.deadline.remaining <= 0:
                raise
            step.outcome, step.detail = "failed", f"not done after {limit:.0f} s"
            return False
    return True


def patience(facts: Facts) -> float:
    """Give how long a build may take, judged by what earlier ones took, in seconds."""
    took = [b.seconds for s in facts.sources for b in s.builds if b.status == "succeeded"]
    known = [seconds for seconds in took if seconds is not None]
    return max(LEAST_SECONDS, PATIENCE * statistics.median(known)) if known else 30 * 60.0


def wait_for_build(run: Run, commit: Commit, apps: tuple[str, ...], seconds: float) -> bool:
    """Wait until a build of the commit appears on one of the apps, whatever its state."""

    def look() -> bool:
        reads = [lambda app=app: run.heroku.builds.fetch_newest(app) for app in apps]
        pages = run.heroku.together(*reads)
        return any(build.commit == commit.sha for page in pages for build in page)

    with run.events.step("wait", f"Wait for a build of {commit.short} to appear") as step:
        try:
            return wait_for(look, bool, run.deadline.within(seconds), run.heroku.pace)
        except StillPending:
            step.outcome, step.detail = "failed", "none appeared"
            return False
