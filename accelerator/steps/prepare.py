"""Prepare a commit: build it on a prepare app, beside the tests; unless that is done already."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from accelerator.errors import AcceleratorError, BuildFailed, OutcomeUnknown
from accelerator.events import LogLine
from accelerator.models import PushOutcome
from accelerator.steps.compare.reading import find_artifact
from accelerator.steps.follow.builds_and_releases import find_release_of_build, follow_build
from accelerator.steps.route.build import Source, start_build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accelerator.models import Artifact, Build, Commit
    from accelerator.steps.report import PrepareReport
    from accelerator.steps.run import Run

    Start = Callable[[Run, str, Commit], Build]


class Pusher(Protocol):
    """Pushes a commit to an app's Heroku git repository; credentials stay out of sight."""

    def __call__(self, app: str, commit: Commit, on_line: Callable[[str], None]) -> PushOutcome:
        """Push `commit` to main, whatever is there."""


@dataclass(frozen=True, slots=True)
class PrepareOrder:
    """What to prepare: ``apps`` are a pool, of which a free one is taken.

    ``start`` starts a build there (see `from_source` and `by_push`). ``is_superseded`` says whether
    a commit is older than ours; its running build is cancelled then. None cancels nothing.
    """

    commit: Commit
    apps: tuple[str, ...]
    start: Start
    strategy: str = "source"
    is_superseded: Callable[[str], bool] | None = None


def prepare(run: Run, order: PrepareOrder, report: PrepareReport) -> PrepareReport:
    """Have `order.commit` built on an app of the pool, and follow it to the end.

    Nothing is built that is built: an artifact of the commit is found, a running build of it is
    joined. A release command that fails on the prepare app is reported, not raised: the artifact is
    sound. Raises `BuildFailed`, or `OutcomeUnknown` at a deadline.
    """
    commit = report.commit = order.commit
    report.strategy = order.strategy
    with run.events.step("look", f"Look for {commit.short} on {', '.join(order.apps)}") as step:
        pages = dict(zip(order.apps, _fetch_pages(run, order.apps), strict=True))
        known = _find_usable(run, commit, pages)
        report.app = known.app_name if known else choose_app(pages)
        step.detail = _say(known)
    _cancel_superseded(run, order, pages)
    report.reused = known is not None
    report.build = known or order.start(run, report.app, commit)
    if report.build.status == "pending" or report.build.release_id is None:
        with run.events.step("build", f"Build {commit.short} on {report.app}") as step:
            report.build = follow_build(run, report.build)
            report.release = find_release_of_build(run, report.build)
            step.detail = _describe(report)
    else:
        report.release = run.heroku.releases.fetch(report.app, report.build.release_id)
    return _finish(run, report)


def from_source(source: Source) -> Start:
    """Start builds from an archive of exactly the commit's tree."""
    return lambda run, app, commit: start_build(run, app, source, commit)


def by_push(pusher: Pusher) -> Start:
    """Start builds by a git push, which lasts as long as the build.

    When the app's git repository holds the commit already, git sends nothing and the newest build
    of it counts.
    """

    def start(run: Run, app: str, commit: Commit) -> Build:
        with run.events.step("push", f"Push {commit.short} to {app}"):
            said = f"build {app}"
            pushed = pusher(app, commit, lambda line: run.events.emit(LogLine(said, line)))
        page = run.heroku.builds.fetch_newest(app)
        built = next(iter(find_known(commit, {app: page}, failed_too=True)), None)
        if pushed not in {PushOutcome.PUSHED, PushOutcome.UP_TO_DATE}:
            raise BuildFailed(app, built.id if built else "of the push")
        if built is None:
            raise OutcomeUnknown(
                f"{app} has {commit.short} in git but no build of it",
                "use --strategy source, which builds without moving the git repository",
            )
        return built

    return start


def find_known(
    commit: Commit, pages: dict[str, tuple[Build, ...]], *, failed_too: bool = False
) -> tuple[Build, ...]:
    """Find the builds of the commit, best first: succeeded ones, then running ones; pure."""
    wanted = ("succeeded", "pending", *(("failed",) if failed_too else ()))
    builds = (build for page in pages.values() for build in page if build.commit == commit.sha)
    known = (build for build in builds if build.status in wanted)
    return tuple(sorted(known, key=lambda build: wanted.index(build.status)))


def choose_app(pages: dict[str, tuple[Build, ...]]) -> str:
    """Choose the app with the fewest running builds, the first named one among equals; pure."""
    return min(pages, key=lambda app: sum(build.status == "pending" for build in pages[app]))


def find_superseded(
    pages: dict[str, tuple[Build, ...]], is_older: Callable[[str], bool]
) -> tuple[Build, ...]:
    """Find running builds of commits that ours contains; pure but for what it asks."""
    return tuple(
        build
        for page in pages.values()
        for build in page
        if build.status == "pending" and build.commit and is_older(build.commit)
    )


def _fetch_pages(run: Run, apps: Iterable[str]) -> tuple[tuple[Build, ...], ...]:
    return run.heroku.together(*(partial(run.heroku.builds.fetch_newest, app) for app in apps))


def _find_usable(run: Run, commit: Commit, pages: dict[str, tuple[Build, ...]]) -> Build | None:
    """Find a build that runs, or whose artifact is still there: artifacts expire."""
    for known in find_known(commit, pages):
        artifact = _fetch_artifact(run, known)
        if known.status == "pending" or (artifact is not None and artifact.deleted_at is None):
            return known
    return None


def _cancel_superseded(run: Run, order: PrepareOrder, pages: dict[str, tuple[Build, ...]]) -> None:
    if order.is_superseded is None:
        return
    for build in find_superseded(pages, order.is_superseded):
        try:
            run.heroku.builds.cancel(build.app_name, build.id)
            run.events.note(f"cancelled the build of {(build.commit or '')[:8]}: it is superseded")
        except AcceleratorError as error:  # it may just have ended
            run.events.note(f"build {build.id} was not cancelled: {error.message}", "detail")


def _finish(run: Run, report: PrepareReport) -> PrepareReport:
    if report.release is not None and report.release.status != "succeeded":
        run.events.note(
            f"the release command of v{report.release.version} on {report.app} "
            f"{report.release.status}; the build is sound and can still be released",
            "warning",
        )
    report.artifact = _fetch_artifact(run, report.build) if report.build else None
    return report


def _fetch_artifact(run: Run, build: Build) -> Artifact | None:
    return find_artifact(run.heroku, build.app_name, build.artifact) if build.artifact else None


def _say(known: Build | None) -> str:
    if known is None:
        return "not built yet"
    return "being built: joined" if known.status == "pending" else "built already"


def _describe(report: PrepareReport) -> str:
    return f"v{report.release.version}" if report.release else "built, not released"
