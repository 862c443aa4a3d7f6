"""Deadlines, clocks, retry and polling policies: the only place that sleeps.

Reads may be repeated freely. Writes may not: a second POST is a second build or release. So
`reading` is for reads, and for writes only where `is_retryable` takes nothing but failures after
which provably nothing was done; `wait_for` takes a look that only reads.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    wait_random_exponential,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

Answer = TypeVar("Answer")
Seen = TypeVar("Seen")

FIRST_PAUSE = 0.15
GROWTH = 1.3
LONGEST_PAUSE = 2.0


class Clock(Protocol):
    """Time as the rest of the tool sees it; tests bring their own."""

    def now(self) -> float:
        """Return monotonic seconds, for durations and deadlines."""

    def moment(self) -> datetime:
        """Return the aware UTC moment, for reports."""

    def sleep(self, seconds: float) -> None:
        """Wait that long."""


class SystemClock:
    """The real clock."""

    def now(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    def moment(self) -> datetime:
        """Return the machine's wall clock in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        time.sleep(seconds)


@dataclass(slots=True)
class Deadline:
    """A moment (in the clock's monotonic seconds) after which waiting ends.

    All who share one notice when it is moved. What `within` returned does not move along; it knows
    whether it is ``cut_short``: then its end says nothing of what was waited for, only that the
    one who waits has no more time.
    """

    clock: Clock
    at: float
    cut_short: bool = False

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> Deadline:
        """Make the deadline that many seconds from now."""
        return cls(clock, clock.now() + seconds)

    @property
    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self.at - self.clock.now())

    @property
    def left(self) -> str:
        """Return the time left for people: ``1:55``."""
        return as_clock(self.remaining)

    def shorten(self, seconds: float) -> None:
        """End that many seconds from now at the latest: somebody told the run to stop."""
        self.at = min(self.at, self.clock.now() + seconds)

    def wait_along(self, seconds: float) -> None:
        """End so much later: the seconds that just passed do not count."""
        self.at += seconds

    def within(self, seconds: float) -> Deadline:
        """Return the earlier of this deadline and one that many seconds from now."""
        own = self.clock.now() + seconds
        is_less = self.at < own
        return Deadline(self.clock, self.at if is_less else own, is_less or self.cut_short)

    def become(self, other: Deadline) -> None:
        """End when `other` does: what is waited for is another thing now, with its own limit."""
        self.at, self.cut_short = other.at, other.cut_short

    def put_off(self, later: Deadline) -> None:
        """End no sooner than `later`: what is waited for has got further, and that has a limit."""
        if later.at > self.at:
            self.become(later)


def as_clock(seconds: float) -> str:
    """Write a duration as minutes and seconds: ``1:55``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


class StillPending(Exception):  # an outcome, not an error: the caller decides
    """Waiting ended at the deadline; `seen` is the last thing that was looked at."""

    def __init__(self, seen: object) -> None:
        super().__init__("still pending at the deadline")
        self.seen = seen


def reading(
    look: Callable[[], Answer],
    deadline: Deadline,
    is_retryable: Callable[[BaseException], bool],
    pause_after: Callable[[BaseException], float],
    on_retry: Callable[[BaseException, float], None],
    hurry: Event | None = None,
) -> Answer:
    """Call `look` until it answers; between failures wait randomly up to 0.25, 0.5, 1 … 5 s.

    `pause_after` adds seconds for a failure that asks for more patience (a rate limit). Setting
    `hurry` ends a pause, and the next ones are short. The last real error comes out when the
    deadline would pass during the next pause.
    """

    def pause(state: RetryCallState) -> float:
        seconds = _random(state) + pause_after(_failure(state))
        return min(seconds, FIRST_PAUSE) if hurry is not None and hurry.is_set() else seconds

    def sleep(seconds: float) -> None:
        if hurry is None or hurry.is_set():
            deadline.clock.sleep(seconds)
        else:
            hurry.wait(seconds)

    retrying = Retrying(
        reraise=True,
        sleep=sleep,
        retry=retry_if_exception(is_retryable),
        wait=pause,
        stop=lambda state: state.upcoming_sleep >= deadline.remaining,
        before_sleep=lambda state: on_retry(_failure(state), state.upcoming_sleep),
    )
    return retrying(look)


def wait_for(
    look: Callable[[], Seen],
    is_done: Callable[[Seen], bool],
    deadline: Deadline,
    slower: Callable[[], float] = lambda: 1.0,
    wake: Event | None = None,
    first: Seen | None = None,
) -> Seen:
    """Look until `is_done`; pauses grow 0.15, 0.2, 0.25 … 2 s, times `slower()`.

    `first` is what an earlier answer said already, in place of the first look.

    Setting `wake` ends a pause early, and the next ones are short again: something happened, the
    state is about to change. Raises `StillPending` with what was seen last when the deadline would
    pass during a pause.
    """
    pauses = _Pauses(deadline.clock, wake)
    known = [] if first is None else [first]

    def gave_up(state: RetryCallState) -> Seen:
        raise StillPending(state.outcome.result() if state.outcome else None)

    retrying = Retrying(
        sleep=pauses.sleep,
        retry=retry_if_result(lambda seen: not is_done(seen)),
        retry_error_callback=gave_up,
        wait=lambda _: pauses.next() * slower(),
        stop=lambda state: state.upcoming_sleep >= deadline.remaining,
    )
    return retrying(lambda: known.pop() if known else look())


def repeat(act: Callable[[], float], stop: Event) -> None:
    """Call `act` until `stop` is set; it returns the pause, in seconds, to the next call."""
    while not stop.wait(act()):
        pass


class _Pauses:
    """Growing pauses that start over when they are woken."""

    def __init__(self, clock: Clock, wake: Event | None) -> None:
        self._clock, self._wake, self._count = clock, wake, 0

    def next(self) -> float:
        self._count += 1
        return min(LONGEST_PAUSE, FIRST_PAUSE * GROWTH ** (self._count - 1))

    def sleep(self, seconds: float) -> None:
        if self._wake is None:
            self._clock.sleep(seconds)
        elif self._wake.wait(seconds):
            self._wake.clear()
            self._count = 0


_random = wait_random_exponential(multiplier=0.25, max=5)


def _failure(state: RetryCallState) -> BaseException:
    failure = state.outcome.exception() if state.outcome else None
    return failure or RuntimeError("retried without a failure")
