"""Locks that dead runners left: whose they were, and what becomes of them.

The next attempt at the same job takes over what the last one left. Where none comes any more, the
platform's clock is moved to where the lock has run out. Only while no deploy job runs: each reads
the platform's time when it starts, and a clock that jumps under it would be a platform nobody has.
The time that passes so counts as if it had been waited.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from stress_parts.site import Site

Asked = Callable[[str | None], bool]
LOOK_SECONDS = 0.25
BEYOND_SECONDS = 7.0  # a lock counts a few seconds longer than it says


class Gate:
    """Deploy jobs pass while it is open; who closes it waits until the last one is through."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside = 0
        self._is_open = True

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside, as soon as the gate is open."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_open)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let nobody in, and wait until nobody is inside."""
        with self._changed:
            self._is_open = False
            self._changed.wait_for(lambda: self._inside == 0)
        try:
            yield
        finally:
            with self._changed:
                self._is_open = True
                self._changed.notify_all()


class TimePassing:
    """Look for locks whose holder is dead, as long as the block lasts; keeps them by their job."""

    def __init__(self, site: Site, gate: Gate, is_running: Asked, is_coming: Asked) -> None:
        self.left: dict[str, dict[str, Any]] = {}
        self._site, self._gate = site, gate
        self._is_running, self._is_coming = is_running, is_coming
        self._over = Event()
        self._thread = Thread(target=self._look, name="time passing")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            if self._find_lost():
                with self._gate.closed():
                    let_locks_run_out(self._site, self._find_lost())

    def _find_lost(self) -> list[dict[str, Any]]:
        """Find locks that nobody comes back for."""
        dead = self._find_dead()
        self.left |= {note["link"]: note for note in dead}
        return [note for note in dead if not self._is_coming(note["link"])]

    def _find_dead(self) -> list[dict[str, Any]]:
        held = (note for note in self._site.read_locks() if note["state"] == "held")
        dead = [note for note in held if not self._is_running(note["link"])]
        dead = [note for note in dead if seconds_left(self._site, note) > 0]
        # One just given back may have been read in its last moment, its job being over by now.
        return dead if dead and _stand_still(self._site, dead) else []


def _stand_still(site: Site, notes: list[dict[str, Any]]) -> bool:
    time.sleep(LOOK_SECONDS)
    standing = {note["nonce"] for note in site.read_locks()}
    return all(note["nonce"] in standing for note in notes)


def let_locks_run_out(site: Site, notes: list[dict[str, Any]]) -> None:
    """Move the platform's clock to where these locks are free; the stream's clock moves along."""
    seconds = max((seconds_left(site, note) for note in notes), default=0.0)
    if seconds > 0:
        site.control("POST", "clock", {"advance_seconds": seconds})
        site.clock.skipped += seconds


def seconds_left(site: Site, note: dict[str, Any]) -> float:
    """Give how long a lock still counts, by the platform's clock."""
    now = datetime.fromisoformat(site.read_moment())
    free = datetime.fromisoformat(note["expires_at"]) + timedelta(seconds=BEYOND_SECONDS)
    return (free - now).total_seconds()
