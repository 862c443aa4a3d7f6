"""The talk on stderr: steps as they begin and end, logs with their source, warnings.

Every event is one line. What it says may come from strangers: a note, a proxy, a commit.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, TextIO

from accelerator.events import (
    BriefStep,
    Event,
    Evidence,
    LogLine,
    Note,
    Requested,
    Retried,
    StepFinished,
    StepStarted,
)
from accelerator.foreign import one_line
from accelerator.output.door import CONTINUED, ERROR, HINT, Door, Painted
from accelerator.output.repeats import Repeats
from accelerator.output.wording import render_seconds, with_times_for_people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from accelerator.waiting import Clock

SIGNED = "(signed url)"  # what the path of a signed address is replaced with in events
NOTABLE_SECONDS = 1.0  # what took so long gets a line, although none was written when it began
MARKS = {
    "ok": ("done", "green"),
    "failed": ("FAILED", "red"),
    "skipped": ("skipped", "yellow"),
    "interrupted": ("interrupted", "yellow"),
}


class Console:
    """A listener that writes for people.

    ``verbosity``: -1 quiet (warnings only), 0 steps and logs, 1 details, 2 every request.
    """

    draws = False  # True where what runs is drawn in place, and each step stays with its time

    def __init__(self, stream: TextIO, clock: Clock, *, color: bool, verbosity: int = 0) -> None:
        self._door, self._verbosity = Door(stream, color=color), verbosity
        self._lock, self._clock = Lock(), clock
        self._silent_since, self._is_closed = clock.now(), False
        self._repeats = Repeats()
        # Steps under way for an app, and whether one for another app ran beside it.
        self._open: dict[tuple[str, str], bool] = {}
        self._writers: dict[type, Callable[..., None]] = {
            StepStarted: self._started,
            StepFinished: self._finished,
            BriefStep: self._brief,
            LogLine: self._log,
            Evidence: self._evidence,
            Note: self._note,
            Requested: self._requested,
            Retried: self._retried,
        }

    def __call__(self, event: Event) -> None:
        """Write one event; lines of parallel steps never mix within a line."""
        if write := self._writers.get(type(event)):
            write(event)

    def error(self, message: str, hint: str | None, more: Iterable[str] = ()) -> None:
        """Write a failure: what happened, more about it line by line, then what to do."""
        with self._lock:
            self._tell((ERROR,), message)
            for text in more:
                self._tell((CONTINUED,), text)
            if hint:
                self._tell((HINT,), hint)

    def settle(self) -> None:
        """End the talk but for an error: the result comes now, maybe to the same place."""
        with self._lock:
            self._tell_repeats()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave the stream to somebody else for a while: a question, a traceback."""
        yield

    def close(self) -> None:
        """Write nothing from now on, and let a line under way come to its end.

        Threads that follow a log may outlast the run. Python aborts the whole process (SIGABRT)
        when one of them is writing to stderr at the moment the interpreter shuts down.
        """
        with self._lock:
            self._is_closed = True

    def break_silence(self, seconds: float, text: str | None) -> float:
        """Write `text` if nothing was written for so long; return how long it may be silent yet.

        Quiet means quiet: then it is never written.
        """
        with self._lock:
            left = self._silent_since + seconds - self._clock.now()
            if left > 0:
                return left
            self._tell_repeats()
            if text is not None and self._verbosity >= 0:
                self._write(f"    {one_line(text)}")
            return seconds

    def _begin(self, event: StepStarted) -> None:
        if event.app is None:
            return
        with self._lock:
            others = [step for step in self._open if step[1] != event.app]
            self._open |= dict.fromkeys(others, True)
            self._open[event.name, event.app] = bool(others)

    def _name(self, event: StepFinished) -> str:
        """Return a step's name, with its app where several targets were worked on at once.

        With its app always where the line that began the step was not written.
        """
        if event.app is None:
            return event.name
        with self._lock:
            is_one_of_several = self._open.pop((event.name, event.app), False)
        is_named = is_one_of_several or self._verbosity < 0
        return f"{event.name} {event.app}" if is_named else event.name

    def _started(self, event: StepStarted) -> None:
        self._begin(event)
        if self._verbosity >= 0:
            self._line(Painted("==> ", fg="blue", bold=True), one_line(event.title))

    def _finished(self, event: StepFinished) -> None:
        name = self._name(event)
        if self._verbosity < 0 and event.outcome == "ok":
            return
        word, colour = MARKS.get(event.outcome, (event.outcome, None))
        detail = f" · {one_line(event.detail)}" if event.detail else ""
        took = f" · {render_seconds(event.seconds)}"
        self._line(f"    {name} ", Painted(word, fg=colour), f"{detail}{took}")

    def _brief(self, event: BriefStep) -> None:
        if event.seconds >= NOTABLE_SECONDS:
            self._finished(event)

    def _log(self, event: LogLine) -> None:
        if self._verbosity >= 0:
            self._line(Painted(f"    {event.source} | ", dim=True), event.text)

    def _evidence(self, event: Evidence) -> None:
        if event.is_repeat and self._verbosity >= 0:
            return
        with self._lock:
            self._write(f"    {one_line(event.title)}:")
            for line in event.lines:
                self._write(Painted("    | ", dim=True), line)

    def _note(self, event: Note) -> None:
        wanted = {"detail": 1, "info": 0, "warning": -1}
        if self._verbosity >= wanted.get(event.level, 0):
            mark = (Painted("warning: ", fg="yellow"),) if event.level == "warning" else ()
            with self._lock:
                self._tell(("    " if event.text else "", *mark), event.text)

    def _requested(self, event: Requested) -> None:
        if self._verbosity >= 2:
            status = event.status or "no answer"
            ident = f" {event.request_id}" if event.request_id else ""
            took = render_seconds(event.seconds)
            said = f"{event.method} {event.path} {status} {took}{ident}"
            self._line(Painted(f"    {one_line(said)}", dim=True))

    def _retried(self, event: Retried) -> None:
        # A log that has not begun yet is asked for again all the time: nothing to worry about.
        if self._verbosity < (1 if event.what == f"GET {SIGNED}" else 0):
            return
        with self._lock:
            if self._repeats.is_new(event, self._clock.now()) or self._verbosity >= 1:
                pause = render_seconds(event.pause_seconds)
                self._write(f"    {one_line(event.why)}; trying again in {pause}")

    def _tell_repeats(self) -> None:
        if self._verbosity == 0:  # with more, each was said; quiet means quiet
            for text in self._repeats.take():
                self._write(f"    {one_line(text)}")

    def _tell(self, lead: tuple[str | Painted, ...], text: str) -> None:
        """Write sentences for people, after what they begin with."""
        said = with_times_for_people(text, self._clock.moment())
        self._write_paragraph(lead, one_line(said))

    def _write_paragraph(self, lead: tuple[str | Painted, ...], text: str) -> None:
        """Write one line, however long."""
        self._write(*lead, text)

    def _line(self, *parts: str | Painted) -> None:
        with self._lock:
            self._write(*parts)

    def _write(self, *parts: str | Painted) -> None:
        if self._is_closed:
            return
        with self._while_it_is_read():
            self._door.line(*parts)
            self._flush()
        self._silent_since = self._clock.now()

    def _flush(self) -> None:
        """Have what was written shown; a stream that is written to directly shows it at once."""

    @contextmanager
    def _while_it_is_read(self) -> Iterator[None]:
        try:
            yield
        except OSError:  # whoever read it has gone, or the disk is full: the work goes on
            self._is_closed = True
