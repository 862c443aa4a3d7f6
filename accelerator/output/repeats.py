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


@dataclass
class _Cause:
    """Why something is asked again, as it was said first, and how often that came since."""

    text: str
    since: float
    last: float
    count: int = 0


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
                times = "once more" if cause.count == 1 else f"{cause.count} more times"
                took = render_seconds(cause.last - cause.since)
                yield f"{cause.text}: {times} in {took}"
            cause.count, cause.since = 0, cause.last
