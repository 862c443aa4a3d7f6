"""Which lines of an app's log a client may read, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from accelerator.localheroku.state.store import new_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from accelerator.localheroku.clock import Clock
    from accelerator.localheroku.streams.logs import Line, Logs

_KEPT = timedelta(hours=2)


@dataclass(frozen=True)
class Selection:
    """Which lines of a log are wanted; `dyno` may also name a process type."""

    source: str | None = None
    dyno: str | None = None
    type: str | None = None

    def takes(self, line: Line) -> bool:
        """Return whether a line is wanted."""
        source, _, rest = line.source.partition("[")
        dyno = rest.rstrip("]")
        names = {dyno, dyno.partition(".")[0]}
        return (
            self.source in {None, "", source}
            and (not self.dyno or self.dyno in names)
            and (not self.type or self.type in names)
        )


@dataclass(frozen=True)
class Wish:
    """What a reader wants: how many of the newest lines, which, and whether also what follows."""

    lines: int
    tail: bool
    selection: Selection


@dataclass(frozen=True)
class LogSession:
    """A wish that was granted."""

    id: str
    app_id: str
    wish: Wish
    opened_at: datetime


class LogSessions:
    """All log sessions that can still be read."""

    def __init__(self, logs: Logs, clock: Clock) -> None:
        self._logs = logs
        self._clock = clock
        self._sessions: dict[str, LogSession] = {}

    def open(self, app_id: str, wish: Wish) -> LogSession:
        """Open a session, and forget those whose URLs have long expired."""
        now = self._clock.now()
        session = LogSession(new_id(), app_id, wish, now)
        old = [one.id for one in self._sessions.values() if now - one.opened_at > _KEPT]
        for id in old:
            del self._sessions[id]
        self._sessions[session.id] = session
        return session

    def find(self, id: str) -> LogSession | None:
        """Return a session that can still be read, if there is one of this id."""
        return self._sessions.get(id)

    async def lines(self, session: LogSession, seen: int | None) -> AsyncIterator[Line]:
        """Yield the lines of a session; a reader that has `seen` a line gets those after it."""
        wish = session.wish
        wanted = [line for line in self._logs.lines(session.app_id) if wish.selection.takes(line)]
        newest = wanted[-wish.lines :] if wish.lines > 0 else []
        chosen = newest if seen is None else [line for line in wanted if line.number > seen]
        last = self._logs.last_number
        for line in chosen:
            yield line
        if wish.tail:
            async for line in self._logs.follow(session.app_id, last):
                if wish.selection.takes(line):
                    yield line
