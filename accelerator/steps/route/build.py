"""Build a commit from a source blob: an archive of exactly its tree, no history needed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from accelerator.errors import Interrupted, OutcomeUnknown
from accelerator.steps.follow.builds_and_releases import find_release_of_build, follow_build
from accelerator.steps.route.lost_replies import find_build

if TYPE_CHECKING:
    from accelerator.models import Build, Commit, Release
    from accelerator.steps.run import Run


class TreeSource(Protocol):
    """The local repository."""

    def archive(self, commit: Commit, to: BinaryIO, folder: str | None = None) -> int:
        """Write a compressed tar of the commit's tree, or of one folder of it."""


class Source(Protocol):
    """Where a commit's tree comes from (the local repository)."""

    def archive(self, commit: Commit, to: BinaryIO) -> int:
        """Write a compressed tar of exactly the commit's tree; gives its size in bytes."""


@dataclass(frozen=True, slots=True)
class Subtree:
    """A folder of the commit as the source: the commit stays the one that is named."""

    whole: TreeSource
    folder: str | None = None

    def archive(self, commit: Commit, to: BinaryIO) -> int:
        """Write a compressed tar of the folder's files, with paths from the folder."""
        return self.whole.archive(commit, to, self.folder)


def start_build(run: Run, app: str, source: Source, commit: Commit) -> Build:
    """Archive, upload and start a build of `commit` on `app`; the full sha is its version."""
    with tempfile.TemporaryFile(prefix="accelerator-") as spool:
        with run.events.step("archive", f"Archive {commit.short}") as step:
            size = source.archive(commit, cast("BinaryIO", spool))
            step.detail = f"{size / 1e6:.1f} MB"
        with run.events.step("upload", "Upload the source"):
            spool.seek(0)
            blob = run.heroku.sources.create(app)
            run.heroku.sources.upload(blob, cast("BinaryIO", spool), size)
    if run.stop.is_set():
        raise Interrupted
    begun = run.heroku.moment()
    try:
        return run.heroku.builds.create(app, blob, commit.sha, commit.subject or commit.short)
    except OutcomeUnknown:
        found = find_build(run, app, commit.sha, begun)
        if found is None:
            raise
        return found


def build(run: Run, app: str, source: Source, commit: Commit) -> tuple[Build, Release]:
    """Build `commit` on `app` the ordinary way and follow it until its release has ended.

    The release's status is the caller's to judge: a failed release command on a prepare app does
    not spoil the artifact. Raises `BuildFailed`, or `OutcomeUnknown` when no release shows up.
    """
    started = _find_running(run, app, commit) or start_build(run, app, source, commit)
    with run.events.step("build", f"Build {commit.short} on {app}"):
        finished = follow_build(run, started)
        released = find_release_of_build(run, finished)
    if released is None:
        raise OutcomeUnknown(
            f"build {finished.id} on {app} succeeded but no release of it appeared",
            f"look with `heroku releases -a {app}`, then run this again",
        )
    return finished, released


def _find_running(run: Run, app: str, commit: Commit) -> Build | None:
    """Find a build of the commit that an earlier run started here: it is joined, not repeated."""
    builds = run.heroku.builds.fetch_newest(app, 20)
    return next((b for b in builds if b.status == "pending" and b.commit == commit.sha), None)
