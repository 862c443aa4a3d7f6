"""Follow what the platform does to a terminal state: its log for eyes, its API for the truth.

A log can be silent, cut or endless, so it is read in a thread beside the polling and proves
nothing. Its end only wakes the polling up: what it was about is about to be decided.
"""

from __future__ import annotations

from threading import Event, Thread, current_thread
from typing import TYPE_CHECKING, TypeVar

from accelerator.errors import BuildFailed, NotFound, OutcomeUnknown, ReleaseFailed
from accelerator.events import LogLine
from accelerator.waiting import Deadline, StillPending, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.models import Build, Release
    from accelerator.steps.run import Run

Pending = TypeVar("Pending", "Build", "Release")

DRAIN_SECONDS = 2.0
SILENT_SECONDS = 0.5  # for a log without a line so far, of what ended well: it is silent for good


class Logs:
    """Reads logs beside the polling, so that a silent, cut or endless one delays nothing.

    A log that ends sets `wake`: what it was about is about to be decided.
    """

    def __init__(self, run: Run, deadline: Deadline) -> None:
        self.wake = Event()
        self._run, self._deadline = run, deadline
        self._readers: list[Thread] = []
        self._speaking: set[Thread] = set()

    def follow(self, url: str | None, source: str) -> None:
        """Hand a build's or release command's output to the listeners, in the background."""
        if url is not None:
            reader = Thread(target=self._read, args=(url, source), daemon=True)
            self._readers.append(reader)
            reader.start()

    def wait_for_end(
        self,
        fetch: Callable[[], Pending],
        still: OutcomeUnknown,
        waits_on: Callable[[], bool] = lambda: False,
    ) -> Pending:
        """Ask until what the logs are about is over; raises `still` at the deadline.

        Unless it `waits_on`, which puts the deadline off.
        """
        ended = None
        while ended is None:
            try:
                ended = wait_for(
                    fetch,
                    lambda seen: seen.status != "pending",
                    self._deadline,
                    self._run.heroku.pace,
                    self.wake,
                )
            except StillPending:
                if not waits_on():
                    raise still from None
        self.drain(went_well=ended.status == "succeeded")
        return ended

    def drain(self, *, went_well: bool) -> None:
        """Give the logs a moment to show their last lines, now that the end is known."""
        limit = Deadline.after(self._deadline.clock, DRAIN_SECONDS)
        for reader in self._readers:
            is_silent = went_well and reader not in self._speaking
            reader.join(min(SILENT_SECONDS, limit.remaining) if is_silent else limit.remaining)

    def _read(self, url: str, source: str) -> None:
        for line in self._run.heroku.streams.follow(url, deadline=self._deadline):
            self._speaking.add(current_thread())
            self._run.events.emit(LogLine(source, line))
        self.wake.set()


def follow_build(run: Run, build: Build, seconds: float | None = None) -> Build:
    """Wait until a build succeeded; raises `BuildFailed`, or `OutcomeUnknown` at the deadline."""
    deadline = run.deadline.within(seconds or run.waits.build)
    app, logs = build.app_name, Logs(run, deadline)
    logs.follow(build.output_stream_url, f"build {app}")
    still = OutcomeUnknown(
        f"build {build.id} on {app} still runs at the deadline",
        "run the same command again to join what is built by then",
    )
    with run.under_way.lasting(f"build {build.id} on {app}"):
        ended = logs.wait_for_end(lambda: run.heroku.builds.fetch(app, build.id), still)
    if ended.status != "succeeded":
        raise BuildFailed(app, ended.id)
    return ended


def find_release_of_build(run: Run, build: Build) -> Release | None:
    """Wait for the release a succeeded build leads to, and for its end.

    A build that lost a race (another push moved the ref) never gets one: None after a minute.
    """
    deadline = run.deadline.within(min(60.0, run.waits.release_phase))
    app = build.app_name
    still = OutcomeUnknown(
        f"build {build.id} on {app} succeeded, and the run's own time (--timeout) was over before "
        "its release was seen",
        f"look with `heroku releases -a {app}`, then run this again with more time",
    )
    try:
        if build.release_id is None:
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
    return follow_release(run, fetch_release(run, app, str(build.release_id)))


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


def follow_release(run: Run, release: Release) -> Release:
    """Wait until a release is no longer pending, showing its release command's output.

    Also that of one that had failed before the first look: that is the output somebody needs.
    """
    if release.status == "succeeded":
        return release
    deadline = run.deadline.within(run.waits.release_phase)
    app, logs = release.app_name, Logs(run, deadline)
    logs.follow(release.output_stream_url, f"release {app}")
    if release.status != "pending":
        logs.drain(went_well=False)
        return release
    still = OutcomeUnknown(
        f"the release command of v{release.version} on {app} still runs at the deadline",
        f"look with `heroku releases:info v{release.version} -a {app}`, then run this again",
    )
    turn = Turn(run, app, release.id, deadline)
    with run.under_way.lasting(f"the release command of v{release.version} on {app}"):
        return logs.wait_for_end(
            lambda: run.heroku.releases.fetch(app, release.id), still, turn.waits_on
        )


class Turn:
    """The place of a release in its app's queue: release commands run one after the other.

    One that waits for its turn is not late. So at the deadline it gets the time of another release
    command for as long as the queue before it gets shorter.
    """

    def __init__(self, run: Run, app: str, release_id: str, deadline: Deadline) -> None:
        self._run, self._app, self._release_id = run, app, release_id
        self._deadline = deadline
        self._before: int | None = None

    def waits_on(self) -> bool:
        """Put the deadline off, if it waits for its turn or had to; return whether it does."""
        if self._deadline.cut_short:
            return False
        page = self._run.heroku.releases.fetch_newest(self._app, 20)
        own = next((each.version for each in page if each.id == self._release_id), 0)
        count = sum(each.status == "pending" and each.version < own for each in page)
        is_nearer = count > 0 if self._before is None else count < self._before
        self._before = count
        if is_nearer:
            self._deadline.put_off(self._run.deadline.within(self._run.waits.release_phase))
        return is_nearer


def demand_success(release: Release) -> Release:
    """Raise `ReleaseFailed` for a release whose release command failed."""
    if release.status != "succeeded":
        raise ReleaseFailed(release.app_name, release.version)
    return release
