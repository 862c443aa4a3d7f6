"""How much of the API was used: requests, round trips in sequence, retries, tokens left."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from accelerator.foreign import parse_count

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

PLENTY = 1000
SLOWEST = 8.0
MOST_SKEW = timedelta(days=400)  # no clock is so wrong: the header is

_LONGEST_DATE = 64


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked of the API so far; storage and log streams are no part of it.

    `round_trips` is the longest chain of requests that had to wait for one another.
    """

    requests: int
    round_trips: int
    retries: int
    rate_limit_remaining: int | None


class Meter:
    """Counts for one client, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chain = threading.local()
        self._requests = self._retries = self._longest = 0
        self._remaining: int | None = None
        self._skew = timedelta()

    @property
    def usage(self) -> Usage:
        """Return the counts as they are now."""
        with self._lock:
            return Usage(self._requests, self._longest, self._retries, self._remaining)

    @property
    def chain(self) -> int:
        """Return the length of the chain of requests that led this thread to where it is."""
        length: int = getattr(self._chain, "length", 0)
        return length

    @chain.setter
    def chain(self, length: int) -> None:
        self._chain.length = length
        with self._lock:
            self._longest = max(self._longest, length)

    def count_request(self) -> None:
        """Count a request, one more in this thread's chain."""
        self.chain += 1
        with self._lock:
            self._requests += 1

    def count_retry(self) -> None:
        """Count a repetition."""
        with self._lock:
            self._retries += 1

    def see_remaining(self, text: str | None) -> None:
        """Note the `RateLimit-Remaining` of an answer, if it has one."""
        remaining = parse_count(text)
        if remaining is not None:
            with self._lock:
                self._remaining = remaining

    def see_date(self, text: str | None, here: datetime) -> None:
        """Note how far this machine's clock is from the platform's, by its `Date` header."""
        there = parse_date(text)
        if there is not None and abs(there - here) <= MOST_SKEW:
            with self._lock:
                self._skew = there - here

    @property
    def skew(self) -> timedelta:
        """Return what to add to this machine's clock to get the platform's, to about a second."""
        with self._lock:
            return self._skew


def parse_date(text: str | None) -> datetime | None:
    """Read a `Date` header; None for what is none, as two of them joined by a proxy."""
    if text is None or len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
        # A zone of -0000 says that nothing is known of the zone; the header is always in UTC.
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None


def pace_at(remaining: int | None) -> float:
    """Return the factor for polling pauses: 1 with plenty of tokens left, 8 with none."""
    if remaining is None or remaining >= PLENTY:
        return 1.0
    return 1.0 + (SLOWEST - 1.0) * (1.0 - remaining / PLENTY)


def run_together(calls: tuple[Callable[[], Any], ...], meter: Meter) -> tuple[Any, ...]:
    """Run independent calls in parallel; all end, then the first error in order is raised.

    Counts as the longest of its members. An interrupt is not held up by calls still running.
    """
    runs = [_Run(call, meter) for call in calls]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    meter.chain = max((run.chain for run in runs), default=meter.chain)
    for run in runs:
        if run.error is not None:
            raise run.error
    return tuple(run.answer for run in runs)


class _Run(threading.Thread):
    """One call of several; starts from the chain of the thread that made it."""

    def __init__(self, call: Callable[[], Any], meter: Meter) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._meter = meter
        self.chain = meter.chain
        self.answer: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Make the call and keep what came of it."""
        self._meter.chain = self.chain
        try:
            self.answer = self._call()
        except BaseException as error:  # raised again in the caller's thread
            self.error = error
        self.chain = self._meter.chain
