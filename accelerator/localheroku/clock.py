"""The platform's time, which tests may move forward."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_TICK = timedelta(microseconds=1)


class Clock:
    """The platform's time: it never returns the same moment twice."""

    def __init__(
        self, offset: float = 0.0, on_advance: Callable[[float], None] = lambda _: None
    ) -> None:
        self._offset = offset
        self._on_advance = on_advance
        self._last = datetime.fromtimestamp(0, UTC)

    def now(self) -> datetime:
        """Return the present moment in UTC, later than every moment returned before."""
        wanted = datetime.now(UTC) + timedelta(seconds=self._offset)
        self._last = max(wanted, self._last + _TICK)
        return self._last

    def monotonic(self) -> float:
        """Return seconds that only grow, moved by `advance` as well."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        self._offset += seconds
        self._on_advance(self._offset)
