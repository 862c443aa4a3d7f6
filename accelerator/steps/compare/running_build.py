"""Wait for the build of this very commit: join the one that runs, or wait for it to appear.

A build that takes far longer than those before it is taken for stuck. It is never cancelled: the
decision is made again as if it had failed, and it may still end well for the next deploy.
"""

from __future__ import annotations

import statistics
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from accelerator.errors import AcceleratorError, BuildFailed, OutcomeUnknown
from accelerator.models import StepName
from accelerator.steps.compare.same_source import is_build_of, with_archives
from accelerator.steps.follow.builds_and_releases import find_release_of_build, follow_build
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from accelerator.models import Build
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.wanted import Wanted
    from accelerator.steps.run import Run

LEAST_SECONDS = 30.0
SHORT_BUILD_SECONDS = 120.0
PATIENCE = 3.0


def join(run: Run, building: Build, facts: Facts) -> Build:
    """Follow a running build and its release to the end; return the build as it ended.

    One that takes three times as long as those before it did is taken for stuck and returned as
    failed: the caller decides again, without it. Raises `OutcomeUnknown` at the run's own deadline.
    """
    limit = max(LEAST_SECONDS, patience(facts) - age(run, building))
    is_last = run.deadline.remaining <= limit  # there is no time for another way
    hurried = replace(run, deadline=run.deadline.within(limit))
    title = f"Join the build that runs on {building.app_name}"
    with run.events.step(StepName.WAIT, title, building.app_name, limit) as step:
        try:
            finished = follow_build(hurried, building, step.tell)
        except BuildFailed:
            step.outcome, step.detail = "failed", "the build failed"
            return replace(building, status="failed")
        except OutcomeUnknown:
            if is_last:
                raise
            step.outcome, step.detail = "failed", f"not done after {limit:.0f} s"
            return replace(building, status="failed")
        with suppress(OutcomeUnknown):  # its release command hangs: the artifact is sound
            find_release_of_build(hurried, finished, step.tell)
    return finished


def join_twin(
    run: Run,
    ours: Build,
    seen: Mapping[str, Sequence[Build]],
    proven: frozenset[str] | None = None,
) -> Build | None:
    """Find a build of the commit that somebody began just before ours, and cancel ours for it.

    `seen` are the builds of each app as they were before ours was started. Whoever comes to choose
    between the same two takes the older one, so nobody else waits for ours. With `proven` the other
    one's source must have one of these checksums.
    """
    pages = run.heroku.together(*(partial(run.heroku.builds.fetch_newest, app) for app in seen))
    twin = find_twin(ours, [each for page in pages for each in page], seen, proven)
    if twin is None:
        return None
    how = "joined" if twin.status == "pending" else "taken"
    run.events.note(f"build {twin.id} of the same commit began just before ours: it is {how}")
    try:
        run.heroku.builds.cancel(ours.app_name, ours.id)
    except AcceleratorError as error:  # it is built twice then, which costs time and harms nobody
        run.events.note(f"build {ours.id} was not cancelled: {error.message}", "detail")
    return twin


def find_twin(
    ours: Build,
    listed: Iterable[Build],
    seen: Mapping[str, Sequence[Build]],
    proven: frozenset[str] | None,
) -> Build | None:
    """Find the oldest build of our commit that is older than ours and was not seen; pure.

    It runs, or has succeeded meanwhile: a quick one may end before ours is started. One that was
    seen before was not good enough.
    """
    known = {each.id for page in seen.values() for each in page}
    twins = (
        each
        for each in listed
        if each.status in {"pending", "succeeded"}
        and each.commit == ours.commit
        and each.id not in known
        and (proven is None or each.checksum in proven)
        and order_of(each) < order_of(ours)
    )
    return min(twins, key=order_of, default=None)


def order_of(build: Build) -> tuple[datetime, str]:
    """Return what builds are put in order by, the same for everybody, also within one second."""
    return build.created_at, build.id


def age(run: Run, build: Build) -> float:
    """Return how long a build has been running, by the platform's clock, in seconds."""
    return max(0.0, (run.heroku.moment() - build.created_at).total_seconds())


def patience(facts: Facts) -> float:
    """Return how long a build may take, judged by what earlier ones took, in seconds."""
    took = [b.seconds for s in facts.sources for b in s.builds if b.status == "succeeded"]
    known = [seconds for seconds in took if seconds is not None]
    if not known:
        return 30 * 60.0
    return max(SHORT_BUILD_SECONDS, PATIENCE * statistics.median(known))


def wait_for_build(run: Run, wanted: Wanted) -> bool:
    """Wait until a build of the commit appears on a prepare app; False when none does in time.

    Where the same source counts, a build of that does as well.
    """
    commit = wanted.commit
    apps = tuple(source.app for source in wanted.sources if source.is_prepare)

    seconds = wanted.wait_seconds
    limit = run.deadline.within(seconds)

    def look() -> bool:
        step.tell(f"waiting for a build of {commit.short} to appear, {limit.left} left")
        reads = [lambda app=app: run.heroku.builds.fetch_newest(app) for app in apps]
        builds = [build for page in run.heroku.together(*reads) for build in page]
        shas = frozenset({commit.sha, *(build.commit for build in builds if build.commit)})
        told = run.clone.read_inputs(shas) if wanted.same_tree else None
        inputs = with_archives(told, commit.sha, run.clone.checksums) if told else None
        return any(is_build_of(build, commit.sha, inputs) for build in builds)

    title = f"Wait for a build of {commit.short} to appear"
    with run.events.step(StepName.WAIT, title, limit=seconds) as step:
        try:
            return wait_for(look, bool, limit, run.heroku.pace)
        except StillPending:
            step.outcome, step.detail = "failed", "none appeared"
            return False
