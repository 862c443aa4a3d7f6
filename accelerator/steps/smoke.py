"""Smoke checks: does the app answer as it should, asked the way a visitor asks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError

from accelerator.errors import UsageProblem
from accelerator.waiting import StillPending, wait_for

if TYPE_CHECKING:
    from accelerator.models import Commit
    from accelerator.steps.run import Run
    from accelerator.waiting import Deadline

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
BODY_BYTES = 1 << 20
BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class SmokeCheck:
    """One address that must answer.

    ``url`` is a path on the app's `web_url` or a full URL; ``text``, if any, must be in the first
    MiB of the body, where ``{commit}`` stands for the full sha: the proof that this commit serves.
    ``status`` is the expected HTTP status; None takes any of 200 to 399.
    """

    url: str
    status: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one try saw; ``flaw`` is None when it was as expected."""

    flaw: str | None


def parse_check(text: str) -> SmokeCheck:
    """Read a check as written in flags and files: URL, then maybe a status, then maybe a text.

    ``/health``, ``/up 204``, ``/health {commit}``, ``https://foo.example/ 200 Welcome home``.
    """
    url, _, rest = text.strip().partition(" ")
    if not re.match(r"/|https?://", url):
        raise UsageProblem(
            f"the smoke check {text!r} is neither a path on the app nor a URL",
            "write it as /health, or https://…, with the expected status and text behind it",
        )
    found = re.fullmatch(r"(?:(\d{3})(?: |$))?(.*)", rest.strip())
    status, expected = found.groups() if found else (None, rest)
    return SmokeCheck(url, int(status) if status else None, expected or None)


def check_smoke(
    run: Run, checks: tuple[SmokeCheck, ...], web_url: str | None, commit: Commit | None
) -> str | None:
    """Ask each address until it answers as expected; gives the first flaw left at the deadline.

    A text with ``{commit}`` is not asked for when the commit is not known (after a rollback, say).
    No credential is ever sent: these are the app's own addresses.
    """
    deadline = run.deadline.within(run.waits.smoke)
    for check in checks:
        url = resolve(check, web_url)
        text = expected_text(check, commit)
        try:
            wait_for(
                partial(ask, url, check.status, text, deadline),
                lambda answer: answer.flaw is None,
                deadline,
            )
        except StillPending as pending:
            flaw = pending.seen.flaw if isinstance(pending.seen, Answer) else "no answer"
            return f"{url} {flaw}"
    return None


def resolve(check: SmokeCheck, web_url: str | None) -> str:
    """Make a full URL of a path; raises `UsageProblem` when the app has no address."""
    if re.match(r"https?://", check.url):
        return check.url
    if web_url is None:
        raise UsageProblem(f"the app has no web_url for the smoke path {check.url}")
    return urljoin(web_url, check.url.lstrip("/"))


def expected_text(check: SmokeCheck, commit: Commit | None) -> str | None:
    """Fill the commit into a check's text."""
    if check.text is None or "{commit}" not in check.text:
        return check.text
    return check.text.replace("{commit}", commit.sha) if commit else None


def ask(url: str, status: int | None, text: str | None, deadline: Deadline) -> Answer:
    """Ask once, following redirects as a visitor's browser would; a body that drips is left."""
    patience = max(0.1, min(ANSWER_SECONDS, deadline.remaining))
    try:
        with requests.Session() as session:
            session.trust_env = False  # a netrc entry must not travel to the app
            answer = session.get(
                url,
                timeout=(min(CONNECT_SECONDS, patience), patience),
                stream=True,
                headers={"Cache-Control": "no-cache"},
            )
            with answer:
                return Answer(_flaw(answer, status, text, deadline))
    except (requests.RequestException, HTTPError, OSError) as error:
        return Answer(f"did not answer ({type(error).__name__})")


def _flaw(
    answer: requests.Response, status: int | None, text: str | None, deadline: Deadline
) -> str | None:
    seen, wanted = answer.status_code, {status} if status is not None else range(200, 400)
    if seen not in wanted:
        return f"answered {seen}"
    if text is not None and not _has_text(answer, text.encode(), deadline):
        return f"answered {seen} without the text {text!r}"
    return None


def _has_text(answer: requests.Response, text: bytes, deadline: Deadline) -> bool:
    """Read the body, decoded, as far as it takes to find the text."""
    body = bytearray()
    while len(body) < BODY_BYTES:
        block = answer.raw.read1(BLOCK_BYTES, decode_content=True)
        searched = max(0, len(body) - len(text))
        body += block
        if body.find(text, searched) >= 0:
            return True
        if not block or deadline.remaining <= 0:
            break
    return False
