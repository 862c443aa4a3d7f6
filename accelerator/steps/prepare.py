"""Prepare a commit: build it on a prepare app, beside the tests; unless that is done already."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from accelerator.errors import (
    AcceleratorError,
    BuildFailed,
    NothingToRun,
    OutcomeUnknown,
    UsageProblem,
)
from accelerator.lines import last_words
from accelerator.models import PushOutcome, StepName, Strategy
from accelerator.steps.compare.fingerprints import Declared
from accelerator.steps.compare.lookups import find_artifact
from accelerator.steps.compare.outdated import find_outdated
from accelerator.steps.compare.running_build import join_twin
from accelerator.steps.compare.same_source import find_same, is_build_of, with_archives
from accelerator.steps.follow.builds_and_releases import find_release_of_build, follow_build
from accelerator.steps.follow.logs import showing_push
from accelerator.steps.route.build import start_build
from accelerator.steps.route.landing import NoFence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accelerator.models import Artifact, Build, Commit, Release
    from accelerator.steps.compare.same_source import Inputs, SameSource
    from accelerator.steps.report import PrepareReport
    from accelerator.steps.run import Run

    Pages = dict[str, tuple[Build, ...]]  # the newest builds of each app of the pool


@dataclass(frozen=True, slots=True)
class PrepareOrder:
    """What to prepare: ``apps`` are a pool, of which a free one is taken.

    With ``cancels_superseded`` running builds of commits that ours contains are cancelled. With
    ``verify_source`` only a build of the commit's own archive counts as built. With ``same_tree``
    what was built from the same source counts as well. ``build_config`` names config vars that
    shape the build: what was built with other values is built anew.
    """

    commit: Commit
    apps: tuple[str, ...]
    strategy: Strategy = Strategy.SOURCE
    cancels_superseded: bool = False
    verify_source: bool = False
    same_tree: bool = False
    build_config: tuple[str, ...] = ()


def refuse_unusable(run: Run, order: PrepareOrder) -> None:
    """Raise where the strategy cannot work from this clone, before anything is done.

    A push carries the whole commit, needs its history, and leaves no checksum.
    """
    if order.strategy is Strategy.SOURCE:
        return
    if order.verify_source:
        raise UsageProblem(
            "--verify-source needs the source strategy: the build of a push has no checksum",
            "leave out --strategy git",
        )
    run.clone.repository().demand_history()
    if run.clone.folder:
        raise UsageProblem(
            "--subdir needs the source strategy: a push carries the whole commit",
            "leave out --strategy git",
        )


def prepare(run: Run, order: PrepareOrder, report: PrepareReport) -> None:
    """Have `order.commit` built on an app of the pool, and follow it to the end.

    Nothing is built that is built: an artifact of the commit is found, a running build of it is
    joined, also one that somebody begins at the same moment. What would come out otherwise by now
    is built anew. A release command that fails on the prepare app is reported, not raised: the
    artifact is sound. Raises `BuildFailed`, `NothingToRun`, or `OutcomeUnknown` at a deadline.
    """
    report.ordered(order.commit, order.strategy)
    refuse_unusable(run, order)
    with run.events.step(StepName.LOOK, _title(order)) as step:
        pages = dict(zip(order.apps, _fetch_pages(run, order.apps), strict=True))
        inputs = _read_inputs(run, order, pages)
        known = _find_usable(run, order, pages, inputs)
        app = known.app_name if known else choose_app(pages)
        step.detail = _describe_known(known)
    report.found(app, known, _same_source(order, known, inputs))
    _cancel_superseded(run, order, pages, known)

    build = known or _start(run, order, app, report)
    with run.events.brief(StepName.LOOK, app):
        twin = _find_twin(run, order, build, pages) if known is None else None
    if twin is not None:
        report.found(twin.app_name, twin)
        build = twin
    report.building(build)
    is_shown = known is not None or order.strategy is Strategy.GIT  # a push showed its log
    build, release = _follow(run, order.commit, build, report, is_shown=is_shown)
    report.released(release)
    _warn_of_failed_release(run, release)
    _take_artifact(run, build, report)


def find_known(
    commit: Commit, pages: Pages, inputs: Inputs = None, *, failed_too: bool = False
) -> tuple[Build, ...]:
    """Find the builds of the commit, best first: succeeded ones, then running ones; pure.

    With `inputs` those of the same source too, after those of the commit itself.
    """
    wanted = ("succeeded", "pending", *(("failed",) if failed_too else ()))
    builds = (build for page in pages.values() for build in page if build.status in wanted)
    known = (build for build in builds if is_build_of(build, commit.sha, inputs))
    return tuple(sorted(known, key=lambda b: (wanted.index(b.status), b.commit != commit.sha)))


def choose_app(pages: Pages) -> str:
    """Choose the app with the fewest running builds, the first named one among equals; pure."""
    return min(pages, key=lambda app: sum(build.status == "pending" for build in pages[app]))


def find_superseded(pages: Pages, is_older: Callable[[str], bool]) -> tuple[Build, ...]:
    """Find running builds of commits that ours contains; pure but for what it asks."""
    return tuple(
        build
        for page in pages.values()
        for build in page
        if build.status == "pending" and build.commit and is_older(build.commit)
    )


def _title(order: PrepareOrder) -> str:
    return f"Look for {order.commit.short} on {', '.join(order.apps)}"


def _fetch_pages(run: Run, apps: Iterable[str]) -> tuple[tuple[Build, ...], ...]:
    return run.heroku.together(*(partial(run.heroku.builds.fetch_newest, app) for app in apps))


def _read_inputs(run: Run, order: PrepareOrder, pages: Pages) -> Inputs:
    """Read what builds are made of, where what has the same source counts."""
    if not order.same_tree:
        return None
    built = {build.commit for page in pages.values() for build in page}
    inputs = run.clone.read_inputs(frozenset({order.commit.sha, *filter(None, built)}))
    return with_archives(inputs, order.commit.sha, run.clone.checksums)


def _find_usable(run: Run, order: PrepareOrder, pages: Pages, inputs: Inputs) -> Build | None:
    """Find a build that runs, or whose artifact is still there: artifacts expire."""
    for known in find_known(order.commit, pages, inputs):
        built = known.commit or order.commit.sha  # an archive has the time of its commit in it
        if order.verify_source and known.checksum not in run.clone.checksums(built):
            run.events.note(
                f"build {known.id} on {known.app_name} is not used: it is not proven to be of the "
                f"archive of {built[:8]}",
                "warning",
            )
            continue
        artifact = _find_artifact(run, known)
        if known.status != "pending" and (artifact is None or artifact.deleted_at is not None):
            continue
        page, declared = pages[known.app_name], Declared(order.build_config, os.urandom(16))
        if outdated := find_outdated(run, known, artifact, page, declared):
            said = f"build {known.id} on {known.app_name} is not used: {outdated}"
            run.events.note(said, "warning")
            continue
        return known
    return None


def _same_source(order: PrepareOrder, known: Build | None, inputs: Inputs) -> SameSource | None:
    if known is None:
        return None
    return find_same(inputs, order.commit.sha, known.commit, known, known.artifact)


def _cancel_superseded(run: Run, order: PrepareOrder, pages: Pages, joined: Build | None) -> None:
    if not order.cancels_superseded:
        return
    with run.events.brief(StepName.LOOK):
        superseded = find_superseded(pages, partial(run.clone.contains, order.commit.sha))
    for build in superseded:
        if build == joined:  # an older commit's, with the same source: it is what is wanted
            continue
        try:
            run.heroku.builds.cancel(build.app_name, build.id)
            run.events.note(f"cancelled the build of {(build.commit or '')[:8]}: it is superseded")
        except AcceleratorError as error:  # it may just have ended
            run.events.note(f"build {build.id} was not cancelled: {error.message}", "detail")


def _start(run: Run, order: PrepareOrder, app: str, report: PrepareReport) -> Build:
    if order.strategy is Strategy.SOURCE:
        return start_build(run, app, order.commit, NoFence())
    return _push(run, app, order.commit, report)


def _find_twin(run: Run, order: PrepareOrder, ours: Build, pages: Pages) -> Build | None:
    """Find the build that somebody began just before ours, and follow that: then ours is ended.

    A push lasts as long as its build, so there is nothing left to be ended after it.
    """
    if order.strategy is not Strategy.SOURCE:
        return None
    proven = run.clone.checksums(order.commit.sha) if order.verify_source else None
    return join_twin(run, ours, pages, proven)


def _push(run: Run, app: str, commit: Commit, report: PrepareReport) -> Build:
    """Start a build by a git push, which lasts as long as the build.

    When the app's git repository holds the commit already, git sends nothing and the newest build
    of it counts.
    """
    run.refuse_if_stopping()
    limit = run.waits.build
    with (
        run.events.step(StepName.PUSH, f"Push {commit.short} to {app}", app, limit) as step,
        run.under_way.lasting(f"the build of a push to {app}"),
        showing_push(run, app) as shown,
    ):
        step.tell("build running inside the push")
        pushed = run.clone.repository().push(
            commit.sha,
            run.git.url_of(app),
            key=run.git.key,
            on_line=shown.take,
            timeout_seconds=run.deadline.within(run.waits.build).remaining,
        )
    with run.events.brief(StepName.LOOK, app):
        page = run.heroku.builds.fetch_newest(app)
    if pushed not in {PushOutcome.PUSHED, PushOutcome.UP_TO_DATE}:
        failed = next((b for b in page if (b.commit, b.status) == (commit.sha, "failed")), None)
        if failed is not None:
            report.building(failed)
        shown.explain()
        raise BuildFailed(app, failed.id if failed else "of the push", said=last_words(shown.last))
    built = next(iter(find_known(commit, {app: page}, failed_too=True)), None)
    if built is None:
        raise OutcomeUnknown(
            f"{app} has {commit.short} in git but no build of it",
            "use --strategy source, which builds without moving the git repository",
        )
    return built


def _follow(
    run: Run, commit: Commit, build: Build, report: PrepareReport, *, is_shown: bool
) -> tuple[Build, Release | None]:
    """Follow a build and its release to the end; one that has ended is only read.

    What went well and ``is_shown`` need not show its log again.
    """
    app, is_done = build.app_name, build.status == "succeeded" and is_shown
    if is_done and build.release_id is not None:
        with run.events.brief(StepName.LOOK, app):
            return build, run.heroku.releases.fetch(app, build.release_id)
    title, limit = f"Build {commit.short} on {app}", run.waits.build
    with run.events.step(StepName.BUILD, title, app, limit) as step:
        try:
            ended = build if is_done else follow_build(run, build, step.tell)
        except BuildFailed:
            report.building(replace(build, status="failed"))
            raise
        report.building(ended)
        release = find_release_of_build(run, ended, step.tell)
        step.detail = f"v{release.version}" if release else "built, not released"
    return ended, release


def _warn_of_failed_release(run: Run, release: Release | None) -> None:
    if release is not None and release.status != "succeeded":
        run.events.note(
            f"the release command of v{release.version} on {release.app_name} "
            f"{release.status}; the build is sound and can still be released",
            "warning",
        )


def _take_artifact(run: Run, build: Build, report: PrepareReport) -> None:
    """Read what the build left; raises `NothingToRun` where that has no process type."""
    with run.events.brief(StepName.LOOK, build.app_name):
        artifact = _find_artifact(run, build)
    report.left(artifact)
    if artifact is not None and artifact.process_types is not None and not artifact.process_types:
        raise NothingToRun(build.app_name, build.id)


def _find_artifact(run: Run, build: Build) -> Artifact | None:
    return find_artifact(run.heroku, build.app_name, build.artifact) if build.artifact else None


def _describe_known(known: Build | None) -> str:
    if known is None:
        return "not built yet"
    return "being built: joined" if known.status == "pending" else "built already"
