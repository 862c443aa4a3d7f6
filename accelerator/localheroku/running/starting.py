"""Starting processes so that none is lost.

Whoever waits for a start may be cancelled at any moment. The process would then run without
anybody to stop it, so a start that has begun is always seen through.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerator.localheroku.running.runner import Process, ProcessOrder, Runner


class Starting:
    """Start processes; a start that has begun is never given up half-way."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._starting: set[asyncio.Task[Process]] = set()

    async def start(
        self,
        order: ProcessOrder,
        on_line: Callable[[str], None],
        on_state: Callable[[Process], None],
    ) -> Process:
        """Start a process and return it."""
        task = asyncio.get_running_loop().create_task(self._runner.start(order, on_line, on_state))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for the starts that have begun."""
        await asyncio.gather(*self._starting, return_exceptions=True)
