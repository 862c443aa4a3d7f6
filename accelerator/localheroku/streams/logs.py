"""The log of each app: its newest lines in Heroku's format."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from accelerator.localheroku.clock import Clock

LINES = 1500


@dataclass(frozen=True)
class Line:
    """One line; numbers grow over all apps."""

    number: int
    source: str
    text: str


class Logs:
    """Keep the newest lines of every app; written and followed on the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[str, deque[Line]] = {}
        self._changed = asyncio.Event()
        self._is_closed = False
        self.last_number = 0

    def write(self, app_id: str, source: str, text: str) -> None:
        """Add a line said by `source`, such as `app[web.1]`."""
        self.last_number += 1
        moment = self._clock.now().isoformat(timespec="microseconds")
        line = Line(self.last_number, source, f"{moment} {source}: {text}")
        self._lines.setdefault(app_id, deque(maxlen=LINES)).append(line)
        self._wake()

    def read(self, app_id: str, count: int = LINES) -> list[str]:
        """Return the newest lines as text, oldest of them first."""
        return [line.text for line in self.lines(app_id)][-count:] if count > 0 else []

    def lines(self, app_id: str) -> list[Line]:
        """Return all lines that are kept of an app, oldest first."""
        return list(self._lines.get(app_id, ()))

    async def follow(self, app_id: str, after: int) -> AsyncIterator[Line]:
        """Yield every line later than number `after`, until the app or the platform is gone."""
        while True:
            changed = self._changed
            for line in self.lines(app_id):
                if line.number > after:
                    after = line.number
                    yield line
            if self._is_closed or app_id not in self._lines:
                return
            await changed.wait()

    def drop(self, app_id: str) -> None:
        """Forget an app's log and let its followers go."""
        self._lines.pop(app_id, None)
        self._wake()

    def close(self) -> None:
        """Let all followers go."""
        self._is_closed = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
