"""Logs of builds and release commands, line by line, across cut connections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from accelerator.errors import AcceleratorError
from accelerator.foreign import parse_count
from accelerator.heroku.answers import SIGNED, Call, NoAnswer
from accelerator.heroku.exchange import Patience
from accelerator.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from accelerator.heroku.exchange import Download, Exchange
    from accelerator.heroku.storage import Storage
    from accelerator.waiting import Deadline

# The address of a log answers 404 until the first output; Heroku's CLI waits as long.
STARTS_WITHIN_SECONDS = 100.0

_CALL = Call("GET", SIGNED, repeatable=True)


@dataclass(frozen=True, repr=False)
class Streams:
    """The `output_stream_url` of builds and releases."""

    _exchange: Exchange
    _storage: Storage

    def follow(
        self,
        url: str,
        *,
        deadline: Deadline,
        hurry: Event | None = None,
        on_trouble: Callable[[str], object] = lambda _: None,
    ) -> Iterator[str]:
        """Yield the lines as they come, until the log ends or the deadline passes.

        Logs are for eyes: what keeps one from being read ends the lines and raises nothing; it is
        told to `on_trouble`. That a log has not begun is no trouble. What became of a build or
        release is asked of the API: once that is known, `hurry` is set, and a log that has not
        begun is asked for again at once.
        """
        log = _Log(self._exchange, self._storage, url, deadline)
        log.hurry = hurry
        yield from split_lines(log.blocks())
        if log.trouble is not None:
            on_trouble(log.trouble)


class _Quiet(Exception):  # no failure: the log has had nothing to say for a while
    """Nothing came within one read timeout."""


class _Log:
    """The bytes of one log, each once, over as many connections as it takes."""

    def __init__(self, exchange: Exchange, storage: Storage, url: str, deadline: Deadline) -> None:
        self._exchange = exchange
        self._storage = storage
        self._url = url
        self._deadline = deadline
        self._starts = deadline.within(STARTS_WITHIN_SECONDS)
        self._is_unstarted = False
        self._position = 0
        self._skip = 0
        self._answer: Download | None = None
        self.hurry: Event | None = None
        self.trouble: str | None = None

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes; a cut connection is replaced by one that starts where it ended."""
        try:
            while self._deadline.remaining > 0 and (data := self._next_block()):
                yield data
        except AcceleratorError as error:
            if self._position or not self._is_unstarted:
                self.trouble = error.message.removeprefix(f"{_CALL}: ")
        finally:
            self._drop()

    def _next_block(self) -> bytes:
        # Opening and the first read are one attempt: a connection without a byte is no progress.
        while True:
            seconds = self._exchange.patience_seconds
            patience = Patience(self._deadline, seconds, self._is_starting)
            patience.hurry = self.hurry
            try:
                return self._exchange.repeat(_CALL, self._attempt, patience)
            except _Quiet:
                self._drop()

    def _is_starting(self) -> bool:
        return self._is_unstarted and self._starts.remaining > 0

    def _attempt(self) -> bytes:
        try:
            return self._read()
        except requests.ReadTimeout:
            raise _Quiet from None
        except NoAnswer:
            self._drop()
            raise
        except requests.RequestException:
            self._drop()
            raise NoAnswer("the log was cut off", reached=True) from None

    def _read(self) -> bytes:
        while True:
            answer = self._answer or self._open()
            block = answer.read() if answer else b""
            if not block:
                return b""
            # A NUL keeps a quiet connection open and is no part of the log.
            data = block.replace(b"\0", b"")
            fresh = data[self._skip :]
            self._skip -= len(data) - len(fresh)
            self._position += len(fresh)
            if fresh:
                return fresh

    def _open(self) -> Download | None:
        """Ask for the rest of the log; None when there is none to come."""
        headers = {"Accept": "text/plain", "Accept-Encoding": "identity"}
        if self._position:
            headers["Range"] = f"bytes={self._position}-"
        answer = self._storage.open(self._url, headers, self._deadline)
        self._is_unstarted = answer.status_code == 404
        self._answer = answer
        if answer.status_code < 300:
            self._skip = self._position - _start_of(answer, self._position)
            return answer
        self._drop()
        if self._is_unstarted or answer.status_code >= 500:
            raise NoAnswer(f"the log answered {answer.status_code}", reached=True)
        if answer.status_code != 416 or not self._position:  # else there is no more than was read
            self.trouble = f"it is answered with {answer.status_code}"
        return None

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None


def _start_of(answer: Download, position: int) -> int:
    """Return where an answer begins, `position` at the latest: 0 if the server takes no ranges."""
    if answer.status_code != 206:
        return 0
    found = re.match(r"bytes ([0-9]+)-", answer.headers.get("Content-Range", ""))
    start = parse_count(found[1]) if found else None
    if start is None or start > position:
        raise NoAnswer("part of a log came without its position", reached=True)
    return start
