"""What happened, as values: console, JSON, CI summary and ledger all listen to the same events.

Durations come from the clock's monotonic seconds, moments from its UTC wall time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from accelerator.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from accelerator.models import Reason, Route, StepName, TargetStatus, Verified
    from accelerator.waiting import Clock


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step of the story began; `title` is for people. `app` is the one it is about, if one is.

    `limit` is the seconds after which the step gives up, where it has a deadline of its own.
    """

    name: StepName
    title: str
    at: datetime
    app: str | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step ended; `outcome` is ``ok``, ``failed``, ``skipped`` or ``interrupted``.

    `detail` is for people.
    """

    name: StepName
    outcome: str
    started_at: datetime
    seconds: float
    detail: str = ""
    app: str | None = None


@dataclass(frozen=True, slots=True)
class BriefStep(StepFinished):
    """A step that began without a word, as it is over in a moment nearly always.

    With these every second of a run belongs to a step: the time between two others is in them.
    """


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of somebody's log: a build, a release command, the tests."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step under way waits for now: ``dynos 1/2 up``. It replaces what was said before."""

    name: StepName
    text: str
    app: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why something failed, in its own words: the last lines of a dyno, the answer to a check.

    It is shown however little is asked for: `title` says whose words these are. With `is_repeat`
    they went by as log lines before, and are shown only to those who did not see them.
    """

    title: str
    lines: tuple[str, ...]
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line. `level`: ``detail`` (behind -v), ``info`` or ``warning``."""

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Requested:
    """One HTTP request was answered, or failed (`status` is None); no query, no header."""

    method: str
    path: str
    status: int | None
    seconds: float
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Retried:
    """A read failed and is repeated after a pause."""

    what: str
    why: str
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Decided:
    """A route was chosen, for all targets together and for each; `source` is the app it is from.

    Emitted again when a later look changed the decision.
    """

    commit: str
    route: Route
    reason: Reason
    routes: Mapping[str, Route]
    source: str | None


@dataclass(frozen=True, slots=True)
class TargetSettled:
    """The end of one target: its release was verified, or it failed, or went back.

    Emitted again when the target is to be returned, as others failed.
    """

    app: str
    commit: str
    route: Route
    status: TargetStatus
    verified: Verified
    release: int | None
    previous_release: int | None
    rolled_back_to: int | None
    error: str | None


Tell = Callable[[str], object]


def say_nothing(_: str) -> None:
    """Take what a step waits for where there is no step."""


Event = (
    StepStarted
    | StepFinished
    | Progress
    | LogLine
    | Evidence
    | Note
    | Requested
    | Retried
    | Decided
    | TargetSettled
)


class Listener(Protocol):
    """Anything that wants to hear events; called from several threads."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""


@dataclass
class Step:
    """A step under way; set `detail` or `outcome` before it ends to have them reported."""

    tell: Tell
    detail: str = ""
    outcome: str = "ok"


@dataclass
class Recorder:
    """Hands every event to every listener, and times the steps."""

    clock: Clock
    listeners: list[Listener] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        """Hand an event to all listeners, in the order they were added."""
        for listener in self.listeners:
            listener(event)

    def note(self, text: str, level: str = "info") -> None:
        """Emit a `Note`."""
        self.emit(Note(text, level))

    @contextmanager
    def step(
        self, name: StepName, title: str, app: str | None = None, limit: float | None = None
    ) -> Iterator[Step]:
        """Time a step; an exception marks it failed or interrupted, and goes on.

        `limit` is the step's own deadline in seconds. `Step.tell` says what it waits for.
        """
        self.emit(StepStarted(name, title, self.clock.moment(), app, limit))
        with self._timed(StepFinished, name, app) as step:
            yield step

    @contextmanager
    def brief(self, name: StepName, app: str | None = None) -> Iterator[Step]:
        """Time what is worth no line when it begins: it is over in a moment nearly always."""
        with self._timed(BriefStep, name, app) as step:
            yield step

    @contextmanager
    def _timed(self, kind: type[StepFinished], name: StepName, app: str | None) -> Iterator[Step]:
        started_at, begun = self.clock.moment(), self.clock.now()
        step = Step(lambda text: self.emit(Progress(name, text, app)))
        try:
            yield step
        except (KeyboardInterrupt, Interrupted):
            step.outcome = "interrupted"  # no verdict on what it was about
            raise
        except BaseException:
            step.outcome = "failed"
            raise
        finally:
            seconds = self.clock.now() - begun
            self.emit(kind(name, step.outcome, started_at, seconds, step.detail, app))
