"""Visit an address as a browser would, once, for as long as a visitor would have patience."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import HTTPError, NameResolutionError

from accelerator.remotes import is_loopback
from accelerator.web.bodies import blocks_of
from accelerator.web.redirects import follow
from accelerator.web.sessions import Session, split

if TYPE_CHECKING:
    from accelerator.waiting import Deadline

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0  # for a sign of life
VISIT_SECONDS = 30.0  # for all of it: redirects, headers, body
BODY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer must be: its status (None: any of 200 to 399), and a text in it.

    The text must be in the first MiB of the body, or in the ``header`` where one is named.
    """

    status: int | None = None
    text: str | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one try saw; ``flaw`` is None when it was as expected.

    It is not ``conclusive`` when this machine could not ask at all: that says nothing of the app.
    Nor is it when the run's own time was over too soon (``cut_short``).
    """

    flaw: str | None
    conclusive: bool = True
    cut_short: bool = False

    def cut(self) -> Seen:
        """Return the same as the last that was seen before the run's own time was over."""
        return replace(self, conclusive=False, cut_short=True)


def visit(url: str, expected: Expected, deadline: Deadline) -> Seen:
    """Ask once, following redirects as a visitor's browser would; what takes too long is left.

    On loopback any certificate will do: plain HTTP is taken there as well.
    """
    patience = max(0.1, min(VISIT_SECONDS, deadline.remaining))
    pause = min(ANSWER_SECONDS, patience)

    def ask(address: str) -> requests.Response:
        return session.get(
            address,
            timeout=(min(CONNECT_SECONDS, pause), pause),
            headers={"Cache-Control": "no-cache"},
            allow_redirects=False,
            # No network lies between this machine and itself, and no authority vouches for it.
            verify=not is_loopback(split(address).hostname or ""),
        )

    try:
        # Of the environment nothing is taken: a netrc entry must not travel to the app.
        with Session({}) as session, session.within(patience), follow(url, ask) as answer:
            return Seen(_find_flaw(answer, expected, deadline))
    except requests.Timeout:
        return Seen("did not answer in time")
    except (requests.RequestException, HTTPError, OSError) as error:
        return Seen(f"did not answer ({type(error).__name__})", not _is_our_trouble(error))


def _find_flaw(answer: requests.Response, expected: Expected, deadline: Deadline) -> str | None:
    status, text = answer.status_code, expected.text
    if status not in ({expected.status} if expected.status is not None else range(200, 400)):
        return f"answered {status}"
    if text is None:
        return None
    if expected.header is not None:
        is_there = text in answer.headers.get(expected.header, "")
        return None if is_there else f"answered {status} without {text!r} in {expected.header}"
    if not _has_text(answer, text.encode(), deadline):
        return f"answered {status} without the text {text!r}"
    return None


def _has_text(answer: requests.Response, text: bytes, deadline: Deadline) -> bool:
    """Read the body, decoded, as far as it takes to find the text."""
    body = bytearray()
    for block in blocks_of(answer):
        searched = max(0, len(body) - len(text))
        body += block
        if body.find(text, searched) >= 0:
            return True
        if len(body) >= BODY_BYTES or deadline.remaining <= 0:
            break
    return False


def _is_our_trouble(error: Exception) -> bool:
    """Return whether this machine could not even ask: no name service, no way through a proxy."""
    if isinstance(error, requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NameResolutionError)
