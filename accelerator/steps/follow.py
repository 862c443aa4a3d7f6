"""Follow what the platform does to a terminal state: its log for eyes, its API for the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import BuildFailed, OutcomeUnknown, ReleaseFailed
from accelerator.events import LogLine
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from accelerator.models import Build, Release
    from accelerator.steps.run import Run
    from accelerator.waiting import Deadline


def follow_log(run: Run, url: str | None, source: str, deadline: Deadline) -> None:
    """Hand a build's or release command's output to the listeners until it ends."""
    if url is None:
        return
    for line in run.heroku.streams.follow(url, deadline=deadline):
        run.events.emit(LogLine(source, line))


def follow_build(run: Run, build: Build) -> Build:
    """Wait until a build succeeded; raises `BuildFailed`, or `OutcomeUnknown` at the deadline."""
    deadline = run.deadline.within(run.waits.build)
    app = build.app_name
    if build.status == "pending":
        follow_log(run, build.output_stream_url, f"build {app}", deadline)
    try:
        build = wait_for(
            lambda: run.heroku.builds.fetch(app, build.id),
            lambda seen: seen.status != "pending",
            deadline,
            run.heroku.pace,
        )
    except StillPending:
        raise OutcomeUnknown(
            f"build {build.id} on {app} still runs at the deadline",
            "run the same command again to join what is built by then",
        ) from None
    if build.status != "succeeded":
        raise BuildFailed(app, build.id)
    return build


def find_release_of_build(run: Run, build: Build) -> Release | None:
    """Wait for the release a succeeded build leads to, and for its end.

    A build that lost a race (another push moved the ref) never gets one: None after a minute.
    """
    deadline = run.deadline.within(min(60.0, run.waits.release_phase))
    app = build.app_name
    try:
        build = wait_for(
            lambda: run.heroku.builds.fetch(app, build.id),
            lambda seen: seen.release_id is not None,
            deadline,
            run.heroku.pace,
        )
    except StillPending:
        return None
    release = run.heroku.releases.fetch(app, str(build.release_id))
    return follow_release(run, release)


def follow_release(run: Run, release: Release) -> Release:
    """Wait until a release is no longer pending, showing its release command's output."""
    deadline = run.deadline.within(run.waits.release_phase)
    app = release.app_name
    if release.status == "pending":
        follow_log(run, release.output_stream_url, f"release {app}", deadline)
    try:
        return wait_for(
            lambda: run.heroku.releases.fetch(app, release.id),
            lambda seen: seen.status != "pending",
            deadline,
            run.heroku.pace,
        )
    except StillPending:
        raise OutcomeUnknown(
            f"the release command of v{release.version} on {app} still runs at the deadline",
            f"look with `heroku releases:info v{release.version} -a {app}`, then run this again",
        ) from None


def demand_success(release: Release) -> Release:
    """Raise `ReleaseFailed` for a release whose release command failed."""
    if release.status != "succeeded":
        raise ReleaseFailed(release.app_name, release.version)
    return release
