"""How a run ended, beside its report: the error, the exit code, the steps and the API's use."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from accelerator.errors import ExitCode
from accelerator.events import StepFinished
from accelerator.output.wording import USUAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from accelerator.errors import AcceleratorError
    from accelerator.events import Event
    from accelerator.heroku import Usage


@dataclass
class StepLog:
    """A listener that keeps the finished steps, in the order they ended."""

    steps: list[StepFinished] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Keep a finished step."""
        if isinstance(event, StepFinished):
            self.steps.append(event)


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of time in which the run waited for a person's answer."""

    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """How a result is shown to people: how wide, how much of it.

    ``sources`` are the prepare apps that a command typed next has to name: they were typed, or
    found without settings.
    ``has_seen_steps``: the steps stand right above the result, each with its time.
    ``is_beside_error``: the result and the error go to one terminal.
    """

    columns: int = USUAL_COLUMNS
    verbosity: int = 0
    sources: tuple[str, ...] = ()
    has_seen_steps: bool = False
    is_beside_error: bool = False

    @property
    def is_quiet(self) -> bool:
        """True when a line per app is enough."""
        return self.verbosity < 0

    @property
    def wants_details(self) -> bool:
        """True when more than the usual was asked for."""
        return self.verbosity > 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run. ``pauses``: a person was asked something meanwhile."""

    steps: tuple[StepFinished, ...] = ()
    usage: Usage | None = None
    error: AcceleratorError | None = None
    look: Look = Look()
    pauses: tuple[Pause, ...] = ()

    def naming(self, sources: Iterable[str]) -> Outcome:
        """Return the same for people who have to name these prepare apps, too, in what is next."""
        return replace(self, look=replace(self.look, sources=(*self.look.sources, *sources)))

    @property
    def told(self) -> str:
        """Return what the error says right beside the result: that needs not to be said twice."""
        return self.error.message if self.error is not None and self.look.is_beside_error else ""

    @property
    def worked(self) -> tuple[StepFinished, ...]:
        """Return the steps as they would have come without the pauses: nothing ran in those."""
        return tuple(self._without_pauses(step) for step in self.steps)

    def _without_pauses(self, step: StepFinished) -> StepFinished:
        end = step.started_at + timedelta(seconds=step.seconds)
        before = sum(each.seconds for each in self.pauses if each.at < step.started_at)
        during = sum(each.seconds for each in self.pauses if step.started_at <= each.at < end)
        begun = step.started_at - timedelta(seconds=before)
        return replace(step, started_at=begun, seconds=step.seconds - during)

    @property
    def exit_code(self) -> ExitCode:
        """Return the code the process exits with."""
        return self.error.exit_code if self.error else ExitCode.DONE
