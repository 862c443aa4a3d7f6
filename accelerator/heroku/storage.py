"""Signed addresses: uploads and downloads through a bare session that has no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelerator.errors import RequestInvalid
from accelerator.heroku.answers import SIGNED, Call, NoAnswer
from accelerator.heroku.exchange import READ_SECONDS, Patience, time_is_up
from accelerator.web.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    import requests

    from accelerator.heroku.exchange import Download, Exchange
    from accelerator.waiting import Deadline

# The slowest upload that is waited for: no line is so slow, only a server that does not read.
LEAST_BYTES_PER_SECOND = 16 << 10

_PUT = Call("PUT", SIGNED, repeatable=True)
_GET = Call("GET", SIGNED, repeatable=True)


class Storage:
    """Everything behind signed addresses. Nothing here ever shows one."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._session = Session(exchange.environment, watch=exchange.watch)

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def put(self, url: str, file: BinaryIO, size: int) -> None:
        """Upload `size` bytes, streamed; again only if the file can be rewound."""
        deadline = self._exchange.deadline
        start = file.tell() if file.seekable() else None
        most_seconds = READ_SECONDS + size / LEAST_BYTES_PER_SECOND

        def attempt() -> None:
            if start is not None:
                file.seek(start)
            body = _Body(file, size, deadline)
            headers = {"Content-Type": ""}  # part of what is signed
            answer = self._exchange.send(
                self._session, _PUT, url, deadline, most_seconds, data=body, headers=headers
            )
            _check(_PUT, answer)

        seconds = 0.0 if start is None else self._exchange.patience_seconds
        self._exchange.repeat(_PUT, attempt, Patience(deadline, seconds))

    def open(self, url: str, headers: dict[str, str], deadline: Deadline) -> Download:
        """Ask for a download once, to be read as it comes; the caller closes it."""
        return self._exchange.open(self._session, _GET, url, deadline, headers=headers)


def _check(call: Call, answer: requests.Response) -> None:
    status = answer.status_code
    if status >= 500 or status in {408, 429}:
        raise NoAnswer(f"the storage answered {status}", reached=True)
    if status >= 300:
        raise RequestInvalid(
            f"{call} answered {status}: the storage did not take the upload",
            "nothing was built; run the command again to get a fresh address",
        )


class _Body:
    """A file as a request body of known length, which requests would otherwise send in chunks."""

    def __init__(self, file: BinaryIO, size: int, deadline: Deadline) -> None:
        self._file = file
        self._left = self._size = size
        self._deadline = deadline

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(65536):
            yield data

    def read(self, amount: int = -1) -> bytes:
        if self._deadline.remaining <= 0:
            raise time_is_up(_PUT)
        wanted = self._left if amount < 0 else min(amount, self._left)
        data = self._file.read(wanted)
        if wanted and not data:
            raise ValueError(f"the source is {self._left} bytes shorter than announced")
        self._left -= len(data)
        return data
