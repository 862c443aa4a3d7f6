"""Rolling deploys: apps in a space get their new dynos a quarter at a time.

Until its turn comes an old dyno is listed and serves on, beside those of the new release.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelerator.localheroku.running.running import Running
    from accelerator.localheroku.tasks import Tasks

_STEPS = 4


class Rolling:
    """The apps whose dynos are being replaced."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._rolls: dict[str, asyncio.Task[None]] = {}

    def begin(
        self,
        app_id: str,
        old: Sequence[Running],
        seconds: float,
        replace: Callable[[Sequence[Running]], None],
    ) -> None:
        """Replace `old` in equal steps that end after `seconds`; a further release begins anew."""
        self.end(app_id)
        self._rolls[app_id] = self._tasks.start(self._roll(app_id, old, seconds, replace))

    def end(self, app_id: str) -> None:
        """Replace nothing further."""
        rolling = self._rolls.pop(app_id, None)
        if rolling is not None:
            rolling.cancel()

    async def _roll(
        self,
        app_id: str,
        old: Sequence[Running],
        seconds: float,
        replace: Callable[[Sequence[Running]], None],
    ) -> None:
        size = -(-len(old) // _STEPS)
        starts = range(0, len(old), size)
        for start in starts:
            await asyncio.sleep(seconds / len(starts))
            replace(old[start : start + size])
        self._rolls.pop(app_id, None)
