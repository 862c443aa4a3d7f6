"""What is asked again and again: the first time is said, the others are counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerator.output.wording import render_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelerator.events import Retried

# What differs between two failures for one cause: addresses in memory, ports, seconds.
_CHANGING = re.compile(r"0x[0-9a-f]+|\d+")

RECENT_SECONDS = 10.0  # longer than the pause before the next try


@dataclass
class _Cause:
    """Why something is asked again, as it was said first, and how often that came since."""

    text: str
    since: float
    last: float
    count: int = 0

    @property
    def told(self) -> str:
        """Return how often it came since it was last told of."""
        times = "once more" if self.count == 1 else f"{self.count} more times"
        return f"{self.text}: {times} in {render_seconds(self.last - self.since)}"


class Repeats:
    """Counts retries by their cause."""

    def __init__(self) -> None:
        self._causes: dict[str, _Cause] = {}

    def is_new(self, event: Retried, now: float) -> bool:
        """Return whether this cause was not said yet; one that was is counted."""
        key = _CHANGING.sub("#", event.why)
        if (cause := self._causes.get(key)) is None:
            self._causes[key] = _Cause(event.why, now, now)
            return True
        cause.count, cause.last = cause.count + 1, now
        return False

    def take(self) -> Iterator[str]:
        """Yield a line for each cause that came again since it was last told of."""
        for cause in self._causes.values():
            if cause.count:
                yield cause.told
            cause.count, cause.since = 0, cause.last

    def list_recent(self, now: float) -> list[str]:
        """Return a line for each cause that came again a moment ago; they are told of later."""
        causes = self._causes.values()
        return [each.told for each in causes if each.count and now - each.last < RECENT_SECONDS]
