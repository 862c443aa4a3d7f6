"""Logs of builds and release commands: shown as they come, read to their end once that is known.

A log can be silent, cut or endless, so it is read in a thread beside the polling and proves
nothing. Its end only wakes the polling up: what it was about is about to be decided. When that is
known, what is still missing is read, within seconds: a short build is over before its log begins.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING, Self, cast

from accelerator.errors import AcceleratorError
from accelerator.events import Evidence, LogLine
from accelerator.waiting import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import TracebackType

    from accelerator.models import Build
    from accelerator.steps.run import Run

TAIL_LINES = 20
READ_SECONDS = 5.0  # for the log of what ended long ago
DRAIN_SECONDS = 2.0  # without a further line, once the end is known
DRAIN_ROUNDS = 5  # of that, for a log that goes on and on
SILENT_SECONDS = 0.5  # for a release command without a line so far, that ended well
SETTLE_SECONDS = 1.0  # a log that ends so long before what it is about was cut off


@dataclass
class Log:
    """One log: its last lines, how many there were, and what kept it from being read.

    ``may_be_silent``: a release command may print nothing; a build never does.
    """

    url: str
    source: str
    may_be_silent: bool
    last: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    count: int = 0
    trouble: str | None = None

    def take(self, index: int, line: str) -> bool:
        """Take the line at this place; return whether it is news.

        A line that a cut ended comes again, whole.
        """
        if index < self.count - 1 or (index == self.count - 1 and line == self.last[-1]):
            return False
        if index == self.count - 1:
            self.last.pop()  # the part of it that came before the cut
        self.last.append(line)
        self.count = index + 1
        return True

    def fail(self, why: str) -> None:
        """Note what keeps it from being read."""
        self.trouble = why

    @property
    def flaw(self) -> str | None:
        """Return what is to be said of how it could be read, or None."""
        if self.count:
            return f"could not be read to its end: {self.trouble}" if self.trouble else None
        if self.trouble is None and self.may_be_silent:
            return None
        return f"could not be read: {self.trouble or 'nothing of it came in time'}"


class Logs:
    """Reads logs beside the polling, so that a silent, cut or endless one delays nothing.

    A log that ends sets `wake`: what it was about is about to be decided. To be closed, so that
    nothing is said of it later.
    """

    def __init__(self, run: Run, deadline: Deadline) -> None:
        self.wake = Event()
        self._run, self.deadline = run, deadline
        self._readers: list[tuple[Log, Thread]] = []
        self._is_decided, self._is_closed = Event(), Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def follow(self, url: str | None, source: str, *, may_be_silent: bool = True) -> None:
        """Hand a build's or release command's output to the listeners, in the background."""
        if url is not None:
            log = Log(url, source, may_be_silent)
            reader = Thread(target=self._read, args=(log,), daemon=True)
            self._readers.append((log, reader))
            reader.start()

    def drain(self, *, went_well: bool) -> None:
        """Read what is missing of the logs, now that the end is known, and then no more.

        One that goes on and on is left after some seconds, and one that is silent sooner.
        """
        self._is_decided.set()
        clock = self.deadline.clock
        limit = Deadline.after(clock, DRAIN_ROUNDS * DRAIN_SECONDS)
        for log, reader in self._readers:
            for _ in range(DRAIN_ROUNDS):
                count = log.count
                is_silent = went_well and log.may_be_silent and not count
                reader.join(min(SILENT_SECONDS if is_silent else DRAIN_SECONDS, limit.remaining))
                if not reader.is_alive() or log.count == count:
                    break
            if reader.is_alive() and log.count:
                log.fail(log.trouble or "it goes on")
        self._close()

    def explain(self, source: str, title: str) -> str | None:
        """Tell the last lines of a log as evidence; return how it could not be read, if so."""
        log = next((log for log, _ in self._readers if log.source == source), None)
        if log is None:
            return "could not be read: there is no address for it"
        if log.last:
            self._run.events.emit(Evidence(title, tuple(log.last), is_repeat=True))
        return log.flaw

    def admit(self) -> None:
        """Say which logs could not be read."""
        for log, _ in self._readers:
            if log.flaw is not None:
                self._run.events.note(f"the log of {log.source} {log.flaw}")

    def _close(self) -> None:
        self._is_closed.set()
        self._is_decided.set()
        self.deadline.shorten(0.0)  # for those that still ask for a log that has not begun

    def _read(self, log: Log) -> None:
        self._read_on(log)
        self.wake.set()
        if self._is_decided.wait(SETTLE_SECONDS) and log.trouble is None and log.count:
            return
        self._is_decided.wait()
        if not self._is_closed.is_set():
            self._read_on(log)

    def _read_on(self, log: Log) -> None:
        """Read a log from its beginning; what was shown of it is not shown again."""
        log.trouble = None
        lines = read_lines(self._run, log.url, self.deadline, self._is_decided, log.fail)
        with closing(lines):
            for index, line in enumerate(lines):
                if self._is_closed.is_set():
                    return
                if log.take(index, line):
                    self._run.events.emit(LogLine(log.source, line))


@dataclass
class PushLog:
    """What the server says during a push: shown as it comes, its last lines kept."""

    run: Run
    app: str
    last: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    def take(self, line: str) -> None:
        """Show a line, and keep it."""
        self.last.append(line)
        self.run.events.emit(LogLine(f"build {self.app}", line))

    def explain(self) -> None:
        """Tell the last lines as evidence."""
        if self.last:
            title = f"the last lines of the push to {self.app}"
            self.run.events.emit(Evidence(title, tuple(self.last), is_repeat=True))


@contextmanager
def showing_push(run: Run, app: str) -> Iterator[PushLog]:
    """Show what is said during a push; when that fails, its last lines are evidence."""
    shown = PushLog(run, app)
    try:
        yield shown
    except AcceleratorError:
        shown.explain()
        raise


def read_lines(
    run: Run, url: str, deadline: Deadline, hurry: Event, on_trouble: Callable[[str], object]
) -> Generator[str, None, None]:
    """Return the lines of a log, to be closed."""
    lines = run.heroku.streams.follow(url, deadline=deadline, hurry=hurry, on_trouble=on_trouble)
    return cast("Generator[str, None, None]", lines)


def show_end(run: Run, build: Build) -> None:
    """Tell the last lines of a build that ended before this run, as evidence."""
    hurry, title = Event(), f"the last lines of the build on {build.app_name}"
    hurry.set()
    if build.output_stream_url is None:
        return
    log = Log(build.output_stream_url, title, may_be_silent=False)
    limit = run.deadline.within(READ_SECONDS)
    with closing(read_lines(run, log.url, limit, hurry, log.fail)) as lines:
        for index, line in enumerate(lines):
            log.take(index, line)
    if log.last:
        run.events.emit(Evidence(title, tuple(log.last)))
    else:
        run.events.note(f"the log of the build on {build.app_name} {log.flaw}")
