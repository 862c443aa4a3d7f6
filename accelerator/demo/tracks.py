"""How far each way has come: written by what goes it, read by what draws it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from accelerator.demo.chart import Part, Way
from accelerator.models import StepName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelerator.waiting import Clock

TESTS, BUILD = "tests", "build"
PROMOTIONS = ("promote to staging", "promote to production")
PUSHES = ("push to staging", "push to production")
PREPARING = frozenset({StepName.LOOK, StepName.ARCHIVE, StepName.UPLOAD, StepName.BUILD})

_MOVING = frozenset({StepName.TEST, StepName.BUILD, StepName.VERIFY})


class Track:
    """One way under way, counted from its own beginning."""

    def __init__(self, title: str, clock: Clock) -> None:
        self.title, self._clock = title, clock
        self._lock, self._parts = Lock(), list[Part]()
        self._begun: float | None = None
        self._elapsed: float | None = None

    @property
    def now(self) -> float:
        """Return the seconds since this way began."""
        return 0.0 if self._begun is None else self._clock.now() - self._begun

    def start(self, *names: str) -> datetime:
        """Begin the way with these parts, all at once; return the moment."""
        self._begun = self._clock.now()
        for name in names:
            self.begin(name)
        return self._clock.moment()

    def begin(self, name: str) -> None:
        """Begin a part."""
        with self._lock:
            self._parts.append(Part(name, self.now))

    def end(self, name: str) -> None:
        """End a part that runs; others of that name do not."""
        with self._lock:
            self._parts = [
                replace(part, end=self.now) if part.name == name and part.end is None else part
                for part in self._parts
            ]

    def finish(self, parts: Iterable[Part] | None = None) -> None:
        """End the way; `parts`, where given, are what was measured, in place of what was seen."""
        with self._lock:
            self._parts = list(self._parts if parts is None else parts)
            self._elapsed = max((part.end or 0.0 for part in self._parts), default=0.0)

    def is_running(self, *names: str) -> bool:
        """Return whether one of these parts runs."""
        with self._lock:
            return any(part.name in names and part.end is None for part in self._parts)

    @property
    def way(self) -> Way:
        """Return how far it is now."""
        with self._lock:
            elapsed = self.now if self._elapsed is None else self._elapsed
            return Way(self.title, tuple(self._parts), elapsed, self._elapsed is not None)


def follow_ship(track: Track, step: dict[str, Any]) -> None:
    """Move a track of `ship` on by a step that ended, told as in its document."""
    name = step["name"]
    if name not in _MOVING:
        return
    if name == StepName.VERIFY:
        staging, production = PROMOTIONS
        is_first = track.is_running(staging)
        track.end(staging if is_first else production)
        if is_first:
            track.begin(production)
        return
    track.end(TESTS if name == StepName.TEST else BUILD)
    if not track.is_running(TESTS, BUILD):
        track.begin(PROMOTIONS[0])


def parts_of(document: dict[str, Any], begun_at: datetime) -> tuple[Part, ...]:
    """Read from a ship document when each part was, in seconds since `begun_at`."""
    spans = [(step["name"], *_span(step, begun_at)) for step in document["steps"]]
    parts = []
    tests = [(begin, end) for name, begin, end in spans if name == StepName.TEST]
    preparing = [(begin, end) for name, begin, end in spans if name in PREPARING]
    for name, found in ((TESTS, tests), (BUILD, preparing)):
        if found:
            ends = max(end for _, end in found)
            parts.append(Part(name, min(begin for begin, _ in found), ends))
    ahead = max((part.end or 0.0 for part in parts), default=0.0)
    verified = sorted(end for name, _, end in spans if name == StepName.VERIFY)
    staging, production = verified[0], verified[-1]
    return (*parts, Part(PROMOTIONS[0], ahead, staging), Part(PROMOTIONS[1], staging, production))


def _span(step: dict[str, Any], begun_at: datetime) -> tuple[float, float]:
    begin = (datetime.fromisoformat(step["started_at"]) - begun_at) / timedelta(seconds=1)
    return begin, begin + step["seconds"]
