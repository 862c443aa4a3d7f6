"""Preboot: the old web dynos go on serving for a while after a release.

They are no longer listed, as on Heroku; requests reach the new ones only after the delay, whether
those are up by then or not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.localheroku.running.runner import Process
    from accelerator.localheroku.tasks import Tasks


@dataclass(frozen=True)
class Serving:
    """An old web dyno that still answers requests."""

    name: str
    process: Process


class Preboot:
    """The old dynos of every app that is between two releases."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._old: dict[str, list[Serving]] = {}
        self._switches: dict[str, asyncio.Task[None]] = {}

    def is_under_way(self, app_id: str) -> bool:
        """Return whether an app's old dynos still serve."""
        return app_id in self._old

    def begin(
        self, app_id: str, old: list[Serving], seconds: float, done: Callable[[], None]
    ) -> None:
        """Let `old` serve until the delay is over; a further release starts the delay anew."""
        self._old.setdefault(app_id, old)
        waiting = self._switches.pop(app_id, None)
        if waiting is not None:
            waiting.cancel()
        self._switches[app_id] = self._tasks.start(self._switch(app_id, seconds, done))

    def serving(self, app_id: str) -> list[Serving]:
        """Return the old dynos that can answer."""
        return [one for one in self._old.get(app_id, ()) if one.process.state == "up"]

    def end(self, app_id: str) -> None:
        """Stop the old dynos now."""
        waiting = self._switches.pop(app_id, None)
        if waiting is not None:
            waiting.cancel()
        self._stop(app_id)

    async def _switch(self, app_id: str, seconds: float, done: Callable[[], None]) -> None:
        await asyncio.sleep(seconds)
        self._switches.pop(app_id, None)
        self._stop(app_id)
        done()

    def _stop(self, app_id: str) -> None:
        for one in self._old.pop(app_id, ()):
            self._tasks.start(one.process.stop())
