"""Visit an address as a browser would, once, for as long as a visitor would have patience."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import HTTPError, NameResolutionError

from accelerator.foreign import hide_credentials, one_line
from accelerator.remotes import is_loopback
from accelerator.steps.verify.saw import Answer
from accelerator.web.bodies import blocks_of
from accelerator.web.redirects import follow
from accelerator.web.sessions import Session, split

if TYPE_CHECKING:
    from accelerator.steps.verify.saw import Checked
    from accelerator.waiting import Deadline

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0  # for a sign of life
VISIT_SECONDS = 30.0  # for all of it: redirects, headers, body
BODY_BYTES = 1 << 20
WORD_BYTES = 1 << 14  # of a body that is shown to people
LINES, LETTERS = 8, 200

_PAGE = re.compile(r"\s*<")
_TITLE = re.compile(r"<title[^<>]{0,99}>([^<]{1,999})</title", re.IGNORECASE)
_UNSAID = re.compile(r"<(style|script)\b.*?(</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")


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
    Nor is it when the run's own time was over too soon (``cut_short``). ``answer`` is what came,
    ``checked`` how the checks ended that were tried; both are for people.
    """

    flaw: str | None
    conclusive: bool = True
    cut_short: bool = False
    answer: Answer = field(default=Answer(), compare=False)
    checked: tuple[Checked, ...] = field(default=(), compare=False)

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
            body = bytearray()
            flaw = _find_flaw(answer, expected, deadline, body)
            told = Answer(answer.status_code) if flaw is None else _describe(answer, expected, body)
            return Seen(flaw, answer=told)
    except requests.Timeout:
        return Seen("did not answer in time")
    except (requests.RequestException, HTTPError, OSError) as error:
        return Seen(f"did not answer ({type(error).__name__})", not _is_our_trouble(error))


def _find_flaw(
    answer: requests.Response, expected: Expected, deadline: Deadline, body: bytearray
) -> str | None:
    """Return what is not as expected; what was read of the body is added to `body`."""
    status, text = answer.status_code, expected.text
    if status not in ({expected.status} if expected.status is not None else range(200, 400)):
        return f"answered {status}"
    if text is None:
        return None
    if expected.header is not None:
        is_there = text in answer.headers.get(expected.header, "")
        return None if is_there else f"answered {status} without {text!r} in {expected.header}"
    if not _has_text(answer, text.encode(), deadline, body):
        return f"answered {status} without the text {text!r}"
    return None


def _describe(answer: requests.Response, expected: Expected, body: bytearray) -> Answer:
    """Return an answer that is not as expected for people: its status, and what it begins with."""
    status, kind = answer.status_code, answer.headers.get("Content-Type", "")
    first = one_line(f"HTTP {status} {answer.reason or ''} {kind}", LETTERS)
    if expected.header is not None and (found := answer.headers.get(expected.header)):
        shown = _line(found)
        return Answer(status, lines=(first, f"{expected.header}: {shown}"), gist=shown)
    if not body:
        # Whatever is wrong with the body, the flaw is known.
        with suppress(requests.RequestException, HTTPError, OSError):
            body += next((block for block in blocks_of(answer) if block), b"")
    said = list_words(bytes(body[:WORD_BYTES]).decode("utf-8", "replace"))
    return Answer(status, lines=(first, *said), gist=said[0] if said else None)


def list_words(body: str) -> tuple[str, ...]:
    """Return the first lines of a body that say something; of a page its title."""
    if found := _TITLE.search(body):
        return (_line(unescape(found[1])),)
    text = _TAG.sub(" ", _UNSAID.sub(" ", body)) if _PAGE.match(body) else body
    said = (_line(line) for line in text.splitlines())
    return tuple(islice(filter(None, said), LINES))


def _line(said: str) -> str:
    """Return a line of a site's: it goes on into logs and notes, and errors name databases."""
    # Masked before it is cut: half a password has no @ behind it.
    return one_line(hide_credentials(said, hide_query=True), LETTERS)


def _has_text(answer: requests.Response, text: bytes, deadline: Deadline, body: bytearray) -> bool:
    """Read the body, decoded, as far as it takes to find the text."""
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
