"""Prepare a commit: build it on the prepare app, beside the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from accelerator.errors import BuildFailed, NotFound, OutcomeUnknown
from accelerator.events import LogLine
from accelerator.models import ArtifactKind
from accelerator.repository import PushOutcome
from accelerator.steps.build import Source, start_build
from accelerator.steps.follow import find_release_of_build, follow_build

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Artifact, Build, Commit
    from accelerator.steps.report import PrepareReport
    from accelerator.steps.run import Run


class Pusher(Protocol):
    """Pushes a commit to an app's Heroku git repository; credentials stay out of sight."""

    def __call__(self, app: str, commit: Commit, on_line: Callable[[str], None]) -> PushOutcome:
        """Push `commit` to main, whatever is there."""


def prepare(run: Run, source: Source, commit: Commit, report: PrepareReport) -> PrepareReport:
    """Build `commit` on the prepare app from an archive of its tree, and follow it to the end.

    A release command that fails on the prepare app is reported, not raised: the artifact is sound.
    Raises `BuildFailed`, or `OutcomeUnknown` at a deadline.
    """
    report.commit, report.strategy = commit, "source"
    report.build = start_build(run, report.app, source, commit)
    with run.events.step("build", f"Build {commit.short} on {report.app}") as step:
        report.build = follow_build(run, report.build)
        report.release = find_release_of_build(run, report.build)
        step.detail = _describe(report)
    return _finish(run, report)


def prepare_by_push(
    run: Run, pusher: Pusher, commit: Commit, report: PrepareReport
) -> PrepareReport:
    """Build `commit` on the prepare app by a git push; the push lasts as long as the build.

    When the app's git repository holds the commit already, git sends nothing and the newest build
    of it counts.
    """
    report.commit, report.strategy = commit, "git"
    with run.events.step("push", f"Push {commit.short} to {report.app}") as step:
        said = f"build {report.app}"
        pushed = pusher(report.app, commit, lambda line: run.events.emit(LogLine(said, line)))
        report.build = _find_build(run, report.app, commit)
        if pushed not in {PushOutcome.PUSHED, PushOutcome.UP_TO_DATE}:
            raise BuildFailed(report.app, report.build.id if report.build else "of the push")
        if report.build is None:
            raise OutcomeUnknown(
                f"{report.app} has {commit.short} in git but no build of it",
                "use --strategy source, which builds without moving the git repository",
            )
        report.build = follow_build(run, report.build)
        report.release = find_release_of_build(run, report.build)
        step.detail = _describe(report)
    return _finish(run, report)


def _find_build(run: Run, app: str, commit: Commit) -> Build | None:
    """Find the newest build of the commit, a succeeded one first."""
    builds = [build for build in run.heroku.builds.fetch_newest(app) if build.commit == commit.sha]
    good = [build for build in builds if build.status != "failed"]
    return next(iter(good or builds), None)


def _finish(run: Run, report: PrepareReport) -> PrepareReport:
    if report.release is not None and report.release.status != "succeeded":
        run.events.note(
            f"the release command of v{report.release.version} on {report.app} "
            f"{report.release.status}; the build is sound and can still be released",
            "warning",
        )
    report.artifact = _fetch_artifact(run, report)
    return report


def _fetch_artifact(run: Run, report: PrepareReport) -> Artifact | None:
    ref = report.build.artifact if report.build else None
    if ref is None or ref.kind is not ArtifactKind.SLUG:
        return None
    try:
        return run.heroku.slugs.fetch(report.app, ref.id)
    except NotFound:
        return None


def _describe(report: PrepareReport) -> str:
    return f"v{report.release.version}" if report.release else "built, not released"
