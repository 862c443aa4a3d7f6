"""The newest lines of an app's log: a session is asked for, and read at its signed address."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from accelerator.foreign import parse_moment
from accelerator.heroku.answers import SIGNED, Call, NoAnswer
from accelerator.heroku.exchange import Patience
from accelerator.heroku.parsing import parse_log_address
from accelerator.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from accelerator.heroku.connection import Connection
    from accelerator.heroku.exchange import Download, Exchange
    from accelerator.heroku.storage import Storage
    from accelerator.waiting import Deadline

MOST_BYTES = 1 << 20  # of a log: the lines of a dyno may be far apart
ASKED = 100  # lines: what the router says of a dyno is among them
EVENTS = "text/event-stream"

_CALL = Call("GET", SIGNED, repeatable=True)
_LINE = re.compile(r"(?P<at>\S+) (?P<source>\w+)\[(?P<dyno>[\w.-]+)\]: ?(?P<text>.*)", re.DOTALL)


@dataclass(frozen=True, repr=False)
class LogSessions:
    """`/apps/{app}/log-sessions`: each for one reading of the log."""

    _connection: Connection
    _exchange: Exchange
    _storage: Storage

    def fetch_last(
        self, app: str, dyno: str, count: int, since: datetime, deadline: Deadline
    ) -> tuple[str, ...]:
        """Read the last lines of one dyno since then: its own, and what the platform says of it.

        Without their moments, and the platform's with its name before them. An app of the Fir
        generation keeps no lines: its sessions show only what comes, so it is not to be asked.
        """
        wish = {"dyno_name": dyno, "lines": max(count, ASKED), "tail": False}
        resource = ("apps", app, "log-sessions")
        url = self._connection.write_harmlessly(resource, parse_log_address, wish)
        patience = Patience(deadline, self._exchange.patience_seconds)
        lines = self._exchange.repeat(_CALL, lambda: self._read(url, deadline), patience)
        own = (said for line in lines if (said := _said_by(dyno, since, line)) is not None)
        return tuple(deque(own, maxlen=count))

    def _read(self, url: str, deadline: Deadline) -> tuple[str, ...]:
        # As Heroku's CLI asks; plain text is understood as well.
        headers = {"Accept": EVENTS, "Accept-Encoding": "identity"}
        answer = self._storage.open(url, headers, deadline)
        try:
            if answer.status_code >= 300:
                raise NoAnswer(f"answered {answer.status_code}", reached=True)
            lines = split_lines(_blocks(answer))
            has_events = EVENTS in answer.headers.get("Content-Type", "")
            return tuple(_data_of(lines) if has_events else lines)
        finally:
            answer.close()


def _blocks(answer: Download) -> Iterator[bytes]:
    """Yield the bytes, as far as they come: a log that is cut off is still one."""
    size = 0
    try:
        while size < MOST_BYTES and (block := answer.read()):
            size += len(block)
            yield block
    except requests.RequestException:
        return


def _data_of(lines: Iterator[str]) -> Iterator[str]:
    """Yield the data of events (HTML, section 9.2.6), a line each."""
    return (line.removeprefix("data:").removeprefix(" ") for line in lines if line[:5] == "data:")


def _said_by(dyno: str, since: datetime, line: str) -> str | None:
    """Return what a line says of this dyno, or None where it is of another one or older."""
    found = _LINE.fullmatch(line)
    if found is None or found["dyno"] != dyno or _is_before(since, found["at"]):
        return None
    return found["text"] if found["source"] == "app" else f"{found['source']}: {found['text']}"


def _is_before(since: datetime, text: str) -> bool:
    """Return whether a line is older; one whose moment cannot be read is kept."""
    try:
        return parse_moment(text) < since
    except ValueError:
        return False
