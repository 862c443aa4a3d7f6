"""Ask the targets again and again over HTTP which commit they serve, as visitors would."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from stress_parts.site import TARGETS, ask_once

if TYPE_CHECKING:
    from types import TracebackType

    from stress_parts.site import Site

LOOK_SECONDS = 0.15


@dataclass(frozen=True)
class Sight:
    """A target began to serve another commit than at the last look."""

    app: str
    number: int
    at: float


class Watching:
    """Note every change of what a target serves, as long as the block lasts."""

    def __init__(self, site: Site, sights: list[Sight]) -> None:
        self._site, self._sights = site, sights
        self._over = Event()
        self._threads = [Thread(target=self._watch, args=(app,), name=app) for app in TARGETS]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        time.sleep(2 * LOOK_SECONDS)  # the last release is seen too
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, app: str) -> None:
        last: int | None = None
        while not self._over.wait(LOOK_SECONDS):
            number = ask_once(self._site.urls[app])
            if number is not None and number != last:
                self._sights.append(Sight(app, number, self._site.clock.now()))
                last = number
