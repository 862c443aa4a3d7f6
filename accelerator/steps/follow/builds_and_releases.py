"""Follow what the platform does to a terminal state: its log for eyes, its API for the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from accelerator.errors import BuildFailed, NotFound, OutcomeUnknown, ReleaseFailed
from accelerator.events import say_nothing
from accelerator.steps.follow.logs import Logs
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.events import Tell
    from accelerator.models import Build, Release
    from accelerator.steps.run import Run
    from accelerator.waiting import Deadline

Pending = TypeVar("Pending", "Build", "Release")


def wait_for_end(
    run: Run,
    logs: Logs,
    deadline: Deadline,
    fetch: Callable[[], Pending],
    waits_on: Callable[[], bool] = lambda: False,
) -> Pending | None:
    """Ask until what the logs are about is over, and show them to their end.

    None at the deadline, unless it `waits_on`, which puts the deadline off.
    """
    ended = None
    while ended is None:
        try:
            ended = wait_for(
                fetch, lambda seen: seen.status != "pending", deadline, run.heroku.pace, logs.wake
            )
        except StillPending:
            if not waits_on():
                return None
    logs.drain(went_well=ended.status == "succeeded")
    return ended


def follow_build(run: Run, build: Build, tell: Tell = say_nothing) -> Build:
    """Wait until a build succeeded; raises `BuildFailed`, or `OutcomeUnknown` at the deadline."""
    deadline = run.deadline.within(run.waits.build)
    app, source = build.app_name, f"build {build.app_name}"
    with Logs(run, deadline) as logs:
        logs.follow(build.output_stream_url, source, may_be_silent=False)
        tell("build running")
        with run.under_way.lasting(f"the build on {app}"):
            ended = wait_for_end(
                run, logs, deadline, lambda: run.heroku.builds.fetch(app, build.id)
            )
        if ended is None:
            raise OutcomeUnknown(
                f"the build on {app} still runs at the deadline",
                "run the same command again to join what is built by then",
            )
        if ended.status != "succeeded":
            flaw = logs.explain(source, f"the last lines of the build on {app}")
            raise BuildFailed(app, ended.id, flaw)
        logs.admit()
    return ended


def find_release_of_build(run: Run, build: Build, tell: Tell = say_nothing) -> Release | None:
    """Wait for the release a succeeded build leads to, and for its end.

    A build that lost a race (another push moved the ref) never gets one: None after a minute.
    """
    deadline = run.deadline.within(min(60.0, run.waits.release_phase))
    app = build.app_name
    still = OutcomeUnknown(
        f"the build on {app} succeeded, and the run's own time (--timeout) was over before "
        "its release was seen",
        f"look with `heroku releases -a {app}`, then run this again with more time",
    )
    try:
        if build.release_id is None:
            tell("build succeeded, waiting for its release")
            build = wait_for(
                lambda: run.heroku.builds.fetch(app, build.id),
                lambda seen: seen.release_id is not None,
                deadline,
                run.heroku.pace,
            )
    except StillPending:
        if deadline.cut_short:
            raise still from None
        return None
    return follow_release(run, fetch_release(run, app, str(build.release_id)), tell, is_new=True)


def fetch_release(run: Run, app: str, release_id: str) -> Release:
    """Read a release that a write has just named: a read may lag behind and not show it yet.

    Raises `OutcomeUnknown` when it does not show up: what was written is not undone by that.
    """

    def look() -> Release | None:
        try:
            return run.heroku.releases.fetch(app, release_id)
        except NotFound:
            return None

    limit = run.deadline.within(run.waits.traces)
    try:
        found = wait_for(look, lambda seen: seen is not None, limit, run.heroku.pace)
    except StillPending:
        found = None
    if found is None:
        raise OutcomeUnknown(
            f"release {release_id} of {app} was made but cannot be read",
            f"look with `heroku releases -a {app}`, then run this again",
        )
    return found


def follow_release(
    run: Run, release: Release, tell: Tell = say_nothing, *, is_new: bool = False
) -> Release:
    """Wait until a release is no longer pending, showing its release command's output.

    Also that of one that had failed before the first look: that is the output somebody needs. And
    that of one that ``is_new`` and has succeeded already: its command was short.
    """
    if release.status == "succeeded" and not (is_new and release.output_stream_url):
        return release
    deadline = run.deadline.within(run.waits.release_phase)
    app, source = release.app_name, f"release {release.app_name}"
    with Logs(run, deadline) as logs:
        logs.follow(release.output_stream_url, source)
        if release.status != "pending":
            logs.drain(went_well=release.status == "succeeded")
        else:
            tell("release command running")
            turn = Turn(run, app, release.id, deadline, tell)
            with run.under_way.lasting(f"the release command of v{release.version} on {app}"):
                release = _wait_for_turn(run, logs, turn, release)
        explain_release(logs, release)
    return release


def explain_release(logs: Logs, release: Release) -> None:
    """Tell why a release failed, and what could not be read of its command's output."""
    if release.status != "succeeded" and release.output_stream_url is not None:
        name = f"v{release.version} on {release.app_name}"
        logs.explain(
            f"release {release.app_name}", f"the last lines of the release command of {name}"
        )
    logs.admit()


def _wait_for_turn(run: Run, logs: Logs, turn: Turn, release: Release) -> Release:
    app, id = release.app_name, release.id
    ended = wait_for_end(
        run, logs, turn.deadline, lambda: run.heroku.releases.fetch(app, id), turn.waits_on
    )
    if ended is None:
        version = f"v{release.version}"
        raise OutcomeUnknown(
            f"the release command of {version} on {app} still runs at the deadline",
            f"look with `heroku releases:info {version} -a {app}`, then run this again",
        )
    return ended


class Turn:
    """The place of a release in its app's queue: release commands run one after the other.

    One that waits for its turn is not late. So at the deadline it gets the time of another release
    command for as long as the queue before it gets shorter.
    """

    def __init__(
        self, run: Run, app: str, release_id: str, deadline: Deadline, tell: Tell = say_nothing
    ) -> None:
        self._run, self._app, self._release_id = run, app, release_id
        self.deadline, self._tell = deadline, tell
        self._before: int | None = None

    def waits_on(self) -> bool:
        """Put the deadline off, if it waits for its turn or had to; return whether it does."""
        if self.deadline.cut_short:
            return False
        page = self._run.heroku.releases.fetch_newest(self._app, 20)
        own = next((each.version for each in page if each.id == self._release_id), 0)
        count = sum(each.status == "pending" and each.version < own for each in page)
        is_nearer = count > 0 if self._before is None else count < self._before
        self._before = count
        if is_nearer:
            self._tell(f"release command waits for {count} before it")
            self.deadline.put_off(self._run.deadline.within(self._run.waits.release_phase))
        return is_nearer


def demand_success(release: Release) -> Release:
    """Raise `ReleaseFailed` for a release whose release command failed."""
    if release.status != "succeeded":
        raise ReleaseFailed(release.app_name, release.version)
    return release
