"""One request on the wire, and how long to go on asking."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from urllib3.exceptions import HTTPError

from accelerator.errors import (
    NotThePlatform,
    OutcomeUnknown,
    RateLimited,
    Unreachable,
    UsageProblem,
)
from accelerator.events import Requested, Retried
from accelerator.foreign import one_line
from accelerator.heroku.answers import SIGNED, Call, NoAnswer, error_of, silence_of
from accelerator.heroku.usage import Meter
from accelerator.waiting import reading
from accelerator.web.bodies import read_block, read_body
from accelerator.web.redirects import follow
from accelerator.web.sessions import in_time, proxies_for, split
from accelerator.web.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from threading import Event

    from accelerator.events import Listener
    from accelerator.waiting import Deadline
    from accelerator.web.sessions import Session
    from accelerator.web.watch import Stretch

Answer = TypeVar("Answer")

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
# For a whole answer, its headers and its body: nothing that Heroku says takes longer.
ANSWER_SECONDS = 120.0
BODY_BYTES = 4 << 20
ERROR_BYTES = 1 << 16
MOST_REDIRECTS = 5  # of a signed address
_LONGEST_ID = 100
# A socket needs some time even when a deadline is a moment away.
_LEAST_SECONDS = 0.1
_LONGEST_RATE_PAUSE = 30.0
# An empty bucket has its first tokens again within a minute. A longer drought will not end soon.
RATE_LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Exchange:
    """What all requests of one client share: its time, its patience, its listener, its counts."""

    deadline: Deadline
    listener: Listener
    patience_seconds: float
    environment: Mapping[str, str]
    meter: Meter = field(default_factory=Meter)
    watch: Watch = field(default_factory=Watch)

    def send(
        self,
        session: Session,
        call: Call,
        url: str,
        deadline: Deadline,
        most_seconds: float = ANSWER_SECONDS,
        **options: Any,
    ) -> requests.Response:
        """Send one request, once, and read its answer; raises `NoAnswer` when there is none.

        It ends within `most_seconds`. Redirects are not followed: the API has none, and one
        elsewhere is none of ours.
        """
        seconds = time_for(call, deadline, most_seconds)
        with self._exchanged(call, url) as told, session.within(seconds):
            answer = self._request(session, call, url, deadline, **options)
            _read_in(answer, call)
            told.append(answer)
        return answer

    def open(
        self, session: Session, call: Call, url: str, deadline: Deadline, **options: Any
    ) -> Download:
        """Send one request, once, for a body to be read as it comes; the caller closes it.

        The headers come within the time of a read, the body until the deadline. A few redirects
        are followed.
        """
        stretch = session.watch.begin(time_for(call, deadline, READ_SECONDS))
        try:
            with self._exchanged(call, url) as told, in_time(stretch):
                answer = follow(
                    url,
                    lambda address: self._request(session, call, address, deadline, **options),
                    MOST_REDIRECTS,
                )
                told.append(answer)
            stretch.extend(deadline.remaining)
        except BaseException:
            stretch.end()
            raise
        return Download(answer, stretch)

    def _request(
        self, session: Session, call: Call, url: str, deadline: Deadline, **options: Any
    ) -> requests.Response:
        return session.request(
            call.method,
            url,
            timeout=timeouts(call, deadline),
            proxies=proxies_for(url, self.environment),
            allow_redirects=False,
            **options,
        )

    def repeat(
        self,
        call: Call,
        attempt: Callable[[], Answer],
        patience: Patience | None = None,
        again: Callable[[], object] | None = None,
    ) -> Answer:
        """Make the attempt, again while that is harmless, sensible and within the deadline.

        Harmless is decided where errors are made: a write that may have been done ends as
        `OutcomeUnknown`, which is never repeated. A write comes here as `Unreachable` only if no
        request reached the server, and as `RateLimited` only if Heroku turned it away unread.
        `again` is called before each attempt but the first, and what it raises ends this: minutes
        may have passed.
        """
        is_first = True

        def look() -> Answer:
            nonlocal is_first
            if not is_first and again is not None:
                again()
            is_first = False
            try:
                return attempt()
            except NoAnswer as failure:
                raise error_of(call, failure) from failure.__cause__

        def on_retry(error: BaseException, pause: float) -> None:
            if call.path != SIGNED:
                self.meter.count_retry()
            why = str(error).removesuffix(f" ({call})")
            self.listener(Retried(str(call), why, pause))

        patience = patience or Patience(self.deadline, self.patience_seconds)
        hurry, limit = patience.hurry, patience.deadline
        return reading(look, limit, patience.allows, patience.extra_pause, on_retry, hurry)

    @contextmanager
    def _exchanged(self, call: Call, url: str) -> Iterator[list[requests.Response]]:
        """Report an exchange, and turn what the libraries raise into `NoAnswer`."""
        begun, told = self.deadline.clock.now(), list[requests.Response]()
        try:
            yield told
        except (requests.RequestException, HTTPError) as error:
            is_sent = self.watch.current.is_connected
            # A signed address may be in the text of the error, so that is not even chained.
            cause = None if call.path == SIGNED else error
            raise silence_of(error, _host(url), is_sent=is_sent) from cause
        except OSError as error:
            raise UsageProblem(
                "the CA bundle cannot be read",
                "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE must name a readable file",
            ) from error
        finally:
            answer = told[0] if told else None
            self._report(call, answer, self.deadline.clock.now() - begun)

    def _report(self, call: Call, answer: requests.Response | None, seconds: float) -> None:
        headers = {} if answer is None else answer.headers
        status = None if answer is None else answer.status_code
        request_id = None
        if call.path != SIGNED:
            self.meter.count_request()
            self.meter.see_remaining(headers.get("RateLimit-Remaining"))
            self.meter.see_date(headers.get("Date"), self.deadline.clock.moment())
            request_id = one_line(headers.get("Request-Id", ""), _LONGEST_ID) or None
        # Whatever becomes of the telling, the answer is what the caller needs to know.
        with suppress(Exception):
            self.listener(Requested(call.method, call.path, status, seconds, request_id))


def _read_in(answer: requests.Response, call: Call) -> None:
    """Read the body into the answer, as far as it is wanted: none of redirects and of storage.

    Of an error the status says what matters: words that cannot be read are none.
    """
    status, body = answer.status_code, b""
    try:
        if call.path != SIGNED and status < 300:
            body = read_body(answer, BODY_BYTES)
        elif call.path != SIGNED and status >= 400:
            with suppress(requests.RequestException):
                body = read_body(answer, ERROR_BYTES)
    finally:
        answer.raw.close()
    answer._content = body  # where `content` looks for it
    answer._content_consumed = True  # type: ignore[attr-defined]


class Download:
    """A body that is read as it comes, until the deadline it was opened with."""

    def __init__(self, answer: requests.Response, stretch: Stretch) -> None:
        self._stretch = stretch
        self._answer = answer
        self.status_code = answer.status_code
        self.headers = answer.headers

    def read(self) -> bytes:
        """Read what has come, at most a block; nothing at its end. Raises errors of requests."""
        with in_time(self._stretch):
            return read_block(self._answer)

    def close(self) -> None:
        """Close it, read or not."""
        self._stretch.end()
        self._answer.close()


class Patience:
    """When to stop asking: silence has one limit, a rate limit a longer one, both the deadline.

    While `is_excused` returns true, silence does not count. Setting `hurry` ends its pauses.
    """

    hurry: Event | None = None

    def __init__(
        self, deadline: Deadline, seconds: float, is_excused: Callable[[], bool] = lambda: False
    ) -> None:
        self.deadline = deadline
        self._clock = deadline.clock
        self._seconds = seconds
        self._is_excused = is_excused
        self._begun = deadline.clock.now()
        self._silent_since: float | None = self._begun
        self._failures = 0
        self._rate_pause = 1.0

    def allows(self, error: BaseException) -> bool:
        """Return whether to ask again; once at least, even after one long timeout."""
        if not isinstance(error, Unreachable) or isinstance(error, NotThePlatform):
            return False
        if isinstance(error, RateLimited) or self._is_excused():
            self._silent_since, self._failures = None, 0
            return self._clock.now() - self._begun < RATE_LIMIT_SECONDS
        self._failures += 1
        if self._silent_since is None:
            self._silent_since = self._clock.now()
        silence = self._clock.now() - self._silent_since
        return silence < self._seconds or (self._failures == 1 and self._seconds > 0)

    def extra_pause(self, error: BaseException) -> float:
        """Wait 2, 4, 8 … 30 s longer for tokens: about 75 come back per minute."""
        if not isinstance(error, RateLimited):
            return 0.0
        self._rate_pause = min(_LONGEST_RATE_PAUSE, self._rate_pause * 2)
        return self._rate_pause


def timeouts(call: Call, deadline: Deadline) -> tuple[float, float]:
    """Return connect and read seconds, cut to the deadline; past it nothing is sent at all."""
    left = deadline.remaining
    if left <= 0:
        raise time_is_up(call)
    left = max(left, _LEAST_SECONDS)
    return min(CONNECT_SECONDS, left), min(READ_SECONDS, left)


def time_for(call: Call, deadline: Deadline, most_seconds: float) -> float:
    """Return the seconds for all of an exchange, cut to the deadline; past it nothing is sent."""
    left = deadline.remaining
    if left <= 0:
        raise time_is_up(call)
    return min(most_seconds, max(left, _LEAST_SECONDS))


def time_is_up(call: Call) -> OutcomeUnknown:
    """Make the error for a request there was no time left for."""
    return OutcomeUnknown(
        f"the time allowed was over before {call} was sent",
        "run the same command again with more time (--timeout): it goes on where this one ended",
    )


def _host(url: str) -> str:
    parts = split(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
