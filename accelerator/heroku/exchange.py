"""One request on the wire, and how long to go on asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests

from accelerator.errors import (
    NotThePlatform,
    OutcomeUnknown,
    RateLimited,
    Unreachable,
    UsageProblem,
)
from accelerator.events import Requested, Retried
from accelerator.heroku.answers import SIGNED, Call, NoAnswer, error_of, silence_of
from accelerator.heroku.sessions import proxies_for
from accelerator.heroku.usage import Meter
from accelerator.waiting import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelerator.events import Listener
    from accelerator.waiting import Deadline

Answer = TypeVar("Answer")

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
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

    def send(
        self, session: requests.Session, call: Call, url: str, deadline: Deadline, **options: Any
    ) -> requests.Response:
        """Send one request, once, with timeouts; raises `NoAnswer` when there is none.

        Redirects are left to the caller: the API has none, and one elsewhere is none of ours.
        """
        options = {"allow_redirects": False, **options}
        begun, answer = deadline.clock.now(), None
        try:
            answer = session.request(
                call.method,
                url,
                timeout=timeouts(call, deadline),
                proxies=proxies_for(url, self.environment),
                **options,
            )
        except requests.RequestException as error:
            # A signed address may be in the text of the error, so that is not even chained.
            cause = None if call.path == SIGNED else error
            raise silence_of(error, _host(url)) from cause
        except OSError as error:
            raise UsageProblem(
                "the CA bundle cannot be read",
                "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE must name a readable file",
            ) from error
        finally:
            self._report(call, answer, deadline.clock.now() - begun)
        return answer

    def repeat(
        self, call: Call, attempt: Callable[[], Answer], patience: Patience | None = None
    ) -> Answer:
        """Make the attempt, again while that is harmless, sensible and within the deadline.

        Harmless is decided where errors are made: a write that may have been done ends as
        `OutcomeUnknown`, which is never repeated. A write comes here as `Unreachable` only if no
        request reached the server, and as `RateLimited` only if Heroku turned it away unread.
        """

        def look() -> Answer:
            try:
                return attempt()
            except NoAnswer as failure:
                raise error_of(call, failure) from failure.__cause__

        def on_retry(error: BaseException, pause: float) -> None:
            if call.path != SIGNED:
                self.meter.count_retry()
            why = str(error).removeprefix(str(call)).lstrip(": ")
            self.listener(Retried(str(call), why, pause))

        patience = patience or Patience(self.deadline, self.patience_seconds)
        return reading(look, patience.deadline, patience.allows, patience.extra_pause, on_retry)

    def _report(self, call: Call, answer: requests.Response | None, seconds: float) -> None:
        headers = {} if answer is None else answer.headers
        if call.path != SIGNED:
            self.meter.count_request()
            self.meter.see_remaining(headers.get("RateLimit-Remaining"))
            self.meter.see_date(headers.get("Date"), self.deadline.clock.moment())
        status = None if answer is None else answer.status_code
        request_id = headers.get("Request-Id") if call.path != SIGNED else None
        self.listener(Requested(call.method, call.path, status, seconds, request_id))


class Patience:
    """When to stop asking: silence has one limit, a rate limit a longer one, both the deadline.

    While `is_excused` returns true, silence does not count.
    """

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


def time_is_up(call: Call) -> OutcomeUnknown:
    """Make the error for a request there was no time left for."""
    return OutcomeUnknown(
        f"the time allowed was over before {call} was sent",
        "run the same command again with more time (--timeout): it goes on where this one ended",
    )


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
