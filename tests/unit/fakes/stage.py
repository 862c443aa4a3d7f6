"""A run on stand-ins, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from accelerator.events import (
    BriefStep,
    Event,
    Evidence,
    LogLine,
    Note,
    Progress,
    Recorder,
    StepFinished,
)
from accelerator.models import Secret
from accelerator.repository import HerokuGit
from accelerator.steps.compare.reading import confirm, fetch_states
from accelerator.steps.run import Run, Waits
from accelerator.waiting import Deadline
from tests.unit.fakes.git import FakeClone
from tests.unit.fakes.heroku import FakeApp, FakeHeroku
from tests.unit.fakes.values import FakeClock

if TYPE_CHECKING:
    from accelerator.heroku import Heroku
    from accelerator.repository import Lineage
    from accelerator.steps.compare.facts import Facts
    from accelerator.steps.compare.wanted import Wanted


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.tellings: list[str] = []

    def told(self, text: str) -> None:
        """Keep what a step waits for, where there is no step."""
        self.tellings.append(text)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def warnings(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Note) and e.level == "warning"]

    def lines(self) -> list[str]:
        return [f"{e.source}: {e.text}" for e in self.events if isinstance(e, LogLine)]

    def evidence(self) -> list[Evidence]:
        return [event for event in self.events if isinstance(event, Evidence)]

    def progress(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Progress)]

    def finished(self) -> list[StepFinished]:
        """Give the steps that are told as they begin."""
        return [each for each in self.timed() if not isinstance(each, BriefStep)]

    def timed(self) -> list[StepFinished]:
        """Give all steps, brief ones too."""
        return [event for event in self.events if isinstance(event, StepFinished)]


@dataclass
class Stage:
    """A run on stand-ins: the clock, the platform and an ear."""

    clock: FakeClock
    heroku: FakeHeroku
    ear: Ear
    run: Run
    clone: FakeClone

    def app(self, name: str) -> FakeApp:
        return self.heroku.app(name)


def make_stage(*apps: FakeApp, seconds: float = 7200.0, **waits: float) -> Stage:
    """Put apps on a platform and a run before it; `waits` override the default waits."""
    clock, ear = FakeClock(), Ear()
    heroku, clone = FakeHeroku(clock, *apps), FakeClone()
    run = Run(
        cast("Heroku", heroku),
        Recorder(clock, [ear]),
        Deadline.after(clock, seconds),
        replace(Waits(), **waits),
        cast("Lineage", clone),
        HerokuGit("https://git.example", Secret("key")),
    )
    return Stage(clock, heroku, ear, run, clone)


def fetch_facts(run: Run, wanted: Wanted) -> Facts:
    """Read what is read for a decision, and then the artifact that it would ship."""
    return confirm(run, wanted.commit, fetch_states(run, wanted))
