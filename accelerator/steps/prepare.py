"""Prepare a commit: build it on a prepare app, beside the tests; unless that is done already."""

from __future__ import annotations

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
from accelerator.steps.compare.lookups import find_artifact_of
from accelerator.steps.compare.pool import (
    choose_app,
    fetch_pages,
    find_known,
    find_superseded,
    find_usable,
    read_inputs,
)
from accelerator.steps.compare.running_build import join_twin
from accelerator.steps.compare.same_source import find_same
from accelerator.steps.follow.builds_and_releases import find_release_of_build, follow_build
from accelerator.steps.follow.logs import showing_push
from accelerator.steps.route.build import start_build
from accelerator.steps.route.landing import NoFence

if TYPE_CHECKING:
    from accelerator.models import Build, Commit, Release
    from accelerator.steps.compare.pool import Pages
    from accelerator.steps.compare.same_source import Inputs, SameSource
    from accelerator.steps.report import PrepareReport
    from accelerator.steps.run import Run


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
        pages = fetch_pages(run, order.apps)
        inputs = read_inputs(run, order.commit, pages) if order.same_tree else None
        known = find_usable(
            run,
            order.commit,
            pages,
            inputs,
            verify_source=order.verify_source,
            build_config=order.build_config,
        )
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


def _title(order: PrepareOrder) -> str:
    return f"Look for {order.commit.short} on {', '.join(order.apps)}"


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
        artifact = find_artifact_of(run.heroku, build)
    report.left(artifact)
    if artifact is not None and artifact.process_types is not None and not artifact.process_types:
        raise NothingToRun(build.app_name, build.id)


def _describe_known(known: Build | None) -> str:
    if known is None:
        return "not built yet"
    return "being built: joined" if known.status == "pending" else "built already"
